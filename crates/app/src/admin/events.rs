//! Consumers of the log of commits and the events that they have set aside.

use super::{Operator, acts::log};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::{Data, Json, Query},
};
use character_http_kit::{FieldError, Problem};
use character_storage_port::{
    ConsumerName, Consumers, ErrorKind, EventId, InvalidConsumerName, MAX_PARKED, StorageError,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The number of events of one answer, unless the order says otherwise.
const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkedQuery {
    after: Option<EventId>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdsBody {
    ids: Vec<EventId>,
}

fn name(request: &HttpRequest) -> Result<ConsumerName, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    name.parse().map_err(|error: InvalidConsumerName| Problem::invalid([FieldError::new("name", &error.to_string())]))
}

fn failed(error: &StorageError) -> Problem {
    match error.kind() {
        ErrorKind::Invalid(violations) => {
            Problem::invalid(violations.iter().map(|violation| FieldError::new(&violation.field, &violation.reason)))
        }
        ErrorKind::Unsupported => {
            Problem::new(StatusCode::NOT_IMPLEMENTED, "unsupported", "The storage does not keep consumers")
        }
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable", "The storage cannot answer now")
            .with_detail(error.to_string()),
    }
}

fn shown(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}

pub(crate) async fn consumers(operator: Data<Operator>) -> Result<HttpResponse, Problem> {
    let consumers = operator.consumers.consumers().await.map_err(|error| failed(&error))?;
    Ok(shown(&json!({ "consumers": consumers })))
}

pub(crate) async fn parked(
    request: HttpRequest,
    operator: Data<Operator>,
    query: Query<ParkedQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit.unwrap_or(PAGE).min(MAX_PARKED);
    let events = operator.consumers.parked(&name(&request)?, query.after, limit).await;
    Ok(shown(&json!({ "events": events.map_err(|error| failed(&error))? })))
}

pub(crate) async fn unpark(
    request: HttpRequest,
    operator: Data<Operator>,
    body: Json<IdsBody>,
) -> Result<HttpResponse, Problem> {
    let consumer = name(&request)?;
    let count = operator.consumers.unpark(&consumer, &body.ids).await.map_err(|error| failed(&error))?;
    log(&request, &format!("{count} parked events of the consumer {consumer} were marked for a replay"));
    Ok(shown(&json!({ "count": count })))
}

pub(crate) async fn discard(
    request: HttpRequest,
    operator: Data<Operator>,
    body: Json<IdsBody>,
) -> Result<HttpResponse, Problem> {
    let consumer = name(&request)?;
    let count = operator.consumers.discard(&consumer, &body.ids).await.map_err(|error| failed(&error))?;
    log(&request, &format!("{count} parked events of the consumer {consumer} were discarded"));
    Ok(shown(&json!({ "count": count })))
}
