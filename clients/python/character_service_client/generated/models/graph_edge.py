from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.edge_kind import EdgeKind

T = TypeVar("T", bound="GraphEdge")


@_attrs_define
class GraphEdge:
    """An edge between two nodes.

    Attributes:
        from_ (UUID): The id of the node where it starts.
        kind (EdgeKind): The kind of an edge.
        to (UUID): The id of the node where it ends.
    """

    from_: UUID
    kind: EdgeKind
    to: UUID
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_ = str(self.from_)

        kind = self.kind.value

        to = str(self.to)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "kind": kind,
                "to": to,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        from_ = UUID(d.pop("from"))

        kind = EdgeKind(d.pop("kind"))

        to = UUID(d.pop("to"))

        graph_edge = cls(
            from_=from_,
            kind=kind,
            to=to,
        )

        graph_edge.additional_properties = d
        return graph_edge

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
