from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.award_request import AwardRequest
from ...models.awarded import Awarded
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    *,
    body: AwardRequest,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    if not isinstance(x_user_id, Unset):
        headers["X-User-Id"] = x_user_id

    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    if not isinstance(x_request_timeout_ms, Unset):
        headers["X-Request-Timeout-Ms"] = str(x_request_timeout_ms)

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v2/characters/{id}/progress/experience".format(
            id=quote(str(id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Awarded | None:
    if response.status_code == 200:
        response_200 = Awarded.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Awarded]:
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
    body: AwardRequest,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Awarded]:
    """Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the
    journal in one transaction.

     Conflicts (409): `too-much-experience` and `unreadable-member` (the sheet does not hold whole
    numbers for experience, level and proficiency bonus).

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (AwardRequest): An award of experience. Unknown fields are rejected; `null` means the
            same as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Awarded]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        if_match=if_match,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        if_none_match=if_none_match,
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
    body: AwardRequest,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Awarded | None:
    """Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the
    journal in one transaction.

     Conflicts (409): `too-much-experience` and `unreadable-member` (the sheet does not hold whole
    numbers for experience, level and proficiency bonus).

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (AwardRequest): An award of experience. Unknown fields are rejected; `null` means the
            same as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Awarded
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
        if_match=if_match,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        if_none_match=if_none_match,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: AwardRequest,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Awarded]:
    """Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the
    journal in one transaction.

     Conflicts (409): `too-much-experience` and `unreadable-member` (the sheet does not hold whole
    numbers for experience, level and proficiency bonus).

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (AwardRequest): An award of experience. Unknown fields are rejected; `null` means the
            same as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Awarded]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        if_match=if_match,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        if_none_match=if_none_match,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    body: AwardRequest,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Awarded | None:
    """Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the
    journal in one transaction.

     Conflicts (409): `too-much-experience` and `unreadable-member` (the sheet does not hold whole
    numbers for experience, level and proficiency bonus).

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):
        body (AwardRequest): An award of experience. Unknown fields are rejected; `null` means the
            same as an absent field.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Awarded
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
            if_match=if_match,
            idempotency_key=idempotency_key,
            x_user_id=x_user_id,
            if_none_match=if_none_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
