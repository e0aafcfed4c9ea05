from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.quest_importance import QuestImportance
from ..models.quest_status import QuestStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="QuestPatch")


@_attrs_define
class QuestPatch:
    """Changes of a quest (RFC 7396): absent fields stay, `null` removes a value or restores its default.

    Attributes:
        assigned_by (None | str | Unset): The name of the one who assigned the quest.
        data (Any | Unset): Merged into the stored object, member by member.
        description (None | str | Unset): The task, in free text.
        importance (None | QuestImportance | Unset):
        progress (list[Any] | None | Unset): The steps, oldest first, each any JSON value. They replace all that are
            stored.
        rewards (Any | Unset): Merged into the stored object, member by member.
        status (None | QuestStatus | Unset):
        title (str | Unset): The title of the quest.
    """

    assigned_by: None | str | Unset = UNSET
    data: Any | Unset = UNSET
    description: None | str | Unset = UNSET
    importance: None | QuestImportance | Unset = UNSET
    progress: list[Any] | None | Unset = UNSET
    rewards: Any | Unset = UNSET
    status: None | QuestStatus | Unset = UNSET
    title: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        assigned_by: None | str | Unset
        if isinstance(self.assigned_by, Unset):
            assigned_by = UNSET
        else:
            assigned_by = self.assigned_by

        data = self.data

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        importance: None | str | Unset
        if isinstance(self.importance, Unset):
            importance = UNSET
        elif isinstance(self.importance, QuestImportance):
            importance = self.importance.value
        else:
            importance = self.importance

        progress: list[Any] | None | Unset
        if isinstance(self.progress, Unset):
            progress = UNSET
        elif isinstance(self.progress, list):
            progress = self.progress

        else:
            progress = self.progress

        rewards = self.rewards

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, QuestStatus):
            status = self.status.value
        else:
            status = self.status

        title = self.title

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if assigned_by is not UNSET:
            field_dict["assigned_by"] = assigned_by
        if data is not UNSET:
            field_dict["data"] = data
        if description is not UNSET:
            field_dict["description"] = description
        if importance is not UNSET:
            field_dict["importance"] = importance
        if progress is not UNSET:
            field_dict["progress"] = progress
        if rewards is not UNSET:
            field_dict["rewards"] = rewards
        if status is not UNSET:
            field_dict["status"] = status
        if title is not UNSET:
            field_dict["title"] = title

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_assigned_by(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        assigned_by = _parse_assigned_by(d.pop("assigned_by", UNSET))

        data = d.pop("data", UNSET)

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_importance(data: object) -> None | QuestImportance | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                importance_type_0 = QuestImportance(data)

                return importance_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | QuestImportance | Unset, data)

        importance = _parse_importance(d.pop("importance", UNSET))

        def _parse_progress(data: object) -> list[Any] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                progress_type_0 = cast(list[Any], data)

                return progress_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Any] | None | Unset, data)

        progress = _parse_progress(d.pop("progress", UNSET))

        rewards = d.pop("rewards", UNSET)

        def _parse_status(data: object) -> None | QuestStatus | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_0 = QuestStatus(data)

                return status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | QuestStatus | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        title = d.pop("title", UNSET)

        quest_patch = cls(
            assigned_by=assigned_by,
            data=data,
            description=description,
            importance=importance,
            progress=progress,
            rewards=rewards,
            status=status,
            title=title,
        )

        return quest_patch
