"""What a call returned: its value and entity tag."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from .generated.types import Response

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    value: T
    etag: str
    """The entity tag of the row, for `if_match` and `if_none_match`; empty where the answer is not one row or list."""
    is_replayed: bool
    """Whether an earlier request with the same key had the effect, and this is its answer again."""


def answer(response: Response[T]) -> Answer[T]:
    """The answer of a `sync_detailed` or an awaited `asyncio_detailed`. Raises `ValueError` for 304."""
    found = changed(response)
    if found is None:
        raise ValueError("nothing has changed (304); use `changed` for a read with `if_none_match`")
    return found


def changed(response: Response[T]) -> Answer[T] | None:
    """Like `answer`, for a read with `if_none_match`: `None` when nothing has changed."""
    if response.status_code == 304:
        return None
    value = response.parsed
    if value is None and response.status_code != 204:
        raise ValueError(f"the document does not describe a response with the status {response.status_code}")
    headers = response.headers
    # The type of a response without a body (204) is `Any`.
    return Answer(value, headers.get("etag", ""), headers.get("idempotency-replayed") == "true")  # type: ignore[arg-type]
