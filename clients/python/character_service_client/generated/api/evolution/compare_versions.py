from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.comparison import Comparison
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    *,
    include_deleted: bool | Unset = UNSET,
    from_: UUID,
    to: UUID,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(x_request_timeout_ms, Unset):
        headers["X-Request-Timeout-Ms"] = str(x_request_timeout_ms)

    params: dict[str, Any] = {}

    params["include_deleted"] = include_deleted

    json_from_ = str(from_)
    params["from"] = json_from_

    json_to = str(to)
    params["to"] = json_to

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v2/characters/{id}/versions/compare".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Comparison | None:
    if response.status_code == 200:
        response_200 = Comparison.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Comparison]:
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
    from_: UUID,
    to: UUID,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Comparison]:
    """Compares two versions of a character, or of its predecessors or successors.

     The difference between two versions.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        from_ (UUID):
        to (UUID):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Comparison]
    """

    kwargs = _get_kwargs(
        id=id,
        include_deleted=include_deleted,
        from_=from_,
        to=to,
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
    from_: UUID,
    to: UUID,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Comparison | None:
    """Compares two versions of a character, or of its predecessors or successors.

     The difference between two versions.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        from_ (UUID):
        to (UUID):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Comparison
    """

    return sync_detailed(
        id=id,
        client=client,
        include_deleted=include_deleted,
        from_=from_,
        to=to,
        if_match=if_match,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    include_deleted: bool | Unset = UNSET,
    from_: UUID,
    to: UUID,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[Comparison]:
    """Compares two versions of a character, or of its predecessors or successors.

     The difference between two versions.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        from_ (UUID):
        to (UUID):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Comparison]
    """

    kwargs = _get_kwargs(
        id=id,
        include_deleted=include_deleted,
        from_=from_,
        to=to,
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
    from_: UUID,
    to: UUID,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Comparison | None:
    """Compares two versions of a character, or of its predecessors or successors.

     The difference between two versions.

    Args:
        id (UUID):
        include_deleted (bool | Unset):
        from_ (UUID):
        to (UUID):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Comparison
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            include_deleted=include_deleted,
            from_=from_,
            to=to,
            if_match=if_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
