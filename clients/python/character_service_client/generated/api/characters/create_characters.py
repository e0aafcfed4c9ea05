from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.bulk_characters_request import BulkCharactersRequest
from ...models.character_bulk_created import CharacterBulkCreated
from ...models.character_bulk_outcome import CharacterBulkOutcome
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: BulkCharactersRequest,
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
        "url": "/api/v2/characters/bulk",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CharacterBulkCreated | CharacterBulkOutcome | None:
    if response.status_code == 201:
        response_201 = CharacterBulkCreated.from_dict(response.json())

        return response_201

    if response.status_code == 207:
        response_207 = CharacterBulkOutcome.from_dict(response.json())

        return response_207

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[CharacterBulkCreated | CharacterBulkOutcome]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: BulkCharactersRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[CharacterBulkCreated | CharacterBulkOutcome]:
    """Creates up to 1000 characters: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkCharactersRequest): Several new characters.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CharacterBulkCreated | CharacterBulkOutcome]
    """

    kwargs = _get_kwargs(
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
    *,
    client: AuthenticatedClient | Client,
    body: BulkCharactersRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> CharacterBulkCreated | CharacterBulkOutcome | None:
    """Creates up to 1000 characters: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkCharactersRequest): Several new characters.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CharacterBulkCreated | CharacterBulkOutcome
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: BulkCharactersRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[CharacterBulkCreated | CharacterBulkOutcome]:
    """Creates up to 1000 characters: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkCharactersRequest): Several new characters.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CharacterBulkCreated | CharacterBulkOutcome]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: BulkCharactersRequest,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> CharacterBulkCreated | CharacterBulkOutcome | None:
    """Creates up to 1000 characters: either all or none (`atomic`, the default), or each on its own.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    A row that is refused does not fail the others when `atomic` is `false`.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (BulkCharactersRequest): Several new characters.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CharacterBulkCreated | CharacterBulkOutcome
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
            x_user_id=x_user_id,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
