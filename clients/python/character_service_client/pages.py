"""Lists of any length as iterators, which follow `next_cursor`.

A call for one page gets the `cursor`, as in `lambda cursor: list_characters.sync(client=client, cursor=cursor)`, or with `asyncio`
for the functions whose names begin with `a`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from .generated.models import UnreadableRow
from .generated.types import UNSET, Unset

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """What every list returns."""

    @property
    def items(self) -> Sequence[T_co]: ...
    @property
    def next_cursor(self) -> str | None: ...
    @property
    def unreadable(self) -> list[UnreadableRow] | Unset: ...


class UnreadableRowsError(Exception):
    """A page has rows that the service cannot read."""

    def __init__(self, rows: list[UnreadableRow]) -> None:
        super().__init__("; ".join(f"row {row.position} ({row.id}): {row.problem}" for row in rows))
        self.rows = rows


def _raise(rows: list[UnreadableRow]) -> None:
    raise UnreadableRowsError(rows)


def pages(call: Callable[[str | Unset], Page[T] | None]) -> Iterator[Page[T]]:
    """Every page, in its order."""
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = _page(call(cursor))
        yield page
        cursor = page.next_cursor


async def apages(call: Callable[[str | Unset], Awaitable[Page[T] | None]]) -> AsyncIterator[Page[T]]:
    """Every page, in its order."""
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = _page(await call(cursor))
        yield page
        cursor = page.next_cursor


def items(
    call: Callable[[str | Unset], Page[T] | None], on_unreadable: Callable[[list[UnreadableRow]], None] = _raise
) -> Iterator[T]:
    """Every row, in the order of the list.

    Raises `UnreadableRowsError` after the readable rows of a page that has unreadable ones, unless `on_unreadable` takes them.
    """
    for page in pages(call):
        yield from page.items
        if page.unreadable:
            on_unreadable(page.unreadable)


async def aitems(
    call: Callable[[str | Unset], Awaitable[Page[T] | None]],
    on_unreadable: Callable[[list[UnreadableRow]], None] = _raise,
) -> AsyncIterator[T]:
    """Like `items`, for `asyncio`."""
    async for page in apages(call):
        for item in page.items:
            yield item
        if page.unreadable:
            on_unreadable(page.unreadable)


def _page(page: Page[T] | None) -> Page[T]:
    if page is None:
        raise ValueError("nothing has changed (304); iterate without `if_none_match`")
    return page
