//! Consumers of the log of commits and the events that they have set aside.

use super::{Operator, acts::log};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::{Data, Json},
};
use character_http_kit::{FieldError, Problem, QueryParameters};
use character_storage_port::{
    ConsumerName, Consumers, ErrorKind, EventId, InvalidConsumerName, MAX_PARKED, StorageError, StoragePort,
};
use serde::Serialize;
use serde_json::{Value, json};

/// The number of events of one answer, unless the order says otherwise.
const PAGE: usize = 100;

const NOT_AN_ID: &str = "must be the id of an event, a UUID";

/// The event after which a page of parked events begins, and the number of its events.
fn page(query: &str) -> Result<(Option<EventId>, usize), Problem> {
    let mut parameters = QueryParameters::among(&["after", "limit"], query);
    let after = parameters.read("after", NOT_AN_ID, |text| text.parse().ok()).map(EventId);
    let limit = parameters.number("limit", 1..=MAX_PARKED).unwrap_or(PAGE);
    parameters.finish()?;
    Ok((after, limit))
}

/// The ids of `{"ids": […]}`, or every fault of it.
fn ids(body: &Value) -> Result<Vec<EventId>, Problem> {
    let Value::Object(members) = body else {
        return Err(Problem::invalid([FieldError::new("body", "must be an object with the member ids")]));
    };
    let unknown = members.keys().filter(|name| *name != "ids");
    let mut faults: Vec<_> = unknown.map(|name| FieldError::new(name, "is unknown; the body has ids alone")).collect();
    let mut ids = Vec::new();
    match members.get("ids") {
        Some(Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                match value.as_str().and_then(|text| text.parse().ok()) {
                    Some(id) => ids.push(EventId(id)),
                    None => faults.push(FieldError::new(&format!("ids[{index}]"), NOT_AN_ID)),
                }
            }
        }
        Some(_) => faults.push(FieldError::new("ids", "must be a list of ids of events")),
        None => faults.push(FieldError::new("ids", "is required")),
    }
    if faults.is_empty() { Ok(ids) } else { Err(Problem::invalid(faults)) }
}

/// The name of a consumer that the log knows.
async fn known(request: &HttpRequest, storage: &dyn StoragePort) -> Result<ConsumerName, Problem> {
    let name = name(request)?;
    let consumers = storage.consumers().await.map_err(|error| failed(&error))?;
    if consumers.iter().any(|consumer| consumer.name == name) {
        return Ok(name);
    }
    let problem = Problem::new(StatusCode::NOT_FOUND, "no-such-consumer", "The log has no consumer of this name");
    Err(problem.with_detail(format!("GET /admin/storage/consumers lists those that it has; {name} is not among them")))
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

pub(crate) async fn parked(request: HttpRequest, operator: Data<Operator>) -> Result<HttpResponse, Problem> {
    let (after, limit) = page(request.query_string())?;
    let consumer = known(&request, &*operator.consumers).await?;
    let events = operator.consumers.parked(&consumer, after, limit).await;
    Ok(shown(&json!({ "events": events.map_err(|error| failed(&error))? })))
}

pub(crate) async fn unpark(
    request: HttpRequest,
    operator: Data<Operator>,
    body: Json<Value>,
) -> Result<HttpResponse, Problem> {
    let ids = ids(&body)?;
    let consumer = known(&request, &*operator.consumers).await?;
    let count = operator.consumers.unpark(&consumer, &ids).await.map_err(|error| failed(&error))?;
    log(&request, &format!("{count} parked events of the consumer {consumer} were marked for a replay"));
    Ok(shown(&json!({ "count": count })))
}

pub(crate) async fn discard(
    request: HttpRequest,
    operator: Data<Operator>,
    body: Json<Value>,
) -> Result<HttpResponse, Problem> {
    let ids = ids(&body)?;
    let consumer = known(&request, &*operator.consumers).await?;
    let count = operator.consumers.discard(&consumer, &ids).await.map_err(|error| failed(&error))?;
    log(&request, &format!("{count} parked events of the consumer {consumer} were discarded"));
    Ok(shown(&json!({ "count": count })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{ResponseError as _, body::to_bytes, test::TestRequest};
    use character_storage_port::{HolderId, MemoryStorage};
    use std::time::Duration;

    async fn faults(problem: Problem) -> Vec<(String, String)> {
        let response = problem.error_response();
        assert_eq!(response.status(), 422);
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        let errors = body["errors"].as_array().unwrap();
        errors.iter().map(|error| (text(error, "field"), text(error, "reason"))).collect()
    }

    fn named(faults: &[(String, String)]) -> Vec<&str> {
        faults.iter().map(|(field, _)| field.as_str()).collect()
    }

    #[tokio::test]
    async fn each_parameter_at_fault_is_named_with_what_it_must_be() {
        let id = "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11";
        let expected = (Some(EventId(id.parse().unwrap())), 1_000);
        assert_eq!(page(&format!("after={id}&limit=1000")).unwrap(), expected);
        assert_eq!(page("").unwrap(), (None, PAGE));
        for limit in ["-1", "0", "1001", "x", "", "1.0"] {
            let found = faults(page(&format!("limit={limit}")).unwrap_err()).await;
            assert_eq!(found, [("limit".to_owned(), "must be a whole number from 1 to 1000".to_owned())], "{limit}");
        }
        let found = faults(page("after=zz&limit=x&colour=red&limit=1").unwrap_err()).await;
        assert_eq!(named(&found), ["colour", "limit", "after"]);
    }

    #[tokio::test]
    async fn each_id_that_is_none_is_named_by_its_place() {
        let id = "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11";
        assert_eq!(ids(&json!({ "ids": [id] })).unwrap(), [EventId(id.parse().unwrap())]);
        for (body, fields) in [
            (json!({ "ids": ["zz", id, 1] }), &["ids[0]", "ids[2]"][..]),
            (json!({ "ids": id }), &["ids"]),
            (json!({}), &["ids"]),
            (json!({ "ids": [], "id": id }), &["id"]),
            (json!([id]), &["body"]),
        ] {
            let found = faults(ids(&body).unwrap_err()).await;
            assert_eq!(named(&found), fields, "{body}");
            assert!(found.iter().all(|(_, reason)| !reason.contains("parsing")), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_consumer_that_the_log_does_not_know_is_not_found() {
        let storage = MemoryStorage::new();
        storage.lease(&"hub".parse().unwrap(), HolderId::new(), Duration::from_secs(1)).await.unwrap();
        let request = |name: &'static str| TestRequest::default().param("name", name).to_http_request();
        assert_eq!(known(&request("hub"), &storage).await.unwrap().as_str(), "hub");
        let problem = known(&request("hubb"), &storage).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::NOT_FOUND);
        assert_eq!(faults(known(&request("No such"), &storage).await.unwrap_err()).await[0].0, "name");
    }
}
