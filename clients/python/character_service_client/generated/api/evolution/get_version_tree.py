from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.version_node_page import VersionNodePage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    *,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(x_request_timeout_ms, Unset):
        headers["X-Request-Timeout-Ms"] = str(x_request_timeout_ms)

    params: dict[str, Any] = {}

    params["include_deleted"] = include_deleted

    params["limit"] = limit

    params["cursor"] = cursor

    params["include_total"] = include_total

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v2/characters/{id}/versions/tree".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> VersionNodePage | None:
    if response.status_code == 200:
        response_200 = VersionNodePage.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[VersionNodePage]:
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
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[VersionNodePage]:
    """Lists the versions of a character, its predecessors and its successors, newest first, as nodes that
    name their parents.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        limit (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VersionNodePage]
    """

    kwargs = _get_kwargs(
        id=id,
        include_deleted=include_deleted,
        limit=limit,
        cursor=cursor,
        include_total=include_total,
        if_none_match=if_none_match,
        if_match=if_match,
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
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> VersionNodePage | None:
    """Lists the versions of a character, its predecessors and its successors, newest first, as nodes that
    name their parents.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        limit (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VersionNodePage
    """

    return sync_detailed(
        id=id,
        client=client,
        include_deleted=include_deleted,
        limit=limit,
        cursor=cursor,
        include_total=include_total,
        if_none_match=if_none_match,
        if_match=if_match,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[VersionNodePage]:
    """Lists the versions of a character, its predecessors and its successors, newest first, as nodes that
    name their parents.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        limit (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VersionNodePage]
    """

    kwargs = _get_kwargs(
        id=id,
        include_deleted=include_deleted,
        limit=limit,
        cursor=cursor,
        include_total=include_total,
        if_none_match=if_none_match,
        if_match=if_match,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> VersionNodePage | None:
    """Lists the versions of a character, its predecessors and its successors, newest first, as nodes that
    name their parents.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        limit (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VersionNodePage
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            include_deleted=include_deleted,
            limit=limit,
            cursor=cursor,
            include_total=include_total,
            if_none_match=if_none_match,
            if_match=if_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
