from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewCharacter")


@_attrs_define
class NewCharacter:
    """A new character. Unknown fields are rejected; `null` means the same as an absent field.

    Attributes:
        name (str): The name of the character.
        user_id (UUID): The id of the user who plays the character.
        campaign_id (None | Unset | UUID): The id of the campaign that the character takes part in; `null` for none.
        data (Any | Unset): The sheet: any JSON object, at most 128 levels deep.
        id (None | Unset | UUID): Default: a new UUID of version 7. In a `PUT` it must equal the id in the path.
        is_active (bool | None | Unset): Whether the character is in play.
        parent_id (None | Unset | UUID): The id of the character that this one continues in another theme; `null` for
            the first. Only a change of theme
            sets it; a request can only repeat it. `POST` rejects every value but `null`. `PUT` keeps the stored value when
            this is absent, and rejects every other value.
        theme (None | str | Unset): The theme: the setting that the character is played in.
    """

    name: str
    user_id: UUID
    campaign_id: None | Unset | UUID = UNSET
    data: Any | Unset = UNSET
    id: None | Unset | UUID = UNSET
    is_active: bool | None | Unset = UNSET
    parent_id: None | Unset | UUID = UNSET
    theme: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        user_id = str(self.user_id)

        campaign_id: None | str | Unset
        if isinstance(self.campaign_id, Unset):
            campaign_id = UNSET
        elif isinstance(self.campaign_id, UUID):
            campaign_id = str(self.campaign_id)
        else:
            campaign_id = self.campaign_id

        data = self.data

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        elif isinstance(self.id, UUID):
            id = str(self.id)
        else:
            id = self.id

        is_active: bool | None | Unset
        if isinstance(self.is_active, Unset):
            is_active = UNSET
        else:
            is_active = self.is_active

        parent_id: None | str | Unset
        if isinstance(self.parent_id, Unset):
            parent_id = UNSET
        elif isinstance(self.parent_id, UUID):
            parent_id = str(self.parent_id)
        else:
            parent_id = self.parent_id

        theme: None | str | Unset
        if isinstance(self.theme, Unset):
            theme = UNSET
        else:
            theme = self.theme

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "user_id": user_id,
            }
        )
        if campaign_id is not UNSET:
            field_dict["campaign_id"] = campaign_id
        if data is not UNSET:
            field_dict["data"] = data
        if id is not UNSET:
            field_dict["id"] = id
        if is_active is not UNSET:
            field_dict["is_active"] = is_active
        if parent_id is not UNSET:
            field_dict["parent_id"] = parent_id
        if theme is not UNSET:
            field_dict["theme"] = theme

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        user_id = UUID(d.pop("user_id"))

        def _parse_campaign_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                campaign_id_type_0 = UUID(data)

                return campaign_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        campaign_id = _parse_campaign_id(d.pop("campaign_id", UNSET))

        data = d.pop("data", UNSET)

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

        def _parse_is_active(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_active = _parse_is_active(d.pop("is_active", UNSET))

        def _parse_parent_id(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                parent_id_type_0 = UUID(data)

                return parent_id_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        parent_id = _parse_parent_id(d.pop("parent_id", UNSET))

        def _parse_theme(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        theme = _parse_theme(d.pop("theme", UNSET))

        new_character = cls(
            name=name,
            user_id=user_id,
            campaign_id=campaign_id,
            data=data,
            id=id,
            is_active=is_active,
            parent_id=parent_id,
            theme=theme,
        )

        return new_character
