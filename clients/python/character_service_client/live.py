"""Live updates (`GET /api/v2/stream`): reconnects, resumes behind the last event, and drops what came twice."""

import re
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import anyio
import httpx

from .documents import loads
from .generated import Client
from .problems import HttpError

# Seconds of silence after which the connection counts as lost: three heartbeats.
_TIMEOUT = httpx.Timeout(30.0, read=45.0)
# How many updates are remembered to drop repeats.
_REMEMBERED = 1000


@dataclass(frozen=True)
class Hello:
    """What is read from now on is at least as new as the stream. `event_id` resumes a later stream behind an event."""

    event_id: str


@dataclass(frozen=True)
class Reset:
    """Updates may be missing: read everything again."""

    event_id: str


@dataclass(frozen=True)
class Update:
    """A character or a campaign changed. Read the row to get its state."""

    event_id: str
    id: str
    """Unique for the change."""
    type: str
    """The type of the domain event, `character.changed` or `campaign.changed`."""
    time: str
    """When it was committed, UTC."""
    character: UUID | None
    """`None` for a change of a campaign itself."""
    campaigns: list[UUID]
    """The campaigns of the character before and after the change, or the campaign itself."""
    revision: int | None
    """The revision after the change; `None` when the change did not write the row itself."""
    changed: list[str]
    """The names of the fields of the character or the campaign that changed; empty for a creation or a deletion."""


LiveEvent = Hello | Reset | Update


def stream(
    client: Client,
    *,
    characters: Sequence[UUID] = (),
    campaigns: Sequence[UUID] = (),
    last_event_id: str | None = None,
    patience: float = 300.0,
) -> Generator[LiveEvent, None, None]:
    """The events, without end. A campaign includes its characters; together they are 1 to 500.

    `last_event_id` is the `event_id` of the last event of an earlier stream; without it, the stream begins now. Raises
    `ProblemError` when the service refuses the stream, and the last error when the service was not heard for `patience` seconds.
    """
    events = _Events(last_event_id, patience)
    while True:
        try:
            with client.get_httpx_client().stream(**events.request(characters, campaigns)) as response:
                for text in response.iter_text():
                    yield from events.push(text)
        except (httpx.TransportError, HttpError) as error:
            events.judge(error)
        time.sleep(events.retry)


async def astream(
    client: Client,
    *,
    characters: Sequence[UUID] = (),
    campaigns: Sequence[UUID] = (),
    last_event_id: str | None = None,
    patience: float = 300.0,
) -> AsyncGenerator[LiveEvent, None]:
    """Like `stream`, for `asyncio`."""
    events = _Events(last_event_id, patience)
    while True:
        try:
            async with client.get_async_httpx_client().stream(**events.request(characters, campaigns)) as response:
                async for text in response.aiter_text():
                    for event in events.push(text):
                        yield event
        except (httpx.TransportError, HttpError) as error:
            events.judge(error)
        await anyio.sleep(events.retry)


@dataclass
class _Events:
    """Reads server-sent events from pieces of text, over several connections."""

    last_event_id: str | None
    patience: float
    retry: float = 2.0
    """Seconds to wait before the stream is opened again."""
    _heard: float = field(default_factory=time.monotonic)
    _seen: dict[str, None] = field(default_factory=dict)
    _rest: str = ""

    def request(self, characters: Sequence[UUID], campaigns: Sequence[UUID]) -> dict[str, Any]:
        """The request of the next connection. Forgets an event that the last one left incomplete."""
        self._rest = ""
        named = {"character": characters, "campaign": campaigns}
        return {
            "method": "GET",
            "url": "/api/v2/stream",
            "params": {name: ",".join(map(str, ids)) for name, ids in named.items() if ids},
            "headers": {} if self.last_event_id is None else {"Last-Event-ID": self.last_event_id},
            "timeout": _TIMEOUT,
        }

    def judge(self, error: Exception) -> None:
        """Raises the error again when another connection would not help, or the service was not heard for too long."""
        is_refused = isinstance(error, HttpError) and error.status < 500 and error.status not in (408, 429)
        if is_refused or time.monotonic() - self._heard > self.patience:
            raise error

    def push(self, text: str) -> list[LiveEvent]:
        self._heard = time.monotonic()
        *blocks, self._rest = re.split(r"\r?\n\r?\n", self._rest + text)
        return [event for block in blocks if (event := self._event(block)) is not None]

    def _event(self, block: str) -> LiveEvent | None:
        fields: dict[str, list[str]] = {}
        for line in re.split(r"\r?\n", block):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        if (retry := fields.get("retry", [""])[-1]).isdecimal():
            self.retry = int(retry) / 1000
        self.last_event_id = fields.get("id", [self.last_event_id])[-1]
        event_id = self.last_event_id or ""
        match fields.get("event", [""])[-1]:
            case "hello":
                return Hello(event_id)
            case "reset":
                return Reset(event_id)
            case "update":
                return self._update(event_id, loads("\n".join(fields["data"])))
        return None

    def _update(self, event_id: str, data: dict[str, Any]) -> Update | None:
        if data["id"] in self._seen:
            return None
        self._seen[data["id"]] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        character = data["character"]
        return Update(
            event_id=event_id,
            id=data["id"],
            type=data["type"],
            time=data["time"],
            character=None if character is None else UUID(character),
            campaigns=[UUID(campaign) for campaign in data["campaigns"]],
            revision=data["revision"],
            changed=data["changed"],
        )
