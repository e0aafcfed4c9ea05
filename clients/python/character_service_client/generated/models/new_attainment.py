from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewAttainment")


@_attrs_define
class NewAttainment:
    """A new milestone or achievement. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        title (str): The title.
        achieved_at (datetime.datetime | None | Unset): When it was reached or achieved. Default: now.
        data (Any | Unset): Any other data, as a JSON object.
        description (None | str | Unset): The description.
        type_ (None | str | Unset): The type in free text, such as `story`, `quest` or `exploration`.
    """

    title: str
    achieved_at: datetime.datetime | None | Unset = UNSET
    data: Any | Unset = UNSET
    description: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        achieved_at: None | str | Unset
        if isinstance(self.achieved_at, Unset):
            achieved_at = UNSET
        elif isinstance(self.achieved_at, datetime.datetime):
            achieved_at = self.achieved_at.isoformat()
        else:
            achieved_at = self.achieved_at

        data = self.data

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "title": title,
            }
        )
        if achieved_at is not UNSET:
            field_dict["achieved_at"] = achieved_at
        if data is not UNSET:
            field_dict["data"] = data
        if description is not UNSET:
            field_dict["description"] = description
        if type_ is not UNSET:
            field_dict["type"] = type_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        title = d.pop("title")

        def _parse_achieved_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                achieved_at_type_0 = datetime.datetime.fromisoformat(data)

                return achieved_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        achieved_at = _parse_achieved_at(d.pop("achieved_at", UNSET))

        data = d.pop("data", UNSET)

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        new_attainment = cls(
            title=title,
            achieved_at=achieved_at,
            data=data,
            description=description,
            type_=type_,
        )

        return new_attainment
