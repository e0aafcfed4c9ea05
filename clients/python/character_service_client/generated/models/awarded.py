from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Awarded")


@_attrs_define
class Awarded:
    """The result of an award.

    Attributes:
        ability_score_improvements (list[int]): The gained levels that bring an ability score improvement.
        amount (int): The amount of this award.
        experience_entry_id (UUID): The id of the experience entry under that journal entry.
        experience_points (int): The total experience after the award.
        journal_entry_id (UUID): The id of the journal entry about the award.
        level_after (int): The level after the award.
        level_before (int): The level before the award.
        leveled_up (bool): Whether at least one level was gained.
        levels_gained (int): The number of levels gained.
        next_level_at (int | None): The experience at which the next level begins; `null` at level 20.
        proficiency_bonus_after (int): The proficiency bonus after the award.
        proficiency_bonus_before (int): The proficiency bonus before the award.
        revision (int): The revision of the character after the award; also the entity tag.
    """

    ability_score_improvements: list[int]
    amount: int
    experience_entry_id: UUID
    experience_points: int
    journal_entry_id: UUID
    level_after: int
    level_before: int
    leveled_up: bool
    levels_gained: int
    next_level_at: int | None
    proficiency_bonus_after: int
    proficiency_bonus_before: int
    revision: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        ability_score_improvements = self.ability_score_improvements

        amount = self.amount

        experience_entry_id = str(self.experience_entry_id)

        experience_points = self.experience_points

        journal_entry_id = str(self.journal_entry_id)

        level_after = self.level_after

        level_before = self.level_before

        leveled_up = self.leveled_up

        levels_gained = self.levels_gained

        next_level_at: int | None
        next_level_at = self.next_level_at

        proficiency_bonus_after = self.proficiency_bonus_after

        proficiency_bonus_before = self.proficiency_bonus_before

        revision = self.revision

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "ability_score_improvements": ability_score_improvements,
                "amount": amount,
                "experience_entry_id": experience_entry_id,
                "experience_points": experience_points,
                "journal_entry_id": journal_entry_id,
                "level_after": level_after,
                "level_before": level_before,
                "leveled_up": leveled_up,
                "levels_gained": levels_gained,
                "next_level_at": next_level_at,
                "proficiency_bonus_after": proficiency_bonus_after,
                "proficiency_bonus_before": proficiency_bonus_before,
                "revision": revision,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        ability_score_improvements = cast(list[int], d.pop("ability_score_improvements"))

        amount = d.pop("amount")

        experience_entry_id = UUID(d.pop("experience_entry_id"))

        experience_points = d.pop("experience_points")

        journal_entry_id = UUID(d.pop("journal_entry_id"))

        level_after = d.pop("level_after")

        level_before = d.pop("level_before")

        leveled_up = d.pop("leveled_up")

        levels_gained = d.pop("levels_gained")

        def _parse_next_level_at(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        next_level_at = _parse_next_level_at(d.pop("next_level_at"))

        proficiency_bonus_after = d.pop("proficiency_bonus_after")

        proficiency_bonus_before = d.pop("proficiency_bonus_before")

        revision = d.pop("revision")

        awarded = cls(
            ability_score_improvements=ability_score_improvements,
            amount=amount,
            experience_entry_id=experience_entry_id,
            experience_points=experience_points,
            journal_entry_id=journal_entry_id,
            level_after=level_after,
            level_before=level_before,
            leveled_up=leveled_up,
            levels_gained=levels_gained,
            next_level_at=next_level_at,
            proficiency_bonus_after=proficiency_bonus_after,
            proficiency_bonus_before=proficiency_bonus_before,
            revision=revision,
        )

        awarded.additional_properties = d
        return awarded

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
