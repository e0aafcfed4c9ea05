from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    character: list[UUID] | Unset = UNSET,
    campaign: list[UUID] | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(last_event_id, Unset):
        headers["Last-Event-ID"] = last_event_id

    if not isinstance(x_request_timeout_ms, Unset):
        headers["X-Request-Timeout-Ms"] = str(x_request_timeout_ms)

    params: dict[str, Any] = {}

    json_character: list[str] | Unset = UNSET
    if not isinstance(character, Unset):
        json_character = []
        for character_item_data in character:
            character_item = str(character_item_data)
            json_character.append(character_item)

    params["character"] = json_character

    json_campaign: list[str] | Unset = UNSET
    if not isinstance(campaign, Unset):
        json_campaign = []
        for campaign_item_data in campaign:
            campaign_item = str(campaign_item_data)
            json_campaign.append(campaign_item)

    params["campaign"] = json_campaign

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v2/stream",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> str | None:
    if response.status_code == 200:
        response_200 = response.text
        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    character: list[UUID] | Unset = UNSET,
    campaign: list[UUID] | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[str]:
    """Streams the changes of characters and campaigns as server-sent events, until the client or the
    service ends it.

     The first event is `hello`: a state that is read after it is at least as new as the stream. Each
    `update` names a
    character or a campaign that changed, its new revision and the names of the changed fields; read the
    row to get its
    state. After `reset`, updates may be missing: read everything again. A comment is sent after 15 s of
    silence.
    An update can be delivered twice, with the same `id` in its data.

    Args:
        character (list[UUID] | Unset):
        campaign (list[UUID] | Unset):
        last_event_id (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[str]
    """

    kwargs = _get_kwargs(
        character=character,
        campaign=campaign,
        last_event_id=last_event_id,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    character: list[UUID] | Unset = UNSET,
    campaign: list[UUID] | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> str | None:
    """Streams the changes of characters and campaigns as server-sent events, until the client or the
    service ends it.

     The first event is `hello`: a state that is read after it is at least as new as the stream. Each
    `update` names a
    character or a campaign that changed, its new revision and the names of the changed fields; read the
    row to get its
    state. After `reset`, updates may be missing: read everything again. A comment is sent after 15 s of
    silence.
    An update can be delivered twice, with the same `id` in its data.

    Args:
        character (list[UUID] | Unset):
        campaign (list[UUID] | Unset):
        last_event_id (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        str
    """

    return sync_detailed(
        client=client,
        character=character,
        campaign=campaign,
        last_event_id=last_event_id,
        x_request_timeout_ms=x_request_timeout_ms,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    character: list[UUID] | Unset = UNSET,
    campaign: list[UUID] | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> Response[str]:
    """Streams the changes of characters and campaigns as server-sent events, until the client or the
    service ends it.

     The first event is `hello`: a state that is read after it is at least as new as the stream. Each
    `update` names a
    character or a campaign that changed, its new revision and the names of the changed fields; read the
    row to get its
    state. After `reset`, updates may be missing: read everything again. A comment is sent after 15 s of
    silence.
    An update can be delivered twice, with the same `id` in its data.

    Args:
        character (list[UUID] | Unset):
        campaign (list[UUID] | Unset):
        last_event_id (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[str]
    """

    kwargs = _get_kwargs(
        character=character,
        campaign=campaign,
        last_event_id=last_event_id,
        x_request_timeout_ms=x_request_timeout_ms,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    character: list[UUID] | Unset = UNSET,
    campaign: list[UUID] | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
    x_request_timeout_ms: int | Unset = UNSET,
) -> str | None:
    """Streams the changes of characters and campaigns as server-sent events, until the client or the
    service ends it.

     The first event is `hello`: a state that is read after it is at least as new as the stream. Each
    `update` names a
    character or a campaign that changed, its new revision and the names of the changed fields; read the
    row to get its
    state. After `reset`, updates may be missing: read everything again. A comment is sent after 15 s of
    silence.
    An update can be delivered twice, with the same `id` in its data.

    Args:
        character (list[UUID] | Unset):
        campaign (list[UUID] | Unset):
        last_event_id (str | Unset):
        x_request_timeout_ms (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        str
    """

    return (
        await asyncio_detailed(
            client=client,
            character=character,
            campaign=campaign,
            last_event_id=last_event_id,
            x_request_timeout_ms=x_request_timeout_ms,
        )
    ).parsed
