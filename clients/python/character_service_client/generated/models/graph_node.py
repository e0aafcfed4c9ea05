from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_kind import NodeKind

T = TypeVar("T", bound="GraphNode")


@_attrs_define
class GraphNode:
    """A character or an item.

    Attributes:
        character_id (UUID): The id of the character that owns it; for a character, its own id.
        deleted (bool): Whether it is soft-deleted.
        id (UUID): The id of the character or item.
        kind (NodeKind): The kind of a node.
        name (str): The name.
        theme (str): The theme: the setting that it belongs to.
    """

    character_id: UUID
    deleted: bool
    id: UUID
    kind: NodeKind
    name: str
    theme: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        character_id = str(self.character_id)

        deleted = self.deleted

        id = str(self.id)

        kind = self.kind.value

        name = self.name

        theme = self.theme

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "character_id": character_id,
                "deleted": deleted,
                "id": id,
                "kind": kind,
                "name": name,
                "theme": theme,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        character_id = UUID(d.pop("character_id"))

        deleted = d.pop("deleted")

        id = UUID(d.pop("id"))

        kind = NodeKind(d.pop("kind"))

        name = d.pop("name")

        theme = d.pop("theme")

        graph_node = cls(
            character_id=character_id,
            deleted=deleted,
            id=id,
            kind=kind,
            name=name,
            theme=theme,
        )

        graph_node.additional_properties = d
        return graph_node

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
