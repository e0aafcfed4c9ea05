from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.impact_type import ImpactType

T = TypeVar("T", bound="CampaignEvent")


@_attrs_define
class CampaignEvent:
    """An event of a campaign. It affects the character when it is applied.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        applied (bool): Whether its effect is on the sheet now.
        applied_at (datetime.datetime | None): When it was applied; `null` while it is not.
        character_id (UUID): The id of the character that it affects.
        data (Any): Any other data, as a JSON object.
        event_data (Any): Details, such as `ability`, `damage_type` or `reason`.
        event_type (str): The type in free text, such as `combat`, `training` or `death`.
        id (UUID): The unique id; never changes.
        impact_magnitude (int): The amount of the change; negative for a loss.
        impact_type (ImpactType): What an event changes.
        journal_entry_id (None | UUID): The id of the journal entry about the event.
        timestamp (datetime.datetime): When it happened.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    applied: bool
    applied_at: datetime.datetime | None
    character_id: UUID
    data: Any
    event_data: Any
    event_type: str
    id: UUID
    impact_magnitude: int
    impact_type: ImpactType
    journal_entry_id: None | UUID
    timestamp: datetime.datetime
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

        event_data = self.event_data

        event_type = self.event_type

        id = str(self.id)

        impact_magnitude = self.impact_magnitude

        impact_type = self.impact_type.value

        journal_entry_id: None | str
        if isinstance(self.journal_entry_id, UUID):
            journal_entry_id = str(self.journal_entry_id)
        else:
            journal_entry_id = self.journal_entry_id

        timestamp = self.timestamp.isoformat()

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
                "event_data": event_data,
                "event_type": event_type,
                "id": id,
                "impact_magnitude": impact_magnitude,
                "impact_type": impact_type,
                "journal_entry_id": journal_entry_id,
                "timestamp": timestamp,
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

        event_data = d.pop("event_data")

        event_type = d.pop("event_type")

        id = UUID(d.pop("id"))

        impact_magnitude = d.pop("impact_magnitude")

        impact_type = ImpactType(d.pop("impact_type"))

        def _parse_journal_entry_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                journal_entry_id_type_0 = UUID(data)

                return journal_entry_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        journal_entry_id = _parse_journal_entry_id(d.pop("journal_entry_id"))

        timestamp = datetime.datetime.fromisoformat(d.pop("timestamp"))

        campaign_event = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            applied=applied,
            applied_at=applied_at,
            character_id=character_id,
            data=data,
            event_data=event_data,
            event_type=event_type,
            id=id,
            impact_magnitude=impact_magnitude,
            impact_type=impact_type,
            journal_entry_id=journal_entry_id,
            timestamp=timestamp,
        )

        campaign_event.additional_properties = d
        return campaign_event

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
