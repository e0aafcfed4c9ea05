from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_inventory_item import NewInventoryItem


T = TypeVar("T", bound="BulkItemsRequest")


@_attrs_define
class BulkItemsRequest:
    """Several new items.

    Attributes:
        items (list[NewInventoryItem]): The items to create, 1 to 1000. An item may be in a container that precedes it
            in this list.
        atomic (bool | None | Unset): `true`: either all are created or none. `false`: each is created on its own.
    """

    items: list[NewInventoryItem]
    atomic: bool | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        atomic: bool | None | Unset
        if isinstance(self.atomic, Unset):
            atomic = UNSET
        else:
            atomic = self.atomic

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "items": items,
            }
        )
        if atomic is not UNSET:
            field_dict["atomic"] = atomic

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_inventory_item import NewInventoryItem  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = NewInventoryItem.from_dict(items_item_data)

            items.append(items_item)

        def _parse_atomic(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        atomic = _parse_atomic(d.pop("atomic", UNSET))

        bulk_items_request = cls(
            items=items,
            atomic=atomic,
        )

        return bulk_items_request
