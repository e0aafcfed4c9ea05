from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ContainerLoad")


@_attrs_define
class ContainerLoad:
    """The weight of the contents of a container, in pounds.

    Attributes:
        capacity (float | None): The maximum weight of its contents; `null` for no limit.
        contents (float): The weight of its contents.
        id (UUID): The id of the container.
        name (str): The name of the container.
    """

    capacity: float | None
    contents: float
    id: UUID
    name: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        capacity: float | None
        capacity = self.capacity

        contents = self.contents

        id = str(self.id)

        name = self.name

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "capacity": capacity,
                "contents": contents,
                "id": id,
                "name": name,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_capacity(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        capacity = _parse_capacity(d.pop("capacity"))

        contents = d.pop("contents")

        id = UUID(d.pop("id"))

        name = d.pop("name")

        container_load = cls(
            capacity=capacity,
            contents=contents,
            id=id,
            name=name,
        )

        container_load.additional_properties = d
        return container_load

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
