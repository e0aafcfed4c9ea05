from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.inventory_item import InventoryItem


T = TypeVar("T", bound="Given")


@_attrs_define
class Given:
    """The result of giving an item.

    Attributes:
        item (InventoryItem): An item, or several pieces of the same item.
        remaining (InventoryItem | None):
    """

    item: InventoryItem
    remaining: InventoryItem | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.inventory_item import InventoryItem  # noqa: PLC0415

        item = self.item.to_dict()

        remaining: dict[str, Any] | None
        if isinstance(self.remaining, InventoryItem):
            remaining = self.remaining.to_dict()
        else:
            remaining = self.remaining

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "item": item,
                "remaining": remaining,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.inventory_item import InventoryItem  # noqa: PLC0415

        d = dict(src_dict)
        item = InventoryItem.from_dict(d.pop("item"))

        def _parse_remaining(data: object) -> InventoryItem | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                remaining_type_0 = InventoryItem.from_dict(data)

                return remaining_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(InventoryItem | None, data)

        remaining = _parse_remaining(d.pop("remaining"))

        given = cls(
            item=item,
            remaining=remaining,
        )

        given.additional_properties = d
        return given

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
