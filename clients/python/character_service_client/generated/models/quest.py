from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.quest_importance import QuestImportance
from ..models.quest_status import QuestStatus

T = TypeVar("T", bound="Quest")


@_attrs_define
class Quest:
    """A quest.

    Attributes:
        created_at (datetime.datetime): When it was created, UTC.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        revision (int): 1 when created, one more at each change; also the entity tag.
        updated_at (datetime.datetime): When it was last changed, UTC.
        assigned_by (None | str): The name of the one who assigned the quest.
        character_id (UUID): The id of the character.
        data (Any): Any other data, as a JSON object.
        description (str): The task, in free text.
        id (UUID): The unique id; never changes.
        importance (QuestImportance): The importance of a quest.
        journal_entry_id (UUID): The id of the journal entry that it belongs to.
        progress (list[Any]): The steps, oldest first, each any JSON value.
        rewards (Any): The rewards, as a JSON object.
        status (QuestStatus): The status of a quest.
        title (str): The title of the quest.
    """

    created_at: datetime.datetime
    deleted_at: datetime.datetime | None
    revision: int
    updated_at: datetime.datetime
    assigned_by: None | str
    character_id: UUID
    data: Any
    description: str
    id: UUID
    importance: QuestImportance
    journal_entry_id: UUID
    progress: list[Any]
    rewards: Any
    status: QuestStatus
    title: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        revision = self.revision

        updated_at = self.updated_at.isoformat()

        assigned_by: None | str
        assigned_by = self.assigned_by

        character_id = str(self.character_id)

        data = self.data

        description = self.description

        id = str(self.id)

        importance = self.importance.value

        journal_entry_id = str(self.journal_entry_id)

        progress = self.progress

        rewards = self.rewards

        status = self.status.value

        title = self.title

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "deleted_at": deleted_at,
                "revision": revision,
                "updated_at": updated_at,
                "assigned_by": assigned_by,
                "character_id": character_id,
                "data": data,
                "description": description,
                "id": id,
                "importance": importance,
                "journal_entry_id": journal_entry_id,
                "progress": progress,
                "rewards": rewards,
                "status": status,
                "title": title,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at"))

        revision = d.pop("revision")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        def _parse_assigned_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        assigned_by = _parse_assigned_by(d.pop("assigned_by"))

        character_id = UUID(d.pop("character_id"))

        data = d.pop("data")

        description = d.pop("description")

        id = UUID(d.pop("id"))

        importance = QuestImportance(d.pop("importance"))

        journal_entry_id = UUID(d.pop("journal_entry_id"))

        progress = cast(list[Any], d.pop("progress"))

        rewards = d.pop("rewards")

        status = QuestStatus(d.pop("status"))

        title = d.pop("title")

        quest = cls(
            created_at=created_at,
            deleted_at=deleted_at,
            revision=revision,
            updated_at=updated_at,
            assigned_by=assigned_by,
            character_id=character_id,
            data=data,
            description=description,
            id=id,
            importance=importance,
            journal_entry_id=journal_entry_id,
            progress=progress,
            rewards=rewards,
            status=status,
            title=title,
        )

        quest.additional_properties = d
        return quest

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
