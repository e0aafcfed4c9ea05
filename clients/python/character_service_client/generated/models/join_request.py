from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define

T = TypeVar("T", bound="JoinRequest")


@_attrs_define
class JoinRequest:
    """The campaign that the character joins.

    Attributes:
        campaign_id (UUID): The id of the campaign.
    """

    campaign_id: UUID

    def to_dict(self) -> dict[str, Any]:
        campaign_id = str(self.campaign_id)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "campaign_id": campaign_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        campaign_id = UUID(d.pop("campaign_id"))

        join_request = cls(
            campaign_id=campaign_id,
        )

        return join_request
