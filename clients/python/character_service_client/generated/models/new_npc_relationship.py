from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewNpcRelationship")


@_attrs_define
class NewNpcRelationship:
    """A new relationship. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        npc_name (str): The name of the NPC.
        data (Any | Unset): Any other data, as a JSON object.
        id (None | Unset | UUID): Default: a new UUID of version 7.
        last_interaction (datetime.datetime | None | Unset): When they last met.
        notes (None | str | Unset): Notes in free text.
        npc_id (None | Unset | UUID): The id of the NPC, when it has one.
        relationship_type (None | str | Unset): The type in free text, such as `friend` or `rival`.
        standing (int | None | Unset): The standing, -100 to 100.
    """

    npc_name: str
    data: Any | Unset = UNSET
    id: None | Unset | UUID = UNSET
    last_interaction: datetime.datetime | None | Unset = UNSET
    notes: None | str | Unset = UNSET
    npc_id: None | Unset | UUID = UNSET
    relationship_type: None | str | Unset = UNSET
    standing: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        npc_name = self.npc_name

        data = self.data

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        last_interaction: None | str | Unset
        if isinstance(self.last_interaction, Unset):
            last_interaction = UNSET
        elif isinstance(self.last_interaction, datetime.datetime):
            last_interaction = self.last_interaction.isoformat()
        else:
            last_interaction = self.last_interaction

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        npc_id: None | str | Unset
        if isinstance(self.npc_id, Unset):
            npc_id = UNSET
        elif isinstance(self.npc_id, UUID):
            npc_id = str(self.npc_id)
        else:
            npc_id = self.npc_id

        relationship_type: None | str | Unset
        if isinstance(self.relationship_type, Unset):
            relationship_type = UNSET
        else:
            relationship_type = self.relationship_type

        standing: int | None | Unset
        if isinstance(self.standing, Unset):
            standing = UNSET
        else:
            standing = self.standing

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "npc_name": npc_name,
            }
        )
        if data is not UNSET:
            field_dict["data"] = data
        if id is not UNSET:
            field_dict["id"] = id
        if last_interaction is not UNSET:
            field_dict["last_interaction"] = last_interaction
        if notes is not UNSET:
            field_dict["notes"] = notes
        if npc_id is not UNSET:
            field_dict["npc_id"] = npc_id
        if relationship_type is not UNSET:
            field_dict["relationship_type"] = relationship_type
        if standing is not UNSET:
            field_dict["standing"] = standing

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        npc_name = d.pop("npc_name")

        data = d.pop("data", UNSET)

        def _parse_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                id_type_0 = UUID(data)

                return id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        id = _parse_id(d.pop("id", UNSET))

        def _parse_last_interaction(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_interaction_type_0 = datetime.datetime.fromisoformat(data)

                return last_interaction_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        last_interaction = _parse_last_interaction(d.pop("last_interaction", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        def _parse_npc_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                npc_id_type_0 = UUID(data)

                return npc_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        npc_id = _parse_npc_id(d.pop("npc_id", UNSET))

        def _parse_relationship_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        relationship_type = _parse_relationship_type(d.pop("relationship_type", UNSET))

        def _parse_standing(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        standing = _parse_standing(d.pop("standing", UNSET))

        new_npc_relationship = cls(
            npc_name=npc_name,
            data=data,
            id=id,
            last_interaction=last_interaction,
            notes=notes,
            npc_id=npc_id,
            relationship_type=relationship_type,
            standing=standing,
        )

        return new_npc_relationship
