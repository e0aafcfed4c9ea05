from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="GiveRequest")


@_attrs_define
class GiveRequest:
    """The receiver of an item.

    Attributes:
        to (UUID): The character that receives it.
        quantity (int | None | Unset): The number of pieces, from 1 to the quantity of the item. Default: all of them.
    """

    to: UUID
    quantity: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        to = str(self.to)

        quantity: int | None | Unset
        if isinstance(self.quantity, Unset):
            quantity = UNSET
        else:
            quantity = self.quantity

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "to": to,
            }
        )
        if quantity is not UNSET:
            field_dict["quantity"] = quantity

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        to = UUID(d.pop("to"))

        def _parse_quantity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        quantity = _parse_quantity(d.pop("quantity", UNSET))

        give_request = cls(
            to=to,
            quantity=quantity,
        )

        return give_request
