from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="GiveCoinsRequest")


@_attrs_define
class GiveCoinsRequest:
    """The coins to give and their receiver. At least one kind is required; each is 0 or more.

    Attributes:
        to (UUID): The id of the character that receives the coins.
        cp (int | None | Unset): Copper pieces.
        ep (int | None | Unset): Electrum pieces.
        gp (int | None | Unset): Gold pieces.
        pp (int | None | Unset): Platinum pieces.
        sp (int | None | Unset): Silver pieces.
    """

    to: UUID
    cp: int | None | Unset = UNSET
    ep: int | None | Unset = UNSET
    gp: int | None | Unset = UNSET
    pp: int | None | Unset = UNSET
    sp: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        to = str(self.to)

        cp: int | None | Unset
        if isinstance(self.cp, Unset):
            cp = UNSET
        else:
            cp = self.cp

        ep: int | None | Unset
        if isinstance(self.ep, Unset):
            ep = UNSET
        else:
            ep = self.ep

        gp: int | None | Unset
        if isinstance(self.gp, Unset):
            gp = UNSET
        else:
            gp = self.gp

        pp: int | None | Unset
        if isinstance(self.pp, Unset):
            pp = UNSET
        else:
            pp = self.pp

        sp: int | None | Unset
        if isinstance(self.sp, Unset):
            sp = UNSET
        else:
            sp = self.sp

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "to": to,
            }
        )
        if cp is not UNSET:
            field_dict["cp"] = cp
        if ep is not UNSET:
            field_dict["ep"] = ep
        if gp is not UNSET:
            field_dict["gp"] = gp
        if pp is not UNSET:
            field_dict["pp"] = pp
        if sp is not UNSET:
            field_dict["sp"] = sp

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        to = UUID(d.pop("to"))

        def _parse_cp(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        cp = _parse_cp(d.pop("cp", UNSET))

        def _parse_ep(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        ep = _parse_ep(d.pop("ep", UNSET))

        def _parse_gp(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        gp = _parse_gp(d.pop("gp", UNSET))

        def _parse_pp(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        pp = _parse_pp(d.pop("pp", UNSET))

        def _parse_sp(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        sp = _parse_sp(d.pop("sp", UNSET))

        give_coins_request = cls(
            to=to,
            cp=cp,
            ep=ep,
            gp=gp,
            pp=pp,
            sp=sp,
        )

        return give_coins_request
