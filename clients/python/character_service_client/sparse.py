"""The names for `fields`, with which the functions of the name `…_sparse_…` return some fields of each row alone."""

from typing import TypeVar

from .generated.models import CharacterField, InventoryItemField

F = TypeVar("F", CharacterField, InventoryItemField)


def fields(*names: F, data: tuple[str, ...] = ()) -> str:
    """The value of `fields`: these fields of each row, and these members of its `data`, such as `hit_points.current`.

    Raises `ValueError` when there is nothing to return, and for a member that `fields` cannot name.
    """
    for member in data:
        if "," in member or not all(member.split(".")):
            raise ValueError(f"{member!r} is not the name of a member, or names with full stops between them")
    if not names and not data:
        raise ValueError("name one field at least")
    return ",".join([*names, *(f"data.{member}" for member in data)])
