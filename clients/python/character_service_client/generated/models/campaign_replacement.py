from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CampaignReplacement")


@_attrs_define
class CampaignReplacement:
    """All fields of a campaign. Absent fields get their defaults; unknown fields are rejected. The revision and the times
    are accepted and ignored, so that a client can send back what it read.

        Attributes:
            name (str): The name of the campaign.
            created_at (datetime.datetime | Unset): When it was created, UTC.
            data (Any | Unset): Any other data, as a JSON object.
            deleted_at (datetime.datetime | None | Unset): When it was soft-deleted, UTC; `null` while it is live.
            dm_name (None | str | Unset): The name of the user who leads it.
            dm_user_id (None | Unset | UUID): The user who leads it.
            id (None | Unset | UUID): Default: a new UUID of version 7.
            revision (int | Unset): 1 when created, one more at each change; also the entity tag.
            theme (None | str | Unset): The theme: the setting that the campaign is played in.
            updated_at (datetime.datetime | Unset): When it was last changed, UTC.
    """

    name: str
    created_at: datetime.datetime | Unset = UNSET
    data: Any | Unset = UNSET
    deleted_at: datetime.datetime | None | Unset = UNSET
    dm_name: None | str | Unset = UNSET
    dm_user_id: None | Unset | UUID = UNSET
    id: None | Unset | UUID = UNSET
    revision: int | Unset = UNSET
    theme: None | str | Unset = UNSET
    updated_at: datetime.datetime | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        created_at: str | Unset = UNSET
        if not isinstance(self.created_at, Unset):
            created_at = self.created_at.isoformat()

        data = self.data

        deleted_at: None | str | Unset
        if isinstance(self.deleted_at, Unset):
            deleted_at = UNSET
        elif isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        dm_name: None | str | Unset
        if isinstance(self.dm_name, Unset):
            dm_name = UNSET
        else:
            dm_name = self.dm_name

        dm_user_id: None | str | Unset
        if isinstance(self.dm_user_id, Unset):
            dm_user_id = UNSET
        elif isinstance(self.dm_user_id, UUID):
            dm_user_id = str(self.dm_user_id)
        else:
            dm_user_id = self.dm_user_id

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        revision = self.revision

        theme: None | str | Unset
        if isinstance(self.theme, Unset):
            theme = UNSET
        else:
            theme = self.theme

        updated_at: str | Unset = UNSET
        if not isinstance(self.updated_at, Unset):
            updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
            }
        )
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if data is not UNSET:
            field_dict["data"] = data
        if deleted_at is not UNSET:
            field_dict["deleted_at"] = deleted_at
        if dm_name is not UNSET:
            field_dict["dm_name"] = dm_name
        if dm_user_id is not UNSET:
            field_dict["dm_user_id"] = dm_user_id
        if id is not UNSET:
            field_dict["id"] = id
        if revision is not UNSET:
            field_dict["revision"] = revision
        if theme is not UNSET:
            field_dict["theme"] = theme
        if updated_at is not UNSET:
            field_dict["updated_at"] = updated_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        _created_at = d.pop("created_at", UNSET)
        created_at: datetime.datetime | Unset
        if isinstance(_created_at, Unset):
            created_at = UNSET
        else:
            created_at = datetime.datetime.fromisoformat(_created_at)

        data = d.pop("data", UNSET)

        def _parse_deleted_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at", UNSET))

        def _parse_dm_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        dm_name = _parse_dm_name(d.pop("dm_name", UNSET))

        def _parse_dm_user_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                dm_user_id_type_0 = UUID(data)

                return dm_user_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        dm_user_id = _parse_dm_user_id(d.pop("dm_user_id", UNSET))

        def _parse_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                id_type_0 = UUID(data)

                return id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        id = _parse_id(d.pop("id", UNSET))

        revision = d.pop("revision", UNSET)

        def _parse_theme(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        theme = _parse_theme(d.pop("theme", UNSET))

        _updated_at = d.pop("updated_at", UNSET)
        updated_at: datetime.datetime | Unset
        if isinstance(_updated_at, Unset):
            updated_at = UNSET
        else:
            updated_at = datetime.datetime.fromisoformat(_updated_at)

        campaign_replacement = cls(
            name=name,
            created_at=created_at,
            data=data,
            deleted_at=deleted_at,
            dm_name=dm_name,
            dm_user_id=dm_user_id,
            id=id,
            revision=revision,
            theme=theme,
            updated_at=updated_at,
        )

        return campaign_replacement
