from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="JournalEntry")


@_attrs_define
class JournalEntry:
    """A journal entry.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        character_id (UUID): The id of the character.
        content (str): The text.
        data (Any): Any other data, as a JSON object.
        dm_name (None | str): The name of the user who led that session.
        entry_type (str): The type in free text, such as `session`, `milestone`, `note` or `downtime`.
        id (UUID): The unique id; never changes.
        is_active (bool): Whether the entry is active.
        session_date (datetime.datetime | None): When that session was played.
        session_number (int | None): The number of the session that it is about.
        session_summary (None | str): A summary of that session.
        tags (list[str]): Tags to find it by.
        timestamp (datetime.datetime): When it happened.
        title (str): The title.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    character_id: UUID
    content: str
    data: Any
    dm_name: None | str
    entry_type: str
    id: UUID
    is_active: bool
    session_date: datetime.datetime | None
    session_number: int | None
    session_summary: None | str
    tags: list[str]
    timestamp: datetime.datetime
    title: str
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

        content = self.content

        data = self.data

        dm_name: None | str
        dm_name = self.dm_name

        entry_type = self.entry_type

        id = str(self.id)

        is_active = self.is_active

        session_date: None | str
        if isinstance(self.session_date, datetime.datetime):
            session_date = self.session_date.isoformat()
        else:
            session_date = self.session_date

        session_number: int | None
        session_number = self.session_number

        session_summary: None | str
        session_summary = self.session_summary

        tags = self.tags

        timestamp = self.timestamp.isoformat()

        title = self.title

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "character_id": character_id,
                "content": content,
                "data": data,
                "dm_name": dm_name,
                "entry_type": entry_type,
                "id": id,
                "is_active": is_active,
                "session_date": session_date,
                "session_number": session_number,
                "session_summary": session_summary,
                "tags": tags,
                "timestamp": timestamp,
                "title": title,
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

        content = d.pop("content")

        data = d.pop("data")

        def _parse_dm_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        dm_name = _parse_dm_name(d.pop("dm_name"))

        entry_type = d.pop("entry_type")

        id = UUID(d.pop("id"))

        is_active = d.pop("is_active")

        def _parse_session_date(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                session_date_type_0 = datetime.datetime.fromisoformat(data)

                return session_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        session_date = _parse_session_date(d.pop("session_date"))

        def _parse_session_number(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        session_number = _parse_session_number(d.pop("session_number"))

        def _parse_session_summary(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        session_summary = _parse_session_summary(d.pop("session_summary"))

        tags = cast(list[str], d.pop("tags"))

        timestamp = datetime.datetime.fromisoformat(d.pop("timestamp"))

        title = d.pop("title")

        journal_entry = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            character_id=character_id,
            content=content,
            data=data,
            dm_name=dm_name,
            entry_type=entry_type,
            id=id,
            is_active=is_active,
            session_date=session_date,
            session_number=session_number,
            session_summary=session_summary,
            tags=tags,
            timestamp=timestamp,
            title=title,
        )

        journal_entry.additional_properties = d
        return journal_entry

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
