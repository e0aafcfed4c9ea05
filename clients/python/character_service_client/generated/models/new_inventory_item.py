from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..models.attunement import Attunement
from ..types import UNSET, Unset

T = TypeVar("T", bound="NewInventoryItem")


@_attrs_define
class NewInventoryItem:
    """A new item. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        name (str): The name of the item.
        attunement (Attunement | None | Unset):
        container (None | Unset | UUID): The id of the container that it is in; `null` for none. It must be a container
            of the same character.
        data (Any | Unset): Any other data, as a JSON object. The rules read `weight` (pounds per piece), `capacity`
            (pounds; makes the item
            a container), `requires_attunement` and `is_magical` (the contents add no weight).
        equipped (bool | None | Unset): Whether the character wears or holds it.
        id (None | Unset | UUID): Default: a new UUID of version 7.
        item_type (None | str | Unset): The type in free text, such as `weapon`, `armor` or `container`.
        notes (None | str | Unset): Notes in free text.
        quantity (int | None | Unset): The number of pieces.
        theme (None | str | Unset): The theme: the setting that it belongs to. Default: that of the character.
    """

    name: str
    attunement: Attunement | None | Unset = UNSET
    container: None | Unset | UUID = UNSET
    data: Any | Unset = UNSET
    equipped: bool | None | Unset = UNSET
    id: None | Unset | UUID = UNSET
    item_type: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET
    quantity: int | None | Unset = UNSET
    theme: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        attunement: None | str | Unset
        if isinstance(self.attunement, Unset):
            attunement = UNSET
        elif isinstance(self.attunement, Attunement):
            attunement = self.attunement.value
        else:
            attunement = self.attunement

        container: None | str | Unset
        if isinstance(self.container, Unset):
            container = UNSET
        elif isinstance(self.container, UUID):
            container = str(self.container)
        else:
            container = self.container

        data = self.data

        equipped: bool | None | Unset
        if isinstance(self.equipped, Unset):
            equipped = UNSET
        else:
            equipped = self.equipped

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        item_type: None | str | Unset
        if isinstance(self.item_type, Unset):
            item_type = UNSET
        else:
            item_type = self.item_type

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        quantity: int | None | Unset
        if isinstance(self.quantity, Unset):
            quantity = UNSET
        else:
            quantity = self.quantity

        theme: None | str | Unset
        if isinstance(self.theme, Unset):
            theme = UNSET
        else:
            theme = self.theme

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
            }
        )
        if attunement is not UNSET:
            field_dict["attunement"] = attunement
        if container is not UNSET:
            field_dict["container"] = container
        if data is not UNSET:
            field_dict["data"] = data
        if equipped is not UNSET:
            field_dict["equipped"] = equipped
        if id is not UNSET:
            field_dict["id"] = id
        if item_type is not UNSET:
            field_dict["item_type"] = item_type
        if notes is not UNSET:
            field_dict["notes"] = notes
        if quantity is not UNSET:
            field_dict["quantity"] = quantity
        if theme is not UNSET:
            field_dict["theme"] = theme

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        def _parse_attunement(data: object) -> Attunement | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                attunement_type_0 = Attunement(data)

                return attunement_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Attunement | None | Unset, data)

        attunement = _parse_attunement(d.pop("attunement", UNSET))

        def _parse_container(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                container_type_0 = UUID(data)

                return container_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        container = _parse_container(d.pop("container", UNSET))

        data = d.pop("data", UNSET)

        def _parse_equipped(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        equipped = _parse_equipped(d.pop("equipped", UNSET))

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

        def _parse_item_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        item_type = _parse_item_type(d.pop("item_type", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        def _parse_quantity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        quantity = _parse_quantity(d.pop("quantity", UNSET))

        def _parse_theme(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        theme = _parse_theme(d.pop("theme", UNSET))

        new_inventory_item = cls(
            name=name,
            attunement=attunement,
            container=container,
            data=data,
            equipped=equipped,
            id=id,
            item_type=item_type,
            notes=notes,
            quantity=quantity,
            theme=theme,
        )

        return new_inventory_item
