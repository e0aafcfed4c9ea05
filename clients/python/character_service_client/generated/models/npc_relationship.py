from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="NpcRelationship")


@_attrs_define
class NpcRelationship:
    """A relationship between a character and a non-player character (NPC).

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        character_id (UUID): The id of the character.
        data (Any): Any other data, as a JSON object.
        id (UUID): The unique id; never changes.
        journal_entry_id (UUID): The id of the journal entry that it belongs to.
        last_interaction (datetime.datetime | None): When they last met.
        notes (None | str): Notes in free text.
        npc_id (None | UUID): The id of the NPC, when it has one.
        npc_name (str): The name of the NPC.
        relationship_type (str): The type in free text, such as `friend` or `rival`.
        standing (int): The standing, -100 to 100.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    character_id: UUID
    data: Any
    id: UUID
    journal_entry_id: UUID
    last_interaction: datetime.datetime | None
    notes: None | str
    npc_id: None | UUID
    npc_name: str
    relationship_type: str
    standing: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        revision = self.revision

        updated_at = self.updated_at.isoformat()

        character_id = str(self.character_id)

        data = self.data

        id = str(self.id)

        journal_entry_id = str(self.journal_entry_id)

        last_interaction: None | str
        if isinstance(self.last_interaction, datetime.datetime):
            last_interaction = self.last_interaction.isoformat()
        else:
            last_interaction = self.last_interaction

        notes: None | str
        notes = self.notes

        npc_id: None | str
        if isinstance(self.npc_id, UUID):
            npc_id = str(self.npc_id)
        else:
            npc_id = self.npc_id

        npc_name = self.npc_name

        relationship_type = self.relationship_type

        standing = self.standing

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "character_id": character_id,
                "data": data,
                "id": id,
                "journal_entry_id": journal_entry_id,
                "last_interaction": last_interaction,
                "notes": notes,
                "npc_id": npc_id,
                "npc_name": npc_name,
                "relationship_type": relationship_type,
                "standing": standing,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at"))

        revision = d.pop("revision")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        character_id = UUID(d.pop("character_id"))

        data = d.pop("data")

        id = UUID(d.pop("id"))

        journal_entry_id = UUID(d.pop("journal_entry_id"))

        def _parse_last_interaction(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_interaction_type_0 = datetime.datetime.fromisoformat(data)

                return last_interaction_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_interaction = _parse_last_interaction(d.pop("last_interaction"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        def _parse_npc_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                npc_id_type_0 = UUID(data)

                return npc_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        npc_id = _parse_npc_id(d.pop("npc_id"))

        npc_name = d.pop("npc_name")

        relationship_type = d.pop("relationship_type")

        standing = d.pop("standing")

        npc_relationship = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            character_id=character_id,
            data=data,
            id=id,
            journal_entry_id=journal_entry_id,
            last_interaction=last_interaction,
            notes=notes,
            npc_id=npc_id,
            npc_name=npc_name,
            relationship_type=relationship_type,
            standing=standing,
        )

        npc_relationship.additional_properties = d
        return npc_relationship

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
