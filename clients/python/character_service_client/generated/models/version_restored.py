from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.unrestored_row import UnrestoredRow


T = TypeVar("T", bound="VersionRestored")


@_attrs_define
class VersionRestored:
    """A character whose state is that of an earlier version.

    Attributes:
        campaign_id (None | UUID): The id of the campaign that the character takes part in; `null` for none.
        created_at (datetime.datetime): When it was created, UTC.
        data (Any): The sheet: any JSON object, at most 128 levels deep.
        deleted_at (datetime.datetime | None): When it was soft-deleted, UTC; `null` while it is live.
        id (UUID): The unique id; never changes.
        is_active (bool): Whether the character is in play.
        name (str): The name of the character.
        parent_id (None | UUID): The id of the character that this one continues in another theme; `null` for the first.
            Only a change of theme
            sets it; a request can only repeat it.
        revision (int): 1 when created, one more at each change; also the entity tag.
        theme (str): The theme: the setting that the character is played in.
        updated_at (datetime.datetime): When it was last changed, UTC.
        user_id (UUID): The id of the user who plays the character.
        not_restored (list[UnrestoredRow]): The rows that changed since that version and are not restored, at most 1000.
        not_restored_total (int): The number of all such rows.
    """

    campaign_id: None | UUID
    created_at: datetime.datetime
    data: Any
    deleted_at: datetime.datetime | None
    id: UUID
    is_active: bool
    name: str
    parent_id: None | UUID
    revision: int
    theme: str
    updated_at: datetime.datetime
    user_id: UUID
    not_restored: list[UnrestoredRow]
    not_restored_total: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        campaign_id: None | str
        if isinstance(self.campaign_id, UUID):
            campaign_id = str(self.campaign_id)
        else:
            campaign_id = self.campaign_id

        created_at = self.created_at.isoformat()

        data = self.data

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        id = str(self.id)

        is_active = self.is_active

        name = self.name

        parent_id: None | str
        if isinstance(self.parent_id, UUID):
            parent_id = str(self.parent_id)
        else:
            parent_id = self.parent_id

        revision = self.revision

        theme = self.theme

        updated_at = self.updated_at.isoformat()

        user_id = str(self.user_id)

        not_restored = []
        for not_restored_item_data in self.not_restored:
            not_restored_item = not_restored_item_data.to_dict()
            not_restored.append(not_restored_item)

        not_restored_total = self.not_restored_total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "campaign_id": campaign_id,
                "created_at": created_at,
                "data": data,
                "deleted_at": deleted_at,
                "id": id,
                "is_active": is_active,
                "name": name,
                "parent_id": parent_id,
                "revision": revision,
                "theme": theme,
                "updated_at": updated_at,
                "user_id": user_id,
                "not_restored": not_restored,
                "not_restored_total": not_restored_total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.unrestored_row import UnrestoredRow  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_campaign_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                campaign_id_type_0 = UUID(data)

                return campaign_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        campaign_id = _parse_campaign_id(d.pop("campaign_id"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        data = d.pop("data")

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

        id = UUID(d.pop("id"))

        is_active = d.pop("is_active")

        name = d.pop("name")

        def _parse_parent_id(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                parent_id_type_0 = UUID(data)

                return parent_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        parent_id = _parse_parent_id(d.pop("parent_id"))

        revision = d.pop("revision")

        theme = d.pop("theme")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        user_id = UUID(d.pop("user_id"))

        not_restored = []
        _not_restored = d.pop("not_restored")
        for not_restored_item_data in _not_restored:
            not_restored_item = UnrestoredRow.from_dict(not_restored_item_data)

            not_restored.append(not_restored_item)

        not_restored_total = d.pop("not_restored_total")

        version_restored = cls(
            campaign_id=campaign_id,
            created_at=created_at,
            data=data,
            deleted_at=deleted_at,
            id=id,
            is_active=is_active,
            name=name,
            parent_id=parent_id,
            revision=revision,
            theme=theme,
            updated_at=updated_at,
            user_id=user_id,
            not_restored=not_restored,
            not_restored_total=not_restored_total,
        )

        version_restored.additional_properties = d
        return version_restored

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
