"""Sends a request until it is answered: one idempotency key for all attempts, `Retry-After` obeyed, bounds on every wait."""

import random
import secrets
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from math import ceil
from threading import Lock
from typing import Any

import anyio
import httpx

from .documents import dumps, loads
from .generated import Client
from .problems import error_of, has_problem

_NOT_SENDABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Retry:
    """How long a request is repeated."""

    attempts: int = 5
    """Maximum number of attempts."""
    patience: float = 60.0
    """Seconds within which the last attempt begins. A longer `Retry-After` is not waited for: its problem is raised."""


class _Response(httpx.Response):
    """A response whose numbers have the value that the service sent."""

    def json(self, **_: Any) -> Any:
        return loads(self.content)


@dataclass
class _Shared:
    """What all calls of one client share."""

    author: str | None
    retry: Retry
    timeout: float | None
    """Seconds that the caller waits, when it says so."""
    position: str | None = None
    lock: Lock = field(default_factory=Lock)

    def begin(self, request: httpx.Request) -> float:
        """Completes the headers, and returns the end of all attempts by the monotonic clock."""
        if request.method not in ("GET", "HEAD"):
            request.headers.setdefault("Idempotency-Key", new_key())
        if self.author is not None:
            request.headers.setdefault("X-User-Id", self.author)
        if self.position is not None:
            request.headers.setdefault("Storage-Position", self.position)
        read = request.extensions.get("timeout", {}).get("read")
        # A request with another time, such as that of a stream, is not bounded by this one.
        if self.timeout is not None and read == self.timeout:
            request.headers.setdefault("X-Request-Timeout-Ms", str(max(ceil(self.timeout * 1000), 1)))
        return time.monotonic() + self.retry.patience

    def pause(self, attempt: int, end: float, result: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds until a repeat; `None` when the result is final."""
        pause = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1)
        if isinstance(result, httpx.Response):
            is_of_proxy = result.status_code == 502 and not has_problem(result)
            if result.status_code not in (408, 429, 503, 504) and not is_of_proxy:
                return None
            asked = _retry_after(result)
            pause = pause if asked is None else asked
        is_last = attempt >= self.retry.attempts or time.monotonic() + pause > end
        return None if is_last or isinstance(result, _NOT_SENDABLE) else pause

    def _follow(self, sent: str | None, answered: str | None) -> None:
        """Keeps the position of the newest change. The responses to concurrent changes come in any order."""
        if answered is None or not answered.isdecimal():
            return
        with self.lock:
            kept = self.position
            # A change after the one whose position was sent has a higher one, unless the storage was restored meanwhile.
            is_of_restored = sent is not None and kept is not None and int(answered) < int(sent) <= int(kept)
            if kept is None or int(answered) > int(kept) or is_of_restored:
                self.position = answered

    def finish(self, result: httpx.Response) -> httpx.Response:
        """The final response. Raises the exception of one without success, whose body was read."""
        if result.is_error:
            raise error_of(result)
        self._follow(result.request.headers.get("Storage-Position"), result.headers.get("Storage-Position"))
        result.__class__ = _Response
        return result


class _SyncClient(httpx.Client):
    def __init__(self, shared: _Shared, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._shared = shared

    def build_request(self, *arguments: Any, **named: Any) -> httpx.Request:
        return super().build_request(*arguments, **_with_exact_json(named))

    def send(self, request: httpx.Request, **named: Any) -> httpx.Response:
        end = self._shared.begin(request)
        for attempt in count(1):
            result: httpx.Response | httpx.TransportError
            try:
                result = super().send(request, **named)
            except httpx.TransportError as error:
                result = error
            pause = self._shared.pause(attempt, end, result)
            if pause is None:
                break
            if isinstance(result, httpx.Response):
                result.close()
            time.sleep(pause)
        if isinstance(result, httpx.TransportError):
            raise result
        if result.is_error:
            result.read()
        return self._shared.finish(result)


class _AsyncClient(httpx.AsyncClient):
    def __init__(self, shared: _Shared, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._shared = shared

    def build_request(self, *arguments: Any, **named: Any) -> httpx.Request:
        return super().build_request(*arguments, **_with_exact_json(named))

    async def send(self, request: httpx.Request, **named: Any) -> httpx.Response:
        end = self._shared.begin(request)
        for attempt in count(1):
            result: httpx.Response | httpx.TransportError
            try:
                result = await super().send(request, **named)
            except httpx.TransportError as error:
                result = error
            pause = self._shared.pause(attempt, end, result)
            if pause is None:
                break
            if isinstance(result, httpx.Response):
                await result.aclose()
            await anyio.sleep(pause)
        if isinstance(result, httpx.TransportError):
            raise result
        if result.is_error:
            await result.aread()
        return self._shared.finish(result)


def connect(
    base_url: str,
    *,
    author: str | None = None,
    retry: Retry | None = None,
    timeout: float | None = None,
    transport: httpx.BaseTransport | None = None,
    async_transport: httpx.AsyncBaseTransport | None = None,
    **httpx_arguments: Any,
) -> Client:
    """A client for the generated functions, both `sync` and `asyncio`. Opens no connection yet.

    Network failures and the statuses 408, 429, 502 (of proxies), 503 and 504 are repeated. A change gets an `Idempotency-Key`
    unless it has one, so that a repeat has no second effect. What was changed through this client is seen by its later reads.
    Every function raises `HttpError` for a response without success, and `httpx.TransportError` when no attempt had a response.

    `author` becomes the author of changes in the record of versions. `timeout` is in seconds, for connecting and for each piece
    of a response; when it is given, each attempt names it to the service (`X-Request-Timeout-Ms`), which stops the
    work after it. Default: 30, which is not named. Other arguments are those of `httpx.Client` and `httpx.AsyncClient`.
    """
    shared = _Shared(author, retry or Retry(), timeout)
    arguments = {"base_url": base_url, "timeout": _TIMEOUT if timeout is None else timeout, **httpx_arguments}
    client = Client(base_url=base_url)
    client.set_httpx_client(_SyncClient(shared, transport=transport, **arguments))
    client.set_async_httpx_client(_AsyncClient(shared, transport=async_transport, **arguments))
    return client


def new_key() -> str:
    """A new idempotency key, to be given as `idempotency_key` when repeats may come from another process."""
    return secrets.token_hex(16)


def _with_exact_json(named: dict[str, Any]) -> dict[str, Any]:
    body = named.pop("json", None)
    if body is not None:
        named["content"] = dumps(body).encode()
        named["headers"] = {"Content-Type": "application/json", **(named.get("headers") or {})}
    return named


def _retry_after(response: httpx.Response) -> float | None:
    """`Retry-After` in seconds, as a number of seconds or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
