from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.version_restored import VersionRestored
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    version: UUID,
    *,
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
        "url": "/api/v2/characters/{id}/versions/{version}/restore".format(
            id=quote(str(id), safe=""),
            version=quote(str(version), safe=""),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> VersionRestored | None:
    if response.status_code == 200:
        response_200 = VersionRestored.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[VersionRestored]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: UUID,
    version: UUID,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[VersionRestored]:
    """Restores the state of a version, as a new version.

     Nothing is erased, and `parent_id` stays. Campaign events follow the restored sheet: one that was
    applied since is no longer applied, one that was reverted since is applied again. Experience and
    level are those that the character had at the version. Milestones, achievements and other rows that
    changed since (items, journal) stay unchanged, and the response lists them. It also lists the
    characters that coins were given to or received from, and the successor by a change of theme.

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        version (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VersionRestored]
    """

    kwargs = _get_kwargs(
        id=id,
        version=version,
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
    version: UUID,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> VersionRestored | None:
    """Restores the state of a version, as a new version.

     Nothing is erased, and `parent_id` stays. Campaign events follow the restored sheet: one that was
    applied since is no longer applied, one that was reverted since is applied again. Experience and
    level are those that the character had at the version. Milestones, achievements and other rows that
    changed since (items, journal) stay unchanged, and the response lists them. It also lists the
    characters that coins were given to or received from, and the successor by a change of theme.

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        version (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VersionRestored
    """

    return sync_detailed(
        id=id,
        version=version,
        client=client,
        if_match=if_match,
        idempotency_key=idempotency_key,
        x_user_id=x_user_id,
        if_none_match=if_none_match,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    id: UUID,
    version: UUID,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[VersionRestored]:
    """Restores the state of a version, as a new version.

     Nothing is erased, and `parent_id` stays. Campaign events follow the restored sheet: one that was
    applied since is no longer applied, one that was reverted since is applied again. Experience and
    level are those that the character had at the version. Milestones, achievements and other rows that
    changed since (items, journal) stay unchanged, and the response lists them. It also lists the
    characters that coins were given to or received from, and the successor by a change of theme.

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        version (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VersionRestored]
    """

    kwargs = _get_kwargs(
        id=id,
        version=version,
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
    version: UUID,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    x_user_id: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> VersionRestored | None:
    """Restores the state of a version, as a new version.

     Nothing is erased, and `parent_id` stays. Campaign events follow the restored sheet: one that was
    applied since is no longer applied, one that was reverted since is applied again. Experience and
    level are those that the character had at the version. Milestones, achievements and other rows that
    changed since (items, journal) stay unchanged, and the response lists them. It also lists the
    characters that coins were given to or received from, and the successor by a change of theme.

    Send the `ETag` that was read in `If-Match` to refuse the change when another client was faster
    (412).

    With an `Idempotency-Key`, a repeat has no second effect and returns the first response.

    Args:
        id (UUID):
        version (UUID):
        if_match (str | Unset):
        idempotency_key (str | Unset):
        x_user_id (str | Unset):
        if_none_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VersionRestored
    """

    return (
        await asyncio_detailed(
            id=id,
            version=version,
            client=client,
            if_match=if_match,
            idempotency_key=idempotency_key,
            x_user_id=x_user_id,
            if_none_match=if_none_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
