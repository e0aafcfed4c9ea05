from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.bulk_entries_request import BulkEntriesRequest
from ...models.journal_entry_bulk_created import JournalEntryBulkCreated
from ...models.journal_entry_bulk_outcome import JournalEntryBulkOutcome
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    *,
    body: BulkEntriesRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    if not isinstance(x_user_id, Unset):
        headers["X-User-Id"] = x_user_id

    if not isinstance(x_request_timeout_ms, Unset):
        headers["X-Request-Timeout-Ms"] = str(x_request_timeout_ms)

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v2/characters/{id}/journal/bulk".format(
            id=quote(str(id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> JournalEntryBulkCreated | JournalEntryBulkOutcome | None:
    if response.status_code == 201:
        response_201 = JournalEntryBulkCreated.from_dict(response.json())

        return response_201

    if response.status_code == 207:
        response_207 = JournalEntryBulkOutcome.from_dict(response.json())

        return response_207

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[JournalEntryBulkCreated | JournalEntryBulkOutcome]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: BulkEntriesRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[JournalEntryBulkCreated | JournalEntryBulkOutcome]:
    """Creates up to 1000 entries: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        id (UUID):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkEntriesRequest): Several new entries.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[JournalEntryBulkCreated | JournalEntryBulkOutcome]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: BulkEntriesRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> JournalEntryBulkCreated | JournalEntryBulkOutcome | None:
    """Creates up to 1000 entries: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        id (UUID):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkEntriesRequest): Several new entries.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        JournalEntryBulkCreated | JournalEntryBulkOutcome
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: BulkEntriesRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[JournalEntryBulkCreated | JournalEntryBulkOutcome]:
    """Creates up to 1000 entries: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        id (UUID):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkEntriesRequest): Several new entries.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[JournalEntryBulkCreated | JournalEntryBulkOutcome]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: BulkEntriesRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> JournalEntryBulkCreated | JournalEntryBulkOutcome | None:
    """Creates up to 1000 entries: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        id (UUID):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkEntriesRequest): Several new entries.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        JournalEntryBulkCreated | JournalEntryBulkOutcome
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
            x_user_id=x_user_id,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
