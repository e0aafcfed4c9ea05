from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.attainment import Attainment


T = TypeVar("T", bound="Progress")


@_attrs_define
class Progress:
    """The progress of a character.

    Attributes:
        achievements (list[Attainment]): The achievements, oldest first. Titles are unique.
        character_id (UUID): The id of the character.
        current_level (int): The level, 1 to 20.
        data (Any): Any other data, as a JSON object.
        experience_points (int): The total experience.
        level_updated_at (datetime.datetime | None): When experience last changed the level; `null` when it never did.
        milestones (list[Attainment]): The milestones, oldest first.
        next_level_at (int | None): The experience at which the next level begins; `null` at level 20.
        previous_level (int): The previous level; 0 when there was none.
        proficiency_bonus (int): The proficiency bonus of the level.
        revision (int): The revision of the character, which every change of its progress moves; also the entity tag.
    """

    achievements: list[Attainment]
    character_id: UUID
    current_level: int
    data: Any
    experience_points: int
    level_updated_at: datetime.datetime | None
    milestones: list[Attainment]
    next_level_at: int | None
    previous_level: int
    proficiency_bonus: int
    revision: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        achievements = []
        for achievements_item_data in self.achievements:
            achievements_item = achievements_item_data.to_dict()
            achievements.append(achievements_item)

        character_id = str(self.character_id)

        current_level = self.current_level

        data = self.data

        experience_points = self.experience_points

        level_updated_at: None | str
        if isinstance(self.level_updated_at, datetime.datetime):
            level_updated_at = self.level_updated_at.isoformat()
        else:
            level_updated_at = self.level_updated_at

        milestones = []
        for milestones_item_data in self.milestones:
            milestones_item = milestones_item_data.to_dict()
            milestones.append(milestones_item)

        next_level_at: int | None
        next_level_at = self.next_level_at

        previous_level = self.previous_level

        proficiency_bonus = self.proficiency_bonus

        revision = self.revision

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "achievements": achievements,
                "character_id": character_id,
                "current_level": current_level,
                "data": data,
                "experience_points": experience_points,
                "level_updated_at": level_updated_at,
                "milestones": milestones,
                "next_level_at": next_level_at,
                "previous_level": previous_level,
                "proficiency_bonus": proficiency_bonus,
                "revision": revision,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attainment import Attainment  # noqa: PLC0415

        d = dict(src_dict)
        achievements = []
        _achievements = d.pop("achievements")
        for achievements_item_data in _achievements:
            achievements_item = Attainment.from_dict(achievements_item_data)

            achievements.append(achievements_item)

        character_id = UUID(d.pop("character_id"))

        current_level = d.pop("current_level")

        data = d.pop("data")

        experience_points = d.pop("experience_points")

        def _parse_level_updated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                level_updated_at_type_0 = datetime.datetime.fromisoformat(data)

                return level_updated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        level_updated_at = _parse_level_updated_at(d.pop("level_updated_at"))

        milestones = []
        _milestones = d.pop("milestones")
        for milestones_item_data in _milestones:
            milestones_item = Attainment.from_dict(milestones_item_data)

            milestones.append(milestones_item)

        def _parse_next_level_at(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        next_level_at = _parse_next_level_at(d.pop("next_level_at"))

        previous_level = d.pop("previous_level")

        proficiency_bonus = d.pop("proficiency_bonus")

        revision = d.pop("revision")

        progress = cls(
            achievements=achievements,
            character_id=character_id,
            current_level=current_level,
            data=data,
            experience_points=experience_points,
            level_updated_at=level_updated_at,
            milestones=milestones,
            next_level_at=next_level_at,
            previous_level=previous_level,
            proficiency_bonus=proficiency_bonus,
            revision=revision,
        )

        progress.additional_properties = d
        return progress

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
