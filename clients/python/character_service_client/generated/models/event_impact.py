from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.impact_type import ImpactType

T = TypeVar("T", bound="EventImpact")


@_attrs_define
class EventImpact:
    """An impact: the change that an event made to a sheet.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        applied (bool): Whether it was applied.
        applied_at (datetime.datetime | None): When it was applied; `null` when it never was.
        character_id (UUID): The id of the character whose sheet it changed.
        data (Any): Any other data, as a JSON object.
        event_id (UUID): The id of the event.
        id (UUID): The unique id; never changes.
        impact_data (Any): The size of the change: `amount`, or `ability` and `adjustment`.
        impact_type (ImpactType): What an event changes.
        is_reverted (bool): Whether it was reverted.
        notes (None | str): Notes in free text.
        reversion_data (Any): The part of the sheet that it changed, as it was before.
        reverted_at (datetime.datetime | None): When it was reverted; `null` while it is not.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    applied: bool
    applied_at: datetime.datetime | None
    character_id: UUID
    data: Any
    event_id: UUID
    id: UUID
    impact_data: Any
    impact_type: ImpactType
    is_reverted: bool
    notes: None | str
    reversion_data: Any
    reverted_at: datetime.datetime | None
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

        applied = self.applied

        applied_at: None | str
        if isinstance(self.applied_at, datetime.datetime):
            applied_at = self.applied_at.isoformat()
        else:
            applied_at = self.applied_at

        character_id = str(self.character_id)

        data = self.data

        event_id = str(self.event_id)

        id = str(self.id)

        impact_data = self.impact_data

        impact_type = self.impact_type.value

        is_reverted = self.is_reverted

        notes: None | str
        notes = self.notes

        reversion_data = self.reversion_data

        reverted_at: None | str
        if isinstance(self.reverted_at, datetime.datetime):
            reverted_at = self.reverted_at.isoformat()
        else:
            reverted_at = self.reverted_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "applied": applied,
                "applied_at": applied_at,
                "character_id": character_id,
                "data": data,
                "event_id": event_id,
                "id": id,
                "impact_data": impact_data,
                "impact_type": impact_type,
                "is_reverted": is_reverted,
                "notes": notes,
                "reversion_data": reversion_data,
                "reverted_at": reverted_at,
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

        applied = d.pop("applied")

        def _parse_applied_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                applied_at_type_0 = datetime.datetime.fromisoformat(data)

                return applied_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        applied_at = _parse_applied_at(d.pop("applied_at"))

        character_id = UUID(d.pop("character_id"))

        data = d.pop("data")

        event_id = UUID(d.pop("event_id"))

        id = UUID(d.pop("id"))

        impact_data = d.pop("impact_data")

        impact_type = ImpactType(d.pop("impact_type"))

        is_reverted = d.pop("is_reverted")

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        reversion_data = d.pop("reversion_data")

        def _parse_reverted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                reverted_at_type_0 = datetime.datetime.fromisoformat(data)

                return reverted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        reverted_at = _parse_reverted_at(d.pop("reverted_at"))

        event_impact = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            applied=applied,
            applied_at=applied_at,
            character_id=character_id,
            data=data,
            event_id=event_id,
            id=id,
            impact_data=impact_data,
            impact_type=impact_type,
            is_reverted=is_reverted,
            notes=notes,
            reversion_data=reversion_data,
            reverted_at=reverted_at,
        )

        event_impact.additional_properties = d
        return event_impact

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
