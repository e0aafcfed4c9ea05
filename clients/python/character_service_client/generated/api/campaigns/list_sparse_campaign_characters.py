from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.list_sparse_campaign_characters_order import (
    ListSparseCampaignCharactersOrder,
)
from ...models.sparse_character_page import SparseCharacterPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    campaign: UUID,
    *,
    name: str | Unset = UNSET,
    active_only: bool | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    order: ListSparseCampaignCharactersOrder | Unset = UNSET,
    fields: str,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
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

    params["name"] = name

    params["active_only"] = active_only

    params["include_deleted"] = include_deleted

    json_order: str | Unset = UNSET
    if not isinstance(order, Unset):
        json_order = order.value

    params["order"] = json_order

    params["fields"] = fields

    params["limit"] = limit

    params["offset"] = offset

    params["cursor"] = cursor

    params["include_total"] = include_total

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v2/campaigns/{campaign}/characters#fields".format(
            campaign=quote(str(campaign), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> SparseCharacterPage | None:
    if response.status_code == 200:
        response_200 = SparseCharacterPage.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[SparseCharacterPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    campaign: UUID,
    *,
    client: AuthenticatedClient | Client,
    name: str | Unset = UNSET,
    active_only: bool | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    order: ListSparseCampaignCharactersOrder | Unset = UNSET,
    fields: str,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[SparseCharacterPage]:
    """Lists the characters of a campaign., some fields alone

     Default: those in play, newest first. An unknown campaign has none.

    The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        campaign (UUID):
        name (str | Unset):
        active_only (bool | Unset):
        include_deleted (bool | Unset):
        order (ListSparseCampaignCharactersOrder | Unset):
        fields (str):
        limit (int | Unset):
        offset (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[SparseCharacterPage]
    """

    kwargs = _get_kwargs(
        campaign=campaign,
        name=name,
        active_only=active_only,
        include_deleted=include_deleted,
        order=order,
        fields=fields,
        limit=limit,
        offset=offset,
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
    campaign: UUID,
    *,
    client: AuthenticatedClient | Client,
    name: str | Unset = UNSET,
    active_only: bool | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    order: ListSparseCampaignCharactersOrder | Unset = UNSET,
    fields: str,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> SparseCharacterPage | None:
    """Lists the characters of a campaign., some fields alone

     Default: those in play, newest first. An unknown campaign has none.

    The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        campaign (UUID):
        name (str | Unset):
        active_only (bool | Unset):
        include_deleted (bool | Unset):
        order (ListSparseCampaignCharactersOrder | Unset):
        fields (str):
        limit (int | Unset):
        offset (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        SparseCharacterPage
    """

    return sync_detailed(
        campaign=campaign,
        client=client,
        name=name,
        active_only=active_only,
        include_deleted=include_deleted,
        order=order,
        fields=fields,
        limit=limit,
        offset=offset,
        cursor=cursor,
        include_total=include_total,
        if_none_match=if_none_match,
        if_match=if_match,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    campaign: UUID,
    *,
    client: AuthenticatedClient | Client,
    name: str | Unset = UNSET,
    active_only: bool | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    order: ListSparseCampaignCharactersOrder | Unset = UNSET,
    fields: str,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[SparseCharacterPage]:
    """Lists the characters of a campaign., some fields alone

     Default: those in play, newest first. An unknown campaign has none.

    The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        campaign (UUID):
        name (str | Unset):
        active_only (bool | Unset):
        include_deleted (bool | Unset):
        order (ListSparseCampaignCharactersOrder | Unset):
        fields (str):
        limit (int | Unset):
        offset (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[SparseCharacterPage]
    """

    kwargs = _get_kwargs(
        campaign=campaign,
        name=name,
        active_only=active_only,
        include_deleted=include_deleted,
        order=order,
        fields=fields,
        limit=limit,
        offset=offset,
        cursor=cursor,
        include_total=include_total,
        if_none_match=if_none_match,
        if_match=if_match,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    campaign: UUID,
    *,
    client: AuthenticatedClient | Client,
    name: str | Unset = UNSET,
    active_only: bool | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    order: ListSparseCampaignCharactersOrder | Unset = UNSET,
    fields: str,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> SparseCharacterPage | None:
    """Lists the characters of a campaign., some fields alone

     Default: those in play, newest first. An unknown campaign has none.

    The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        campaign (UUID):
        name (str | Unset):
        active_only (bool | Unset):
        include_deleted (bool | Unset):
        order (ListSparseCampaignCharactersOrder | Unset):
        fields (str):
        limit (int | Unset):
        offset (int | Unset):
        cursor (str | Unset):
        include_total (bool | Unset):
        if_none_match (str | Unset):
        if_match (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        SparseCharacterPage
    """

    return (
        await asyncio_detailed(
            campaign=campaign,
            client=client,
            name=name,
            active_only=active_only,
            include_deleted=include_deleted,
            order=order,
            fields=fields,
            limit=limit,
            offset=offset,
            cursor=cursor,
            include_total=include_total,
            if_none_match=if_none_match,
            if_match=if_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
