from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.loosened_code import LoosenedCode

T = TypeVar("T", bound="Loosened")


@_attrs_define
class Loosened:
    """A rule that took a restored item out of its container, unequipped it or ended its attunement.

    Attributes:
        code (LoosenedCode): The rule: `no-such-container`, `container-full`, `too-many-attuned`, ….
        detail (str): The reason in words.
    """

    code: LoosenedCode
    detail: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code.value

        detail = self.detail

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        code = LoosenedCode(d.pop("code"))

        detail = d.pop("detail")

        loosened = cls(
            code=code,
            detail=detail,
        )

        loosened.additional_properties = d
        return loosened

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
