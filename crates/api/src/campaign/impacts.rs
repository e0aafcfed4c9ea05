//! The impacts of events.

use super::EventImpactBody;
use crate::{
    Api, PageBody, Problem,
    answer::{self, Answer, path_id},
    context,
    query::{PageParameters, Parameters},
    responses::LookProblems,
};
use actix_web::{HttpRequest, web::Data};
use character_repositories::ListRequest;
use character_storage_port::EventImpactQuery;

/// Lists the impacts of an event, newest first: one for each time that it was applied.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/events/{event}/impacts", tag = "campaigns", operation_id = "listImpactsOfEvent",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"), ("event" = uuid::Uuid, Path, description = "The event"),
        ("applied_only" = Option<bool>, Query, description = "Whether to list only impacts that are in force. Default: false."),
        ("reverted_only" = Option<bool>, Query, description = "Whether to list only impacts that were reverted. Default: false. Not together with `applied_only`."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<EventImpactBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn impacts_of_event(api: Data<Api>, request: HttpRequest) -> Answer {
    let (of, event) = (path_id(&request, "id")?, path_id(&request, "event")?);
    let (wanted, page) = wanted(&request)?;
    let read =
        api.repositories.campaigns.impacts_of_event(of, event, wanted, page, &context::of_read(&request)?).await?;
    answer::page::<_, EventImpactBody>(&request, read)
}

/// Lists the impacts of all events on a character, newest first.
#[utoipa::path(
    get, path = "/api/v2/characters/{id}/impacts", tag = "campaigns", operation_id = "listImpacts",
    params(
        ("id" = uuid::Uuid, Path, description = "The character"),
        ("applied_only" = Option<bool>, Query, description = "Whether to list only impacts that are in force. Default: false."),
        ("reverted_only" = Option<bool>, Query, description = "Whether to list only impacts that were reverted. Default: false. Not together with `applied_only`."),
        PageParameters,
    ),
    responses((status = 200, body = PageBody<EventImpactBody>, description = "A page of the list"), LookProblems),
)]
pub(crate) async fn impacts(api: Data<Api>, request: HttpRequest) -> Answer {
    let of = path_id(&request, "id")?;
    let (wanted, page) = wanted(&request)?;
    answer::page::<_, EventImpactBody>(
        &request,
        api.repositories.campaigns.impacts_on(of, wanted, page, &context::of_read(&request)?).await?,
    )
}

fn wanted(request: &HttpRequest) -> Result<(EventImpactQuery, ListRequest), Problem> {
    let mut parameters = Parameters::of(request.query_string());
    let wanted = EventImpactQuery {
        applied_only: parameters.flag("applied_only"),
        reverted_only: parameters.flag("reverted_only"),
        ..EventImpactQuery::default()
    };
    let page = parameters.page();
    parameters.finish()?;
    Ok((wanted, page))
}
