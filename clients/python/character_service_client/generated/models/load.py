from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.container_load import ContainerLoad


T = TypeVar("T", bound="Load")


@_attrs_define
class Load:
    """The weight that a character carries, in pounds. The numbers are exact.

    Attributes:
        capacity (float | None): The maximum weight: 15 times the strength; `null` when the sheet has no strength.
        carried (float): The total weight.
        containers (list[ContainerLoad]): The contents of each container.
    """

    capacity: float | None
    carried: float
    containers: list[ContainerLoad]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        capacity: float | None
        capacity = self.capacity

        carried = self.carried

        containers = []
        for containers_item_data in self.containers:
            containers_item = containers_item_data.to_dict()
            containers.append(containers_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "capacity": capacity,
                "carried": carried,
                "containers": containers,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.container_load import ContainerLoad  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_capacity(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        capacity = _parse_capacity(d.pop("capacity"))

        carried = d.pop("carried")

        containers = []
        _containers = d.pop("containers")
        for containers_item_data in _containers:
            containers_item = ContainerLoad.from_dict(containers_item_data)

            containers.append(containers_item)

        load = cls(
            capacity=capacity,
            carried=carried,
            containers=containers,
        )

        load.additional_properties = d
        return load

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
