//! What operators read and change: the subscriptions and their rejected events.

use crate::{
    HubServer,
    caller::CallerDeadline,
    refusal::{Answer, Refusal},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::CACHE_CONTROL,
    web::{Data, Path},
};
use character_http_kit::QueryParameters;
use character_message_hub::{Applied, HubOperations, SubscriptionName};
use character_message_hub_wire::{RejectedBody, SubscriptionsBody};

/// The maximum number of rejected events in one response.
const MAX_REJECTED: usize = 1_000;
const DEFAULT_REJECTED: usize = 100;

/// The names of the operations.
const SUBSCRIPTIONS: &str = "subscriptions";
const REJECTED: &str = "rejected";
const REMOVE: &str = "remove_subscription";

const ELSEWHERE: &str = "the hub keeps its events in a system of its own, whose tools show the subscriptions";

fn operations(server: &HubServer) -> Answer<&dyn HubOperations> {
    server.operations().ok_or_else(|| Refusal::unsupported(ELSEWHERE))
}

fn name(path: &Path<String>) -> Answer<SubscriptionName> {
    path.parse().map_err(|error: character_message_hub::InvalidName| Refusal::field("name", &error.to_string()))
}

pub(crate) async fn subscriptions(request: HttpRequest, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let reading = async { Ok(operations(&server)?.subscriptions().await?) };
    let subscriptions = CallerDeadline::of(request.headers())?.limit(SUBSCRIPTIONS, Applied::No, reading).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(SubscriptionsBody { subscriptions }))
}

pub(crate) async fn rejected(request: HttpRequest, path: Path<String>, server: Data<HubServer>) -> Answer {
    let mut query = QueryParameters::among(&["limit"], request.query_string());
    let limit = query.number("limit", 1..=MAX_REJECTED).unwrap_or(DEFAULT_REJECTED);
    query.finish()?;
    let name = name(&path)?;
    let reading = async { Ok(operations(&server)?.rejected(&name, limit).await?) };
    let found = CallerDeadline::of(request.headers())?.limit(REJECTED, Applied::No, reading).await?;
    let rejected = found.ok_or_else(|| Refusal::not_found("there is no subscription of this name"))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(RejectedBody { rejected }))
}

pub(crate) async fn remove(request: HttpRequest, path: Path<String>, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let name = name(&path)?;
    let operations = operations(&server)?;
    // A subscriber of this process that is idle could create it again.
    server.sessions().forget(&name);
    let removing = async { Ok(operations.remove_subscription(&name).await?) };
    if !CallerDeadline::of(request.headers())?.limit(REMOVE, Applied::Unknown, removing).await? {
        return Err(Refusal::not_found("there is no subscription of this name"));
    }
    server.sessions().forget(&name);
    tracing::info!(subscription = %name, "an operator removed a subscription");
    Ok(HttpResponse::NoContent().finish())
}
