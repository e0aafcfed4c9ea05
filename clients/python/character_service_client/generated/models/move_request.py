from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

T = TypeVar("T", bound="MoveRequest")


@_attrs_define
class MoveRequest:
    """The target of a move.

    Attributes:
        container (None | UUID): The id of the container to put the item into; `null` takes it out of its container.
    """

    container: None | UUID

    def to_dict(self) -> dict[str, Any]:
        container: None | str
        if isinstance(self.container, UUID):
            container = str(self.container)
        else:
            container = self.container

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "container": container,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_container(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                container_type_0 = UUID(data)

                return container_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        container = _parse_container(d.pop("container"))

        move_request = cls(
            container=container,
        )

        return move_request
