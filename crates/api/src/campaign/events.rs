//! Events of campaigns: list, create, apply and revert.

use super::{CampaignEventBody, EventImpactBody, NewCampaignEventBody, input};
use crate::{
    Api, PageBody, Problem,
    answer::{self, Answer, changed, created, path_id},
    body::{self, Media},
    context::{self, ChangeHeaders, CreationHeaders},
    query::{PageParameters, Parameters},
    responses::{ActProblems, LookProblems},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use character_storage_port::CampaignEventQuery;

/// Lists the events of a character, newest first.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/events", tag = "campaigns", operation_id = "listEvents",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("applied_only" = Option<bool>, Query, description = "Whether to list only events that are applied now. Default: false."),
        ("include_deleted" = Option<bool>, Query, description = "Whether to include soft-deleted rows. Default: false."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<CampaignEventBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn list_events(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let mut parameters = Parameters::of(request.query_string());
    let wanted = CampaignEventQuery {
        applied_only: parameters.flag("applied_only"),
        include_deleted: parameters.flag("include_deleted"),
        ..CampaignEventQuery::default()
    };
    let page = parameters.page();
    parameters.finish()?;
    let read = api.repositories.campaigns.list_events(of, wanted, page, &context::of_read(&request)?).await?;
    answer::page::<_, CampaignEventBody>(&request, read)
}

/// Creates an event. It has no effect until it is applied.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/events", tag = "campaigns", operation_id = "createEvent",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        CreationHeaders,
    ),
    request_body = NewCampaignEventBody,
    responses((status = 201, body = CampaignEventBody, description = "The created event", headers(("Location" = String), ("ETag" = String))), ActProblems),
)]
pub(crate) async fn create_event(api: Data<Api>, request: HttpRequest, payload: Payload) -> Answer {
    let of = path_id(&request, "id")?;
    let body = body::of_row(&api, &request, payload, Media::Json).await?;
    let context = context::of_creation(&request, &body)?;
    let new = input::event(body::object(&body)?).map_err(Problem::invalid)?;
    let event = api.repositories.campaigns.create_event(of, new, &context).await?;
    Ok(created::<_, CampaignEventBody>(request.path(), event))
}

/// Returns the event with this id.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/events/{event}", tag = "campaigns", operation_id = "getEvent",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("event" = uuid::Uuid, Path, description = "The event"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of the copies that the client has. Status 304 when one is current."),
    ),
    responses(
        (status = 200, body = CampaignEventBody, description = "The event", headers(("ETag" = String), ("Cache-Status" = String))),
        (status = 304, description = "Not modified: the copy of the client is current"),
        LookProblems,
    ),
)]
pub(crate) async fn get_event(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, event) = (path_id(&request, "id")?, path_id(&request, "event")?);
    answer::one::<_, CampaignEventBody>(
        &request,
        api.repositories.campaigns.get_event(of, event, &context::of_read(&request)?).await?,
    )
}

/// Applies an event to the sheet, and returns the impact. When the event is applied already, nothing changes and its
/// impact is returned. Conflicts (409): `no-hit-points`, `no-ability-score`, `not-enough-experience` and
/// `too-much-experience`.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/events/{event}/apply", tag = "campaigns", operation_id = "applyEvent",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("event" = uuid::Uuid, Path, description = "The event"),
        ChangeHeaders,
    ),
    responses((status = 200, body = EventImpactBody, description = "The impact of the event", headers(("ETag" = String, description = "The revision of the impact, in quotes"))), ActProblems),
)]
pub(crate) async fn apply(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, event) = (path_id(&request, "id")?, path_id(&request, "event")?);
    let impact = api.repositories.campaigns.apply(of, event, &context::of_change(&request, &[])?).await?;
    Ok(changed::<_, EventImpactBody>(&mut HttpResponse::Ok(), impact))
}

/// Reverts an event on the current sheet, and returns its impact. When it was reverted already, nothing changes and
/// that impact is returned. The event can be applied again. Conflicts (409): `not-applied`, and
/// `not-reversible` when the reversal cannot be computed.
#[utoipa::path(
    post, path = "/api/v2/characters/{id}/events/{event}/revert", tag = "campaigns", operation_id = "revertEvent",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("event" = uuid::Uuid, Path, description = "The event"),
        ChangeHeaders,
    ),
    responses((status = 200, body = EventImpactBody, description = "The reverted impact", headers(("ETag" = String, description = "The revision of the impact, in quotes"))), ActProblems),
)]
pub(crate) async fn revert(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, event) = (path_id(&request, "id")?, path_id(&request, "event")?);
    let impact = api.repositories.campaigns.revert(of, event, &context::of_change(&request, &[])?).await?;
    Ok(changed::<_, EventImpactBody>(&mut HttpResponse::Ok(), impact))
}
