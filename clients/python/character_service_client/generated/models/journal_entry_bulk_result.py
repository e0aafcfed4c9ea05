from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.journal_entry import JournalEntry
    from ..models.problem import Problem


T = TypeVar("T", bound="JournalEntryBulkResult")


@_attrs_define
class JournalEntryBulkResult:
    """The outcome of one row of a bulk.

    Attributes:
        index (int): The index in the request, from 0.
        status (int): The status that a `POST` of this one alone would have had.
        item (JournalEntry | Unset): A journal entry.
        problem (Problem | Unset): A problem document (RFC 9457).
    """

    index: int
    status: int
    item: JournalEntry | Unset = UNSET
    problem: Problem | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        index = self.index

        status = self.status

        item: dict[str, Any] | Unset = UNSET
        if not isinstance(self.item, Unset):
            item = self.item.to_dict()

        problem: dict[str, Any] | Unset = UNSET
        if not isinstance(self.problem, Unset):
            problem = self.problem.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "index": index,
                "status": status,
            }
        )
        if item is not UNSET:
            field_dict["item"] = item
        if problem is not UNSET:
            field_dict["problem"] = problem

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.journal_entry import JournalEntry  # noqa: PLC0415
        from ..models.problem import Problem  # noqa: PLC0415

        d = dict(src_dict)
        index = d.pop("index")

        status = d.pop("status")

        _item = d.pop("item", UNSET)
        item: JournalEntry | Unset
        if isinstance(_item, Unset):
            item = UNSET
        else:
            item = JournalEntry.from_dict(_item)

        _problem = d.pop("problem", UNSET)
        problem: Problem | Unset
        if isinstance(_problem, Unset):
            problem = UNSET
        else:
            problem = Problem.from_dict(_problem)

        journal_entry_bulk_result = cls(
            index=index,
            status=status,
            item=item,
            problem=problem,
        )

        journal_entry_bulk_result.additional_properties = d
        return journal_entry_bulk_result

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
