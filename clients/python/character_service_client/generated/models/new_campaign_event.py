from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..models.impact_type import ImpactType
from ..types import UNSET, Unset

T = TypeVar("T", bound="NewCampaignEvent")


@_attrs_define
class NewCampaignEvent:
    """A new event. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        impact_type (ImpactType): What an event changes.
        data (Any | Unset): Any other data, as a JSON object.
        event_data (Any | Unset): Details, such as `ability`, `damage_type` or `reason`. An impact on an ability score
            must name the `ability`.
        event_type (None | str | Unset): The type in free text, such as `combat`, `training` or `death`.
        id (None | Unset | UUID): Default: a new UUID of version 7.
        impact_magnitude (int | None | Unset): The amount of the change; negative for a loss. Required unless the impact
            is `other`.
        journal_entry_id (None | Unset | UUID): The id of the journal entry about the event.
        timestamp (datetime.datetime | None | Unset): When it happened. Default: now.
    """

    impact_type: ImpactType
    data: Any | Unset = UNSET
    event_data: Any | Unset = UNSET
    event_type: None | str | Unset = UNSET
    id: None | Unset | UUID = UNSET
    impact_magnitude: int | None | Unset = UNSET
    journal_entry_id: None | Unset | UUID = UNSET
    timestamp: datetime.datetime | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        impact_type = self.impact_type.value

        data = self.data

        event_data = self.event_data

        event_type: None | str | Unset
        if isinstance(self.event_type, Unset):
            event_type = UNSET
        else:
            event_type = self.event_type

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        impact_magnitude: int | None | Unset
        if isinstance(self.impact_magnitude, Unset):
            impact_magnitude = UNSET
        else:
            impact_magnitude = self.impact_magnitude

        journal_entry_id: None | str | Unset
        if isinstance(self.journal_entry_id, Unset):
            journal_entry_id = UNSET
        elif isinstance(self.journal_entry_id, UUID):
            journal_entry_id = str(self.journal_entry_id)
        else:
            journal_entry_id = self.journal_entry_id

        timestamp: None | str | Unset
        if isinstance(self.timestamp, Unset):
            timestamp = UNSET
        elif isinstance(self.timestamp, datetime.datetime):
            timestamp = self.timestamp.isoformat()
        else:
            timestamp = self.timestamp

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "impact_type": impact_type,
            }
        )
        if data is not UNSET:
            field_dict["data"] = data
        if event_data is not UNSET:
            field_dict["event_data"] = event_data
        if event_type is not UNSET:
            field_dict["event_type"] = event_type
        if id is not UNSET:
            field_dict["id"] = id
        if impact_magnitude is not UNSET:
            field_dict["impact_magnitude"] = impact_magnitude
        if journal_entry_id is not UNSET:
            field_dict["journal_entry_id"] = journal_entry_id
        if timestamp is not UNSET:
            field_dict["timestamp"] = timestamp

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        impact_type = ImpactType(d.pop("impact_type"))

        data = d.pop("data", UNSET)

        event_data = d.pop("event_data", UNSET)

        def _parse_event_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        event_type = _parse_event_type(d.pop("event_type", UNSET))

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

        def _parse_impact_magnitude(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        impact_magnitude = _parse_impact_magnitude(d.pop("impact_magnitude", UNSET))

        def _parse_journal_entry_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                journal_entry_id_type_0 = UUID(data)

                return journal_entry_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        journal_entry_id = _parse_journal_entry_id(d.pop("journal_entry_id", UNSET))

        def _parse_timestamp(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                timestamp_type_0 = datetime.datetime.fromisoformat(data)

                return timestamp_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        timestamp = _parse_timestamp(d.pop("timestamp", UNSET))

        new_campaign_event = cls(
            impact_type=impact_type,
            data=data,
            event_data=event_data,
            event_type=event_type,
            id=id,
            impact_magnitude=impact_magnitude,
            journal_entry_id=journal_entry_id,
            timestamp=timestamp,
        )

        return new_campaign_event
