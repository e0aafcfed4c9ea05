from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CampaignPatch")


@_attrs_define
class CampaignPatch:
    """Changes of a campaign (RFC 7396): absent fields stay, `null` removes a value or restores its default.

    Attributes:
        data (Any | Unset): Merged into the stored object, member by member.
        dm_name (None | str | Unset): The name of the user who leads it.
        dm_user_id (None | Unset | UUID): The user who leads it.
        name (str | Unset): The name of the campaign.
        theme (None | str | Unset): The theme: the setting that the campaign is played in.
    """

    data: Any | Unset = UNSET
    dm_name: None | str | Unset = UNSET
    dm_user_id: None | Unset | UUID = UNSET
    name: str | Unset = UNSET
    theme: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        data = self.data

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

        name = self.name

        theme: None | str | Unset
        if isinstance(self.theme, Unset):
            theme = UNSET
        else:
            theme = self.theme

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if data is not UNSET:
            field_dict["data"] = data
        if dm_name is not UNSET:
            field_dict["dm_name"] = dm_name
        if dm_user_id is not UNSET:
            field_dict["dm_user_id"] = dm_user_id
        if name is not UNSET:
            field_dict["name"] = name
        if theme is not UNSET:
            field_dict["theme"] = theme

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        data = d.pop("data", UNSET)

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

        name = d.pop("name", UNSET)

        def _parse_theme(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        theme = _parse_theme(d.pop("theme", UNSET))

        campaign_patch = cls(
            data=data,
            dm_name=dm_name,
            dm_user_id=dm_user_id,
            name=name,
            theme=theme,
        )

        return campaign_patch
