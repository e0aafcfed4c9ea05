from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="VersionNode")


@_attrs_define
class VersionNode:
    """A version as a node of the version tree.

    Attributes:
        author (None | str): The author: the `X-User-Id` of the request.
        character_id (UUID): The id of the character.
        created_at (datetime.datetime): When it was created, UTC.
        id (UUID): The unique id.
        label (None | str): The label that a user gave it.
        number (int): The revision of the character in this version.
        parent_id (None | UUID): The id of the previous version.
        reason (str): The operation that created it, such as `character.updated`.
        restored_from (None | UUID): The id of the version whose state it restored.
    """

    author: None | str
    character_id: UUID
    created_at: datetime.datetime
    id: UUID
    label: None | str
    number: int
    parent_id: None | UUID
    reason: str
    restored_from: None | UUID
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        author: None | str
        author = self.author

        character_id = str(self.character_id)

        created_at = self.created_at.isoformat()

        id = str(self.id)

        label: None | str
        label = self.label

        number = self.number

        parent_id: None | str
        if isinstance(self.parent_id, UUID):
            parent_id = str(self.parent_id)
        else:
            parent_id = self.parent_id

        reason = self.reason

        restored_from: None | str
        if isinstance(self.restored_from, UUID):
            restored_from = str(self.restored_from)
        else:
            restored_from = self.restored_from

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "author": author,
                "character_id": character_id,
                "created_at": created_at,
                "id": id,
                "label": label,
                "number": number,
                "parent_id": parent_id,
                "reason": reason,
                "restored_from": restored_from,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_author(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        author = _parse_author(d.pop("author"))

        character_id = UUID(d.pop("character_id"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        id = UUID(d.pop("id"))

        def _parse_label(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        label = _parse_label(d.pop("label"))

        number = d.pop("number")

        def _parse_parent_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                parent_id_type_0 = UUID(data)

                return parent_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        parent_id = _parse_parent_id(d.pop("parent_id"))

        reason = d.pop("reason")

        def _parse_restored_from(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                restored_from_type_0 = UUID(data)

                return restored_from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        restored_from = _parse_restored_from(d.pop("restored_from"))

        version_node = cls(
            author=author,
            character_id=character_id,
            created_at=created_at,
            id=id,
            label=label,
            number=number,
            parent_id=parent_id,
            reason=reason,
            restored_from=restored_from,
        )

        version_node.additional_properties = d
        return version_node

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
