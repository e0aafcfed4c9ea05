//! Settlements of deliveries that another server over the same hub has made.

use super::unavailable;
use crate::refusal::to_client;
use bytes::Bytes;
use character_error_reporter::redacted;
use character_message_hub::{
    Applied, ErrorKind, Headers, HubError, MessageHub, Result, SETTLE, ServiceName, ServiceRequest,
};
use character_message_hub_wire::{
    self as wire, ProblemBody, SettleBody, SettleResult, SettleResultsBody, SettlementBody,
};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

/// How long another server may take: a client waits for the results of all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of settlements in one request, which with the longest reasons must fit into a message of NATS.
const AT_ONCE: usize = 200;

/// The deliveries wait for their time for settling.
fn not_settled(detail: &'static str) -> HubError {
    unavailable(SETTLE, detail).with_applied(Applied::No)
}

/// Has another server settle its deliveries, each with its place among those of the request. `authorization` is that of the
/// client, which both servers accept, `headers` what else the request has, and `left` what the client still waits.
pub(super) async fn settle_at(
    hub: &dyn MessageHub,
    peer: ServiceName,
    settlements: Vec<(usize, SettlementBody)>,
    headers: Headers,
    authorization: Option<Arc<str>>,
    left: Option<Duration>,
) -> Vec<(usize, SettleResult)> {
    let timeout = left.map_or(TIMEOUT, |left| left.min(TIMEOUT));
    let (places, settlements): (Vec<_>, Vec<_>) = settlements.into_iter().unzip();
    let request = ServiceRequest { headers, authorization, ..ServiceRequest::get(peer, wire::SETTLE, timeout) };
    let parts = settlements.chunks(AT_ONCE).map(|part| settled_at(hub, part, request.clone()));
    places.into_iter().zip(join_all(parts).await.into_iter().flatten()).collect()
}

/// The same, of as many as one request holds.
async fn settled_at(
    hub: &dyn MessageHub,
    settlements: &[SettlementBody],
    request: ServiceRequest,
) -> Vec<SettleResult> {
    let body = SettleBody { settlements: settlements.to_vec() };
    asked(hub, body, request).await.unwrap_or_else(|error| {
        tracing::warn!(error = %redacted(&error), "another process of the hub did not settle its deliveries");
        let failed = Err(to_client(error));
        settlements.iter().map(|settlement| SettleResult::of(settlement.receipt.clone(), &failed)).collect()
    })
}

/// The results of the other server, one for each settlement.
async fn asked(hub: &dyn MessageHub, body: SettleBody, request: ServiceRequest) -> Result<Vec<SettleResult>> {
    let number = body.settlements.len();
    let text =
        serde_json::to_vec(&body).map_err(|error| HubError::new(ErrorKind::Invalid, SETTLE).with_source(error))?;
    let request = ServiceRequest {
        method: "POST".into(),
        content_type: Some("application/json".into()),
        body: Bytes::from(text),
        // The other server settles each delivery once; a repeat would find none.
        idempotent: false,
        ..request
    };
    let reply = hub.request(request).await.map_err(|error| match error.kind() {
        // It has ended, or is about to answer again: its deliveries wait for their time for settling.
        ErrorKind::NoResponder => not_settled("the process that made the delivery does not answer"),
        _ => error,
    })?;
    let wrong = |detail: String| HubError::new(ErrorKind::Corrupt, SETTLE).with_detail(detail);
    match reply.status {
        200 => {}
        // It reads the file of the tokens a moment later, or has others.
        401 | 403 => return Err(not_settled("the process that made the delivery does not accept this token")),
        status => {
            let problem = serde_json::from_slice::<ProblemBody>(&reply.body).unwrap_or_default();
            return Err(problem.into_error(status, SETTLE));
        }
    }
    let results: SettleResultsBody = serde_json::from_slice(&reply.body)
        .map_err(|error| wrong(format!("the answer of another process: {error}")))?;
    if results.results.len() != number {
        return Err(wrong("another process answered another number of results".to_owned()));
    }
    Ok(results.results)
}
