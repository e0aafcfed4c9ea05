from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewJournalEntry")


@_attrs_define
class NewJournalEntry:
    """A new entry. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        title (str): The title.
        content (None | str | Unset): The text.
        data (Any | Unset): Any other data, as a JSON object.
        dm_name (None | str | Unset): The name of the user who led that session.
        entry_type (None | str | Unset): The type in free text, such as `session`, `milestone`, `note` or `downtime`.
        id (None | Unset | UUID): Default: a new UUID of version 7.
        is_active (bool | None | Unset): Whether the entry is active.
        session_date (datetime.datetime | None | Unset): When that session was played.
        session_number (int | None | Unset): The number of the session that it is about.
        session_summary (None | str | Unset): A summary of that session.
        tags (list[str] | None | Unset): Tags to find it by. Without commas, without repetition, at most 64 characters
            each.
        timestamp (datetime.datetime | None | Unset): When it happened. Default: now.
    """

    title: str
    content: None | str | Unset = UNSET
    data: Any | Unset = UNSET
    dm_name: None | str | Unset = UNSET
    entry_type: None | str | Unset = UNSET
    id: None | Unset | UUID = UNSET
    is_active: bool | None | Unset = UNSET
    session_date: datetime.datetime | None | Unset = UNSET
    session_number: int | None | Unset = UNSET
    session_summary: None | str | Unset = UNSET
    tags: list[str] | None | Unset = UNSET
    timestamp: datetime.datetime | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        content: None | str | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        else:
            content = self.content

        data = self.data

        dm_name: None | str | Unset
        if isinstance(self.dm_name, Unset):
            dm_name = UNSET
        else:
            dm_name = self.dm_name

        entry_type: None | str | Unset
        if isinstance(self.entry_type, Unset):
            entry_type = UNSET
        else:
            entry_type = self.entry_type

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        is_active: bool | None | Unset
        if isinstance(self.is_active, Unset):
            is_active = UNSET
        else:
            is_active = self.is_active

        session_date: None | str | Unset
        if isinstance(self.session_date, Unset):
            session_date = UNSET
        elif isinstance(self.session_date, datetime.datetime):
            session_date = self.session_date.isoformat()
        else:
            session_date = self.session_date

        session_number: int | None | Unset
        if isinstance(self.session_number, Unset):
            session_number = UNSET
        else:
            session_number = self.session_number

        session_summary: None | str | Unset
        if isinstance(self.session_summary, Unset):
            session_summary = UNSET
        else:
            session_summary = self.session_summary

        tags: list[str] | None | Unset
        if isinstance(self.tags, Unset):
            tags = UNSET
        elif isinstance(self.tags, list):
            tags = self.tags

        else:
            tags = self.tags

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
                "title": title,
            }
        )
        if content is not UNSET:
            field_dict["content"] = content
        if data is not UNSET:
            field_dict["data"] = data
        if dm_name is not UNSET:
            field_dict["dm_name"] = dm_name
        if entry_type is not UNSET:
            field_dict["entry_type"] = entry_type
        if id is not UNSET:
            field_dict["id"] = id
        if is_active is not UNSET:
            field_dict["is_active"] = is_active
        if session_date is not UNSET:
            field_dict["session_date"] = session_date
        if session_number is not UNSET:
            field_dict["session_number"] = session_number
        if session_summary is not UNSET:
            field_dict["session_summary"] = session_summary
        if tags is not UNSET:
            field_dict["tags"] = tags
        if timestamp is not UNSET:
            field_dict["timestamp"] = timestamp

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        title = d.pop("title")

        def _parse_content(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        content = _parse_content(d.pop("content", UNSET))

        data = d.pop("data", UNSET)

        def _parse_dm_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        dm_name = _parse_dm_name(d.pop("dm_name", UNSET))

        def _parse_entry_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        entry_type = _parse_entry_type(d.pop("entry_type", UNSET))

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

        def _parse_is_active(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_active = _parse_is_active(d.pop("is_active", UNSET))

        def _parse_session_date(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                session_date_type_0 = datetime.datetime.fromisoformat(data)

                return session_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        session_date = _parse_session_date(d.pop("session_date", UNSET))

        def _parse_session_number(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        session_number = _parse_session_number(d.pop("session_number", UNSET))

        def _parse_session_summary(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        session_summary = _parse_session_summary(d.pop("session_summary", UNSET))

        def _parse_tags(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tags_type_0 = cast(list[str], data)

                return tags_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        tags = _parse_tags(d.pop("tags", UNSET))

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

        new_journal_entry = cls(
            title=title,
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
        )

        return new_journal_entry
