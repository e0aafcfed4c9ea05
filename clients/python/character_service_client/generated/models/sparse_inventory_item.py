from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.attunement import Attunement
from ..types import UNSET, Unset

T = TypeVar("T", bound="SparseInventoryItem")


@_attrs_define
class SparseInventoryItem:
    """Some fields of a row: those of `InventoryItem` that `fields` named.

    Attributes:
        attunement (Attunement | Unset): The attunement of a magic item to its character.
        character_id (UUID | Unset): The id of the character that owns it.
        container (None | Unset | UUID): The id of the container that it is in; `null` for none.
        created_at (datetime.datetime | Unset): When it was created, UTC.
        data (Any | Unset): Any other data, as a JSON object. The rules read `weight` (pounds per piece), `capacity`
            (pounds; makes the item
            a container), `requires_attunement` and `is_magical` (the contents add no weight).
        deleted_at (datetime.datetime | None | Unset): When it was soft-deleted, UTC; `null` while it is live.
        equipped (bool | Unset): Whether the character wears or holds it.
        id (UUID | Unset): The unique id; never changes.
        item_type (str | Unset): The type in free text, such as `weapon`, `armor` or `container`.
        name (str | Unset): The name of the item.
        notes (None | str | Unset): Notes in free text.
        quantity (int | Unset): The number of pieces.
        revision (int | Unset): 1 when created, one more at each change; also the entity tag.
        root_id (None | Unset | UUID): The id of the item that this one was before the first change of theme.
        theme (str | Unset): The theme: the setting that it belongs to.
        updated_at (datetime.datetime | Unset): When it was last changed, UTC.
    """

    attunement: Attunement | Unset = UNSET
    character_id: UUID | Unset = UNSET
    container: None | Unset | UUID = UNSET
    created_at: datetime.datetime | Unset = UNSET
    data: Any | Unset = UNSET
    deleted_at: datetime.datetime | None | Unset = UNSET
    equipped: bool | Unset = UNSET
    id: UUID | Unset = UNSET
    item_type: str | Unset = UNSET
    name: str | Unset = UNSET
    notes: None | str | Unset = UNSET
    quantity: int | Unset = UNSET
    revision: int | Unset = UNSET
    root_id: None | Unset | UUID = UNSET
    theme: str | Unset = UNSET
    updated_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attunement: str | Unset = UNSET
        if not isinstance(self.attunement, Unset):
            attunement = self.attunement.value

        character_id: str | Unset = UNSET
        if not isinstance(self.character_id, Unset):
            character_id = str(self.character_id)

        container: None | str | Unset
        if isinstance(self.container, Unset):
            container = UNSET
        elif isinstance(self.container, UUID):
            container = str(self.container)
        else:
            container = self.container

        created_at: str | Unset = UNSET
        if not isinstance(self.created_at, Unset):
            created_at = self.created_at.isoformat()

        data = self.data

        deleted_at: None | str | Unset
        if isinstance(self.deleted_at, Unset):
            deleted_at = UNSET
        elif isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        equipped = self.equipped

        id: str | Unset = UNSET
        if not isinstance(self.id, Unset):
            id = str(self.id)

        item_type = self.item_type

        name = self.name

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        quantity = self.quantity

        revision = self.revision

        root_id: None | str | Unset
        if isinstance(self.root_id, Unset):
            root_id = UNSET
        elif isinstance(self.root_id, UUID):
            root_id = str(self.root_id)
        else:
            root_id = self.root_id

        theme = self.theme

        updated_at: str | Unset = UNSET
        if not isinstance(self.updated_at, Unset):
            updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if attunement is not UNSET:
            field_dict["attunement"] = attunement
        if character_id is not UNSET:
            field_dict["character_id"] = character_id
        if container is not UNSET:
            field_dict["container"] = container
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if data is not UNSET:
            field_dict["data"] = data
        if deleted_at is not UNSET:
            field_dict["deleted_at"] = deleted_at
        if equipped is not UNSET:
            field_dict["equipped"] = equipped
        if id is not UNSET:
            field_dict["id"] = id
        if item_type is not UNSET:
            field_dict["item_type"] = item_type
        if name is not UNSET:
            field_dict["name"] = name
        if notes is not UNSET:
            field_dict["notes"] = notes
        if quantity is not UNSET:
            field_dict["quantity"] = quantity
        if revision is not UNSET:
            field_dict["revision"] = revision
        if root_id is not UNSET:
            field_dict["root_id"] = root_id
        if theme is not UNSET:
            field_dict["theme"] = theme
        if updated_at is not UNSET:
            field_dict["updated_at"] = updated_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _attunement = d.pop("attunement", UNSET)
        attunement: Attunement | Unset
        if isinstance(_attunement, Unset):
            attunement = UNSET
        else:
            attunement = Attunement(_attunement)

        _character_id = d.pop("character_id", UNSET)
        character_id: UUID | Unset
        if isinstance(_character_id, Unset):
            character_id = UNSET
        else:
            character_id = UUID(_character_id)

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

        _created_at = d.pop("created_at", UNSET)
        created_at: datetime.datetime | Unset
        if isinstance(_created_at, Unset):
            created_at = UNSET
        else:
            created_at = datetime.datetime.fromisoformat(_created_at)

        data = d.pop("data", UNSET)

        def _parse_deleted_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at", UNSET))

        equipped = d.pop("equipped", UNSET)

        _id = d.pop("id", UNSET)
        id: UUID | Unset
        if isinstance(_id, Unset):
            id = UNSET
        else:
            id = UUID(_id)

        item_type = d.pop("item_type", UNSET)

        name = d.pop("name", UNSET)

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        quantity = d.pop("quantity", UNSET)

        revision = d.pop("revision", UNSET)

        def _parse_root_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                root_id_type_0 = UUID(data)

                return root_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        root_id = _parse_root_id(d.pop("root_id", UNSET))

        theme = d.pop("theme", UNSET)

        _updated_at = d.pop("updated_at", UNSET)
        updated_at: datetime.datetime | Unset
        if isinstance(_updated_at, Unset):
            updated_at = UNSET
        else:
            updated_at = datetime.datetime.fromisoformat(_updated_at)

        sparse_inventory_item = cls(
            attunement=attunement,
            character_id=character_id,
            container=container,
            created_at=created_at,
            data=data,
            deleted_at=deleted_at,
            equipped=equipped,
            id=id,
            item_type=item_type,
            name=name,
            notes=notes,
            quantity=quantity,
            revision=revision,
            root_id=root_id,
            theme=theme,
            updated_at=updated_at,
        )

        sparse_inventory_item.additional_properties = d
        return sparse_inventory_item

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
