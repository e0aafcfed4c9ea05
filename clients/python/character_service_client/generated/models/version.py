from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.character import Character
    from ..models.related_change import RelatedChange


T = TypeVar("T", bound="Version")


@_attrs_define
class Version:
    """A version of a character.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        author (None | str): The author: the `X-User-Id` of the request.
        changes (list[Any]): The changes of the character since the previous version, as JSON Patch (RFC 6902).
        character_id (UUID): The id of the character.
        id (UUID): The unique id.
        label (None | str): The label that a user gave it.
        number (int): The revision of the character in this version.
        parent_id (None | UUID): The id of the previous version. After a change of theme, that is one of the previous
            character.
        reason (str): The operation that created it, such as `character.updated` or `inventory.equipped`.
        related (list[RelatedChange]): The rows that changed together with the character.
        restored_from (None | UUID): The id of the version whose state it restored.
        state (Character): A character.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    author: None | str
    changes: list[Any]
    character_id: UUID
    id: UUID
    label: None | str
    number: int
    parent_id: None | UUID
    reason: str
    related: list[RelatedChange]
    restored_from: None | UUID
    state: Character
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

        author: None | str
        author = self.author

        changes = self.changes

        character_id = str(self.character_id)

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

        related = []
        for related_item_data in self.related:
            related_item = related_item_data.to_dict()
            related.append(related_item)

        restored_from: None | str
        if isinstance(self.restored_from, UUID):
            restored_from = str(self.restored_from)
        else:
            restored_from = self.restored_from

        state = self.state.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "author": author,
                "changes": changes,
                "character_id": character_id,
                "id": id,
                "label": label,
                "number": number,
                "parent_id": parent_id,
                "reason": reason,
                "related": related,
                "restored_from": restored_from,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.character import Character  # noqa: PLC0415
        from ..models.related_change import RelatedChange  # noqa: PLC0415

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

        def _parse_author(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        author = _parse_author(d.pop("author"))

        changes = cast(list[Any], d.pop("changes"))

        character_id = UUID(d.pop("character_id"))

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

        related = []
        _related = d.pop("related")
        for related_item_data in _related:
            related_item = RelatedChange.from_dict(related_item_data)

            related.append(related_item)

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

        state = Character.from_dict(d.pop("state"))

        version = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            author=author,
            changes=changes,
            character_id=character_id,
            id=id,
            label=label,
            number=number,
            parent_id=parent_id,
            reason=reason,
            related=related,
            restored_from=restored_from,
            state=state,
        )

        version.additional_properties = d
        return version

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
