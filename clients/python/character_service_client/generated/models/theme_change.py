from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.character import Character
    from ..models.inventory_item import InventoryItem


T = TypeVar("T", bound="ThemeChange")


@_attrs_define
class ThemeChange:
    """The result of a change of theme.

    Attributes:
        character (Character): A character.
        items (list[InventoryItem]): Its items; the `root_id` of each is the original item.
    """

    character: Character
    items: list[InventoryItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        character = self.character.to_dict()

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "character": character,
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.character import Character  # noqa: PLC0415
        from ..models.inventory_item import InventoryItem  # noqa: PLC0415

        d = dict(src_dict)
        character = Character.from_dict(d.pop("character"))

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = InventoryItem.from_dict(items_item_data)

            items.append(items_item)

        theme_change = cls(
            character=character,
            items=items,
        )

        theme_change.additional_properties = d
        return theme_change

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
