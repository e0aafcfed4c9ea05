from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.sparse_character import SparseCharacter
    from ..models.unreadable_row import UnreadableRow


T = TypeVar("T", bound="SparseCharacterPage")


@_attrs_define
class SparseCharacterPage:
    """A page of a list of sparse rows.

    Attributes:
        items (list[SparseCharacter]): The rows, in the order of the list. Default: newest first.
        next_cursor (None | str): The `cursor` of the next page; `null` on the last page. A page may hold fewer rows
            than `limit` and not be the
            last: it ends before it exceeds 8 MiB.
        total (int | Unset): The number of rows on all pages, a moment after this page was read; absent unless
            `include_total` is true.
        unreadable (list[UnreadableRow] | Unset): Stored rows of this page that cannot be read; absent when there are
            none. They count towards `limit`.
    """

    items: list[SparseCharacter]
    next_cursor: None | str
    total: int | Unset = UNSET
    unreadable: list[UnreadableRow] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        next_cursor: None | str
        next_cursor = self.next_cursor

        total = self.total

        unreadable: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.unreadable, Unset):
            unreadable = []
            for unreadable_item_data in self.unreadable:
                unreadable_item = unreadable_item_data.to_dict()
                unreadable.append(unreadable_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "next_cursor": next_cursor,
            }
        )
        if total is not UNSET:
            field_dict["total"] = total
        if unreadable is not UNSET:
            field_dict["unreadable"] = unreadable

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.sparse_character import SparseCharacter  # noqa: PLC0415
        from ..models.unreadable_row import UnreadableRow  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = SparseCharacter.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("next_cursor"))

        total = d.pop("total", UNSET)

        _unreadable = d.pop("unreadable", UNSET)
        unreadable: list[UnreadableRow] | Unset = UNSET
        if _unreadable is not UNSET:
            unreadable = []
            for unreadable_item_data in _unreadable:
                unreadable_item = UnreadableRow.from_dict(unreadable_item_data)

                unreadable.append(unreadable_item)

        sparse_character_page = cls(
            items=items,
            next_cursor=next_cursor,
            total=total,
            unreadable=unreadable,
        )

        sparse_character_page.additional_properties = d
        return sparse_character_page

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
