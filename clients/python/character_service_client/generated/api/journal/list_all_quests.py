from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.list_all_quests_importance import ListAllQuestsImportance
from ...models.list_all_quests_status import ListAllQuestsStatus
from ...models.quest_page import QuestPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: UUID,
    *,
    status: ListAllQuestsStatus | Unset = UNSET,
    importance: ListAllQuestsImportance | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
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

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    json_importance: str | Unset = UNSET
    if not isinstance(importance, Unset):
        json_importance = importance.value

    params["importance"] = json_importance

    params["include_deleted"] = include_deleted

    params["limit"] = limit

    params["offset"] = offset

    params["cursor"] = cursor

    params["include_total"] = include_total

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v2/characters/{id}/quests".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> QuestPage | None:
    if response.status_code == 200:
        response_200 = QuestPage.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[QuestPage]:
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
    status: ListAllQuestsStatus | Unset = UNSET,
    importance: ListAllQuestsImportance | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[QuestPage]:
    """Lists the quests of the whole journal, newest first, including those under soft-deleted entries.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        status (ListAllQuestsStatus | Unset):
        importance (ListAllQuestsImportance | Unset):
        include_deleted (bool | Unset):
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
        Response[QuestPage]
    """

    kwargs = _get_kwargs(
        id=id,
        status=status,
        importance=importance,
        include_deleted=include_deleted,
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
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    status: ListAllQuestsStatus | Unset = UNSET,
    importance: ListAllQuestsImportance | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> QuestPage | None:
    """Lists the quests of the whole journal, newest first, including those under soft-deleted entries.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        status (ListAllQuestsStatus | Unset):
        importance (ListAllQuestsImportance | Unset):
        include_deleted (bool | Unset):
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
        QuestPage
    """

    return sync_detailed(
        id=id,
        client=client,
        status=status,
        importance=importance,
        include_deleted=include_deleted,
        limit=limit,
        offset=offset,
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
    status: ListAllQuestsStatus | Unset = UNSET,
    importance: ListAllQuestsImportance | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[QuestPage]:
    """Lists the quests of the whole journal, newest first, including those under soft-deleted entries.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        status (ListAllQuestsStatus | Unset):
        importance (ListAllQuestsImportance | Unset):
        include_deleted (bool | Unset):
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
        Response[QuestPage]
    """

    kwargs = _get_kwargs(
        id=id,
        status=status,
        importance=importance,
        include_deleted=include_deleted,
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
    id: UUID,
    *,
    client: AuthenticatedClient | Client,
    status: ListAllQuestsStatus | Unset = UNSET,
    importance: ListAllQuestsImportance | Unset = UNSET,
    include_deleted: bool | Unset = UNSET,
    limit: int | Unset = UNSET,
    offset: int | Unset = UNSET,
    cursor: str | Unset = UNSET,
    include_total: bool | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
    if_match: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> QuestPage | None:
    """Lists the quests of the whole journal, newest first, including those under soft-deleted entries.

     The response is one page. Follow `next_cursor`, or `Link` with `rel="next"`, until it is absent.

    Send the `ETag` of a copy in `If-None-Match` to receive 304 while nothing has changed.

    Args:
        id (UUID):
        status (ListAllQuestsStatus | Unset):
        importance (ListAllQuestsImportance | Unset):
        include_deleted (bool | Unset):
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
        QuestPage
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            status=status,
            importance=importance,
            include_deleted=include_deleted,
            limit=limit,
            offset=offset,
            cursor=cursor,
            include_total=include_total,
            if_none_match=if_none_match,
            if_match=if_match,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
