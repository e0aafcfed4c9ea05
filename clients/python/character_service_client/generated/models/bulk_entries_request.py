from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_journal_entry import NewJournalEntry


T = TypeVar("T", bound="BulkEntriesRequest")


@_attrs_define
class BulkEntriesRequest:
    """Several new entries.

    Attributes:
        entries (list[NewJournalEntry]): The entries to create, 1 to 1000.
        atomic (bool | None | Unset): `true`: either all are created or none. `false`: each is created on its own.
    """

    entries: list[NewJournalEntry]
    atomic: bool | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        entries = []
        for entries_item_data in self.entries:
            entries_item = entries_item_data.to_dict()
            entries.append(entries_item)

        atomic: bool | None | Unset
        if isinstance(self.atomic, Unset):
            atomic = UNSET
        else:
            atomic = self.atomic

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "entries": entries,
            }
        )
        if atomic is not UNSET:
            field_dict["atomic"] = atomic

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_journal_entry import NewJournalEntry  # noqa: PLC0415

        d = dict(src_dict)
        entries = []
        _entries = d.pop("entries")
        for entries_item_data in _entries:
            entries_item = NewJournalEntry.from_dict(entries_item_data)

            entries.append(entries_item)

        def _parse_atomic(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        atomic = _parse_atomic(d.pop("atomic", UNSET))

        bulk_entries_request = cls(
            entries=entries,
            atomic=atomic,
        )

        return bulk_entries_request
