from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define

from ..models.transition import Transition

T = TypeVar("T", bound="EquipmentTransition")


@_attrs_define
class EquipmentTransition:
    """How one item changes.

    Attributes:
        equipment_id (UUID): The id of a live item of the character. Each item may be listed once.
        transition (Transition): How an item changes with the theme of its character.
    """

    equipment_id: UUID
    transition: Transition

    def to_dict(self) -> dict[str, Any]:
        equipment_id = str(self.equipment_id)

        transition = self.transition.value

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "equipment_id": equipment_id,
                "transition": transition,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        equipment_id = UUID(d.pop("equipment_id"))

        transition = Transition(d.pop("transition"))

        equipment_transition = cls(
            equipment_id=equipment_id,
            transition=transition,
        )

        return equipment_transition
