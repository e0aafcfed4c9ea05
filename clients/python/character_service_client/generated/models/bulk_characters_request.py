from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_character import NewCharacter


T = TypeVar("T", bound="BulkCharactersRequest")


@_attrs_define
class BulkCharactersRequest:
    """Several new characters.

    Attributes:
        characters (list[NewCharacter]): The characters to create, 1 to 1000.
        atomic (bool | None | Unset): `true`: either all are created or none. `false`: each is created on its own.
    """

    characters: list[NewCharacter]
    atomic: bool | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        characters = []
        for characters_item_data in self.characters:
            characters_item = characters_item_data.to_dict()
            characters.append(characters_item)

        atomic: bool | None | Unset
        if isinstance(self.atomic, Unset):
            atomic = UNSET
        else:
            atomic = self.atomic

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "characters": characters,
            }
        )
        if atomic is not UNSET:
            field_dict["atomic"] = atomic

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_character import NewCharacter  # noqa: PLC0415

        d = dict(src_dict)
        characters = []
        _characters = d.pop("characters")
        for characters_item_data in _characters:
            characters_item = NewCharacter.from_dict(characters_item_data)

            characters.append(characters_item)

        def _parse_atomic(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        atomic = _parse_atomic(d.pop("atomic", UNSET))

        bulk_characters_request = cls(
            characters=characters,
            atomic=atomic,
        )

        return bulk_characters_request
