from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Purse")


@_attrs_define
class Purse:
    """The number of coins of each kind.

    Attributes:
        cp (int): Copper pieces.
        ep (int): Electrum pieces.
        gp (int): Gold pieces.
        pp (int): Platinum pieces.
        sp (int): Silver pieces.
    """

    cp: int
    ep: int
    gp: int
    pp: int
    sp: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cp = self.cp

        ep = self.ep

        gp = self.gp

        pp = self.pp

        sp = self.sp

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cp": cp,
                "ep": ep,
                "gp": gp,
                "pp": pp,
                "sp": sp,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cp = d.pop("cp")

        ep = d.pop("ep")

        gp = d.pop("gp")

        pp = d.pop("pp")

        sp = d.pop("sp")

        purse = cls(
            cp=cp,
            ep=ep,
            gp=gp,
            pp=pp,
            sp=sp,
        )

        purse.additional_properties = d
        return purse

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
