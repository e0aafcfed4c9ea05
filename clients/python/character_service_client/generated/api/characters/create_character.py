from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.character import Character
from ...models.new_character import NewCharacter
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: NewCharacter,
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
        "url": "/api/v2/characters",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Character | None:
    if response.status_code == 201:
        response_201 = Character.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Character]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: NewCharacter,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Character]:
    """Creates a character.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (NewCharacter): A new character. Unknown fields are rejected; `null` means the same
            as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Character]
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
    body: NewCharacter,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Character | None:
    """Creates a character.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (NewCharacter): A new character. Unknown fields are rejected; `null` means the same
            as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Character
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
    body: NewCharacter,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Character]:
    """Creates a character.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (NewCharacter): A new character. Unknown fields are rejected; `null` means the same
            as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Character]
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
    body: NewCharacter,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Character | None:
    """Creates a character.

     With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (NewCharacter): A new character. Unknown fields are rejected; `null` means the same
            as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Character
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
