from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.equipment_transition import EquipmentTransition


T = TypeVar("T", bound="ThemeTransitionRequest")


@_attrs_define
class ThemeTransitionRequest:
    """The requested change of theme.

    Attributes:
        new_theme (str): The new theme, which must differ from the current one.
        chapter_id (None | Unset | UUID): The id of the campaign chapter in which it happens.
        equipment_transitions (list[EquipmentTransition] | None | Unset): How items change. Items that are not listed
            stay unchanged.
    """

    new_theme: str
    chapter_id: None | Unset | UUID = UNSET
    equipment_transitions: list[EquipmentTransition] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        new_theme = self.new_theme

        chapter_id: None | str | Unset
        if isinstance(self.chapter_id, Unset):
            chapter_id = UNSET
        elif isinstance(self.chapter_id, UUID):
            chapter_id = str(self.chapter_id)
        else:
            chapter_id = self.chapter_id

        equipment_transitions: list[dict[str, Any]] | None | Unset
        if isinstance(self.equipment_transitions, Unset):
            equipment_transitions = UNSET
        elif isinstance(self.equipment_transitions, list):
            equipment_transitions = []
            for equipment_transitions_type_0_item_data in self.equipment_transitions:
                equipment_transitions_type_0_item = equipment_transitions_type_0_item_data.to_dict()
                equipment_transitions.append(equipment_transitions_type_0_item)

        else:
            equipment_transitions = self.equipment_transitions

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "new_theme": new_theme,
            }
        )
        if chapter_id is not UNSET:
            field_dict["chapter_id"] = chapter_id
        if equipment_transitions is not UNSET:
            field_dict["equipment_transitions"] = equipment_transitions

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.equipment_transition import EquipmentTransition  # noqa: PLC0415

        d = dict(src_dict)
        new_theme = d.pop("new_theme")

        def _parse_chapter_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                chapter_id_type_0 = UUID(data)

                return chapter_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        chapter_id = _parse_chapter_id(d.pop("chapter_id", UNSET))

        def _parse_equipment_transitions(data: object) -> list[EquipmentTransition] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                equipment_transitions_type_0 = []
                _equipment_transitions_type_0 = data
                for equipment_transitions_type_0_item_data in _equipment_transitions_type_0:
                    equipment_transitions_type_0_item = EquipmentTransition.from_dict(
                        equipment_transitions_type_0_item_data
                    )

                    equipment_transitions_type_0.append(equipment_transitions_type_0_item)

                return equipment_transitions_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[EquipmentTransition] | None | Unset, data)

        equipment_transitions = _parse_equipment_transitions(d.pop("equipment_transitions", UNSET))

        theme_transition_request = cls(
            new_theme=new_theme,
            chapter_id=chapter_id,
            equipment_transitions=equipment_transitions,
        )

        return theme_transition_request
