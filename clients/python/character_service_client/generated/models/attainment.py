from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Attainment")


@_attrs_define
class Attainment:
    """A milestone or an achievement.

    Attributes:
        achieved_at (datetime.datetime): When it was reached or achieved.
        data (Any): Any other data, as a JSON object.
        description (str): The description.
        id (UUID): The unique id.
        title (str): The title.
        type_ (str): The type in free text, such as `story`, `quest` or `exploration`.
    """

    achieved_at: datetime.datetime
    data: Any
    description: str
    id: UUID
    title: str
    type_: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        achieved_at = self.achieved_at.isoformat()

        data = self.data

        description = self.description

        id = str(self.id)

        title = self.title

        type_ = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "achieved_at": achieved_at,
                "data": data,
                "description": description,
                "id": id,
                "title": title,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        achieved_at = datetime.datetime.fromisoformat(d.pop("achieved_at"))

        data = d.pop("data")

        description = d.pop("description")

        id = UUID(d.pop("id"))

        title = d.pop("title")

        type_ = d.pop("type")

        attainment = cls(
            achieved_at=achieved_at,
            data=data,
            description=description,
            id=id,
            title=title,
            type_=type_,
        )

        attainment.additional_properties = d
        return attainment

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
