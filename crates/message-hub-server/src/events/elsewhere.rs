//! Deliveries of a subscription that another server over the same hub holds.

use super::{
    holders::{Holders, Origin},
    peers,
    pollers::Subscribes,
    unavailable,
};
use crate::{HubServer, refusal::to_client};
use actix_web::{
    http::header::{AUTHORIZATION, HeaderMap},
    web::Bytes,
};
use character_error_reporter::redacted;
use character_message_hub::{
    Applied, ErrorKind, Headers, HubError, NEXT, Reply, Result, ServiceName, ServiceRequest, Subscription,
    SubscriptionName,
};
use character_message_hub_wire::{self as wire, DeliveriesBody, ProblemBody, SettleAction, SettlementBody};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::Instant};
use url::form_urlencoded::Serializer;
use uuid::Uuid;

/// Marks a request of another server, which is not passed on again, and holds its id. `DELETE` with it and without parameters ends the
/// request, or releases the deliveries of its response. A retry without a pause in such a request is of a delivery that no client has
/// received.
const PASSED_ON: &str = "x-hub-passed-on";
/// How long one poll waits at the holder: soon after a holder has stopped, another one is found.
pub(super) const TURN: Duration = Duration::from_secs(2);
/// How long the holder may take beyond that. The time for settling, at least a second, begins when it makes the delivery.
const MARGIN: Duration = Duration::from_millis(900);

/// The client of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    authorization: Option<Arc<str>>,
    pub(super) origin: Origin,
    pub(super) subscribes: Subscribes,
}

impl Caller {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let authorization = text(AUTHORIZATION.as_str()).map(Into::into);
        let origin = text(PASSED_ON).and_then(|id| id.parse().ok()).map_or(Origin::Client, Origin::Server);
        let continues = headers.get(wire::CONTINUES).is_some_and(|value| value == "true");
        let subscribes = if continues { Subscribes::Before } else { Subscribes::Now };
        Self { authorization, origin, subscribes }
    }
}

/// A poll that is passed on.
#[derive(Debug)]
pub(super) struct PassedOn<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) poller: Option<&'a SubscriptionName>,
    pub(super) received: &'a str,
    pub(super) limit: usize,
    pub(super) wait: Duration,
    pub(super) subscribes: Subscribes,
}

/// The response of the holder. Dropped before it is sent, its deliveries are released.
#[derive(Debug)]
pub(super) struct Found {
    server: HubServer,
    holder: ServiceName,
    authorization: Option<Arc<str>>,
    body: Bytes,
    receipts: Vec<String>,
    pub(super) end: End,
    passing: Arc<()>,
}

/// Why a response of the holder has no deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It does not hold the subscription any more.
    Moved,
    /// None came, or another request of the poller has ended this one. A holder of an older release does not say that it has moved.
    Other,
}

/// As much of a [`DeliveriesBody`] as its sender needs.
#[derive(Deserialize)]
struct Receipts {
    deliveries: Vec<Receipt>,
    #[serde(default)]
    moved: bool,
}

#[derive(Deserialize)]
struct Receipt {
    receipt: String,
}

fn corrupt(error: serde_json::Error) -> HubError {
    HubError::new(ErrorKind::Corrupt, NEXT).with_detail(format!("the answer of another process: {error}"))
}

/// Whether another attempt, perhaps at another holder, may succeed.
pub(super) fn is_passing(error: &HubError) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable { .. } | ErrorKind::Timeout | ErrorKind::NoResponder)
}

/// Polls at the holder. When this is dropped, the poll ends at once, and what it returns is released.
///
/// # Errors
/// [Passing](is_passing) ones; those of the holder.
pub(super) async fn poll(
    server: &HubServer,
    holder: &ServiceName,
    caller: &Caller,
    passed_on: PassedOn<'_>,
) -> Result<Found> {
    let PassedOn { subscription, poller, received, limit, wait, subscribes } = passed_on;
    let mut query = Serializer::new(String::new());
    query.append_pair("subscription", subscription.name.as_str());
    query.append_pair("types", &subscription.filter.to_string());
    query.append_pair("limit", &limit.to_string());
    query.append_pair("wait_ms", &wait.as_millis().to_string());
    query.append_pair("max_in_flight", &subscription.max_in_flight.to_string());
    query.append_pair("settle_within_ms", &subscription.settle_within.as_millis().to_string());
    if let Some(poller) = poller {
        query.append_pair("poller", poller.as_str()).append_pair("received", received);
    }
    let path = format!("{}?{}", wire::EVENTS, query.finish());
    // What was delivered to a request whose reply is lost would be delivered again to its repeat.
    let id = Uuid::new_v4();
    let mut request = ServiceRequest { idempotent: false, ..request(id, holder, caller, path, wait + MARGIN) };
    if subscribes == Subscribes::Before {
        request.headers.add(wire::CONTINUES, "true");
    }
    let waits = Waits { server: server.clone(), holder: holder.clone(), caller: caller.clone(), id: Some(id) };
    let (server, holder, authorization) = (server.clone(), holder.clone(), caller.authorization.clone());
    let (passing, name) = (server.passing(), subscription.name.clone());
    let polling = tokio::spawn(async move {
        let reply = server.hub().request(request).await;
        if let Some(holders) = server.holders() {
            holders.heard(&name, &holder, reply.as_ref().err());
        }
        let body = answered(reply)?;
        let Receipts { deliveries, moved } = serde_json::from_slice(&body).map_err(corrupt)?;
        let receipts = deliveries.into_iter().map(|delivery| delivery.receipt).collect();
        let end = if moved { End::Moved } else { End::Other };
        Ok(Found { server, holder, authorization, body, receipts, end, passing })
    });
    let found =
        polling.await.unwrap_or_else(|_| Err(unavailable(NEXT, "the poll at another process of the hub failed")));
    // A response that was made and is not here has deliveries that wait for it.
    if found.as_ref().err().is_none_or(HubError::certainly_not_applied) {
        waits.answered();
    }
    found
}

/// Dropped before the response of the holder is here, it ends the request there.
struct Waits {
    server: HubServer,
    holder: ServiceName,
    caller: Caller,
    id: Option<Uuid>,
}

impl Waits {
    fn answered(mut self) {
        self.id = None;
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the poll at the holder soon, too.
        let Some((id, runtime)) = self.id.zip(Handle::try_current().ok()) else { return };
        let request = request(id, &self.holder, &self.caller, wire::EVENTS.to_owned(), MARGIN);
        let request = ServiceRequest { method: "DELETE".into(), ..request };
        let (server, passing) = (self.server.clone(), self.server.passing());
        runtime.spawn(async move {
            if let Err(error) = answered(server.hub().request(request).await) {
                tracing::debug!(error = %redacted(&error), "a poll at another process ends with its time");
            }
            drop(passing);
        });
    }
}

/// Has a poller leave at the holder.
///
/// # Errors
/// As [`poll`].
pub(super) async fn leave(
    server: &HubServer,
    holder: &ServiceName,
    caller: &Caller,
    (subscription, poller): &(SubscriptionName, SubscriptionName),
    received: &str,
) -> Result<()> {
    let mut query = Serializer::new(String::new());
    query.append_pair("subscription", subscription.as_str());
    query.append_pair("poller", poller.as_str()).append_pair("received", received);
    let path = format!("{}?{}", wire::EVENTS, query.finish());
    let request = ServiceRequest { method: "DELETE".into(), ..request(Uuid::new_v4(), holder, caller, path, MARGIN) };
    answered(server.hub().request(request).await).map(drop)
}

fn request(id: Uuid, holder: &ServiceName, caller: &Caller, path: String, timeout: Duration) -> ServiceRequest {
    let mut headers = Headers::new();
    headers.add(PASSED_ON, id.to_string());
    let authorization = caller.authorization.clone();
    ServiceRequest { authorization, headers, ..ServiceRequest::get(holder.clone(), path, timeout) }
}

fn answered(reply: Result<Reply>) -> Result<Bytes> {
    let reply = reply.map_err(|error| match error.kind() {
        ErrorKind::NoResponder => {
            unavailable(NEXT, "the process that holds the subscription does not answer").with_applied(Applied::No)
        }
        _ => to_client(error),
    })?;
    match reply.status {
        200..=299 => Ok(reply.body),
        // It reads the file of the tokens a moment later, or has others.
        401 | 403 => Err(unavailable(NEXT, "the process that holds the subscription does not accept this token")),
        status => {
            let problem = serde_json::from_slice::<ProblemBody>(&reply.body).unwrap_or_default();
            Err(problem.into_error(status, NEXT))
        }
    }
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    /// The body, which is on its way to the client.
    pub(super) fn sent(mut self) -> Bytes {
        self.receipts.clear();
        self.body.clone()
    }

    /// The deliveries, each of which is released unless it is [sent](Self::sent_of).
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn deliveries(&self) -> Result<DeliveriesBody> {
        serde_json::from_slice(&self.body).map_err(corrupt)
    }

    /// One delivery is on its way to the client.
    pub(super) fn sent_of(&mut self, receipt: &str) {
        self.receipts.retain(|other| other != receipt);
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        let receipts = std::mem::take(&mut self.receipts);
        // Without a runtime the process ends, and the holder delivers them again after their time for settling.
        let Ok(runtime) = Handle::try_current() else { return };
        if receipts.is_empty() {
            return;
        }
        let (server, holder, authorization) = (self.server.clone(), self.holder.clone(), self.authorization.clone());
        let passing = Arc::clone(&self.passing);
        runtime.spawn(async move {
            let mut headers = Headers::new();
            headers.add(PASSED_ON, Uuid::new_v4().to_string());
            let released = |receipt| SettlementBody {
                receipt,
                action: SettleAction::Retry,
                retry_after_ms: Some(0),
                reason: None,
            };
            let settlements = receipts.into_iter().map(released).enumerate().collect();
            // One that is not released waits for its time for settling, and `settle_at` logs it.
            drop(peers::settle_at(server.hub(), holder, settlements, headers, authorization, None).await);
            drop(passing);
        });
    }
}

/// Waits after a response without deliveries that came before its time: the holder has perhaps released the subscription.
pub(super) async fn ended_early(server: &HubServer, name: &SubscriptionName, begun: Instant) {
    if let Some(holders) = server.holders() {
        holders.doubt(name, begun);
    }
    Holders::pause().await;
}

/// Waits before the next attempt, which reads which server is the holder unless that was read since this attempt has begun.
pub(super) async fn again(holders: &Holders, name: &SubscriptionName, begun: Instant, error: &HubError) {
    tracing::debug!(subscription = %name, error = %redacted(error), "the holder of the subscription did not answer");
    holders.doubt(name, begun);
    Holders::pause().await;
}
