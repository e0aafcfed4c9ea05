from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.attunement import Attunement

if TYPE_CHECKING:
    from ..models.loosened import Loosened


T = TypeVar("T", bound="ItemRestored")


@_attrs_define
class ItemRestored:
    """An item that was restored.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        attunement (Attunement): The attunement of a magic item to its character.
        character_id (UUID): The id of the character that owns it.
        container (None | UUID): The id of the container that it is in; `null` for none.
        data (Any): Any other data, as a JSON object. The rules read `weight` (pounds per piece), `capacity` (pounds;
            makes the item
            a container), `requires_attunement` and `is_magical` (the contents add no weight).
        equipped (bool): Whether the character wears or holds it.
        id (UUID): The unique id; never changes.
        item_type (str): The type in free text, such as `weapon`, `armor` or `container`.
        name (str): The name of the item.
        notes (None | str): Notes in free text.
        quantity (int): The number of pieces.
        root_id (None | UUID): The id of the item that this one was before the first change of theme.
        theme (str): The theme: the setting that it belongs to.
        loosened (list[Loosened]): The rules that prevented a full restore: the item was taken out of its container or
            unequipped, or its attunement
            was ended.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    attunement: Attunement
    character_id: UUID
    container: None | UUID
    data: Any
    equipped: bool
    id: UUID
    item_type: str
    name: str
    notes: None | str
    quantity: int
    root_id: None | UUID
    theme: str
    loosened: list[Loosened]
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

        attunement = self.attunement.value

        character_id = str(self.character_id)

        container: None | str
        if isinstance(self.container, UUID):
            container = str(self.container)
        else:
            container = self.container

        data = self.data

        equipped = self.equipped

        id = str(self.id)

        item_type = self.item_type

        name = self.name

        notes: None | str
        notes = self.notes

        quantity = self.quantity

        root_id: None | str
        if isinstance(self.root_id, UUID):
            root_id = str(self.root_id)
        else:
            root_id = self.root_id

        theme = self.theme

        loosened = []
        for loosened_item_data in self.loosened:
            loosened_item = loosened_item_data.to_dict()
            loosened.append(loosened_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "attunement": attunement,
                "character_id": character_id,
                "container": container,
                "data": data,
                "equipped": equipped,
                "id": id,
                "item_type": item_type,
                "name": name,
                "notes": notes,
                "quantity": quantity,
                "root_id": root_id,
                "theme": theme,
                "loosened": loosened,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.loosened import Loosened  # noqa: PLC0415

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

        attunement = Attunement(d.pop("attunement"))

        character_id = UUID(d.pop("character_id"))

        def _parse_container(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                container_type_0 = UUID(data)

                return container_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        container = _parse_container(d.pop("container"))

        data = d.pop("data")

        equipped = d.pop("equipped")

        id = UUID(d.pop("id"))

        item_type = d.pop("item_type")

        name = d.pop("name")

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        quantity = d.pop("quantity")

        def _parse_root_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                root_id_type_0 = UUID(data)

                return root_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        root_id = _parse_root_id(d.pop("root_id"))

        theme = d.pop("theme")

        loosened = []
        _loosened = d.pop("loosened")
        for loosened_item_data in _loosened:
            loosened_item = Loosened.from_dict(loosened_item_data)

            loosened.append(loosened_item)

        item_restored = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            attunement=attunement,
            character_id=character_id,
            container=container,
            data=data,
            equipped=equipped,
            id=id,
            item_type=item_type,
            name=name,
            notes=notes,
            quantity=quantity,
            root_id=root_id,
            theme=theme,
            loosened=loosened,
        )

        item_restored.additional_properties = d
        return item_restored

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
