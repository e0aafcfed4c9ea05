//! What operators read and change: the subscriptions and their rejected events.

use crate::{
    HubServer,
    query::Query,
    refusal::{Answer, Refusal},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::CACHE_CONTROL,
    web::{Data, Path},
};
use async_trait::async_trait;
use character_message_hub::{RejectedEvent, Result, SubscriptionName, SubscriptionState};
use character_message_hub_wire::{RejectedBody, SubscriptionsBody};
use std::fmt;

/// The maximum number of rejected events in one response.
const MAX_REJECTED: u64 = 1_000;
const DEFAULT_REJECTED: u64 = 100;

/// What a hub can report and change beside its port. `Ok(None)`: this hub does not offer it.
#[async_trait]
pub trait HubOperations: Send + Sync + fmt::Debug {
    /// Every subscription.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`.
    async fn subscriptions(&self) -> Result<Option<Vec<SubscriptionState>>>;

    /// The newest rejected events of a subscription, at most `limit`; `Ok(Some(None))`: it does not exist.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`.
    async fn rejected(&self, name: &SubscriptionName, limit: usize) -> Result<Option<Option<Vec<RejectedEvent>>>>;

    /// Removes a subscription, and returns whether it existed.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`; unknown.
    async fn remove(&self, name: &SubscriptionName) -> Result<Option<bool>>;
}

/// The operations of a hub that offers none.
#[derive(Clone, Copy, Debug)]
pub struct NoOperations;

#[async_trait]
impl HubOperations for NoOperations {
    async fn subscriptions(&self) -> Result<Option<Vec<SubscriptionState>>> {
        Ok(None)
    }

    async fn rejected(&self, _: &SubscriptionName, _: usize) -> Result<Option<Option<Vec<RejectedEvent>>>> {
        Ok(None)
    }

    async fn remove(&self, _: &SubscriptionName) -> Result<Option<bool>> {
        Ok(None)
    }
}

const ELSEWHERE: &str = "the hub keeps its events in a system of its own, whose tools show the subscriptions";

fn name(path: &Path<String>) -> Answer<SubscriptionName> {
    path.parse().map_err(|error: character_message_hub::InvalidName| Refusal::field("name", &error.to_string()))
}

pub(crate) async fn subscriptions(request: HttpRequest, server: Data<HubServer>) -> Answer {
    Query::parse(request.query_string(), &[])?;
    let found = server.operations().subscriptions().await?;
    let subscriptions = found.ok_or_else(|| Refusal::unsupported(ELSEWHERE))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(SubscriptionsBody { subscriptions }))
}

pub(crate) async fn rejected(request: HttpRequest, path: Path<String>, server: Data<HubServer>) -> Answer {
    let query = Query::parse(request.query_string(), &["limit"])?;
    let limit = query.number("limit", 1..=MAX_REJECTED)?.unwrap_or(DEFAULT_REJECTED);
    let name = name(&path)?;
    let found = server.operations().rejected(&name, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    let found = found.ok_or_else(|| Refusal::unsupported(ELSEWHERE))?;
    let rejected = found.ok_or_else(|| Refusal::not_found("there is no subscription of this name"))?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(RejectedBody { rejected }))
}

pub(crate) async fn remove(request: HttpRequest, path: Path<String>, server: Data<HubServer>) -> Answer {
    Query::parse(request.query_string(), &[])?;
    let name = name(&path)?;
    // A subscriber of this process that is idle could create it again.
    server.sessions().forget(&name);
    let existed = server.operations().remove(&name).await?.ok_or_else(|| Refusal::unsupported(ELSEWHERE))?;
    if !existed {
        return Err(Refusal::not_found("there is no subscription of this name"));
    }
    server.sessions().forget(&name);
    tracing::info!(subscription = %name, "an operator removed a subscription");
    Ok(HttpResponse::NoContent().finish())
}
