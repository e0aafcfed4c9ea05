from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ExperienceEntry")


@_attrs_define
class ExperienceEntry:
    """A record of experience that was won. The record itself adds none.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        amount (int): The amount of experience.
        character_id (UUID): The id of the character that won it.
        data (Any): Any other data, as a JSON object.
        id (UUID): The unique id; never changes.
        journal_entry_id (UUID): The id of the journal entry that it belongs to.
        reason (str): The reason in free text.
        session_id (None | UUID): The id of the session, as the client counts sessions.
        source (str): The source in free text, such as `combat` or `story`.
        timestamp (datetime.datetime): When it was won.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    amount: int
    character_id: UUID
    data: Any
    id: UUID
    journal_entry_id: UUID
    reason: str
    session_id: None | UUID
    source: str
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

        amount = self.amount

        character_id = str(self.character_id)

        data = self.data

        id = str(self.id)

        journal_entry_id = str(self.journal_entry_id)

        reason = self.reason

        session_id: None | str
        if isinstance(self.session_id, UUID):
            session_id = str(self.session_id)
        else:
            session_id = self.session_id

        source = self.source

        timestamp = self.timestamp.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "amount": amount,
                "character_id": character_id,
                "data": data,
                "id": id,
                "journal_entry_id": journal_entry_id,
                "reason": reason,
                "session_id": session_id,
                "source": source,
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

        amount = d.pop("amount")

        character_id = UUID(d.pop("character_id"))

        data = d.pop("data")

        id = UUID(d.pop("id"))

        journal_entry_id = UUID(d.pop("journal_entry_id"))

        reason = d.pop("reason")

        def _parse_session_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                session_id_type_0 = UUID(data)

                return session_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        session_id = _parse_session_id(d.pop("session_id"))

        source = d.pop("source")

        timestamp = datetime.datetime.fromisoformat(d.pop("timestamp"))

        experience_entry = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            amount=amount,
            character_id=character_id,
            data=data,
            id=id,
            journal_entry_id=journal_entry_id,
            reason=reason,
            session_id=session_id,
            source=source,
            timestamp=timestamp,
        )

        experience_entry.additional_properties = d
        return experience_entry

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
