//! Settlements of deliveries that another server over the same hub has made.

use super::sessions::lost;
use bytes::Bytes;
use character_message_hub::{ErrorKind, HubError, MessageHub, Result, SETTLE, ServiceName, ServiceRequest};
use character_message_hub_wire::{self as wire, SettleBody, SettleResult, SettleResultsBody, SettlementBody};
use std::{sync::Arc, time::Duration};

/// Has another server settle its deliveries, each with its place among those of the request. `authorization` is that of the
/// client, which both servers accept.
pub(super) async fn settle_at(
    hub: &dyn MessageHub,
    peer: ServiceName,
    settlements: Vec<(usize, SettlementBody)>,
    authorization: Option<Arc<str>>,
    timeout: Duration,
) -> Vec<(usize, SettleResult)> {
    let (places, settlements): (Vec<_>, Vec<_>) = settlements.into_iter().unzip();
    let receipts: Vec<String> = settlements.iter().map(|settlement| settlement.receipt.clone()).collect();
    let results = match asked(hub, peer, SettleBody { settlements }, authorization, timeout).await {
        Ok(results) => results,
        Err(error) => {
            let failed = Err(error);
            receipts.iter().map(|receipt| SettleResult::of(receipt.clone(), &failed)).collect()
        }
    };
    places.into_iter().zip(results).collect()
}

/// The results of the other server, one for each settlement.
async fn asked(
    hub: &dyn MessageHub,
    peer: ServiceName,
    body: SettleBody,
    authorization: Option<Arc<str>>,
    timeout: Duration,
) -> Result<Vec<SettleResult>> {
    let number = body.settlements.len();
    let text =
        serde_json::to_vec(&body).map_err(|error| HubError::new(ErrorKind::Invalid, SETTLE).with_source(error))?;
    let request = ServiceRequest {
        to: peer,
        method: "POST".into(),
        path: wire::SETTLE.to_owned(),
        content_type: Some("application/json".into()),
        authorization,
        body: Bytes::from(text),
        timeout,
        // The other server settles each delivery once; a repeat would find none.
        idempotent: false,
        correlation_id: None,
        traceparent: None,
    };
    let reply = hub.request(request).await.map_err(|error| match error.kind() {
        // It made its deliveries possible again, or they wait for their time for settling.
        ErrorKind::NoResponder => lost(),
        kind => HubError::new(kind.clone(), SETTLE).with_source(error.clone()),
    })?;
    let wrong = |detail: String| HubError::new(ErrorKind::Corrupt, SETTLE).with_detail(detail);
    if reply.status != 200 {
        return Err(wrong(format!("the process that made the delivery answered {}", reply.status)));
    }
    let results: SettleResultsBody = serde_json::from_slice(&reply.body)
        .map_err(|error| wrong(format!("the answer of another process: {error}")))?;
    if results.results.len() != number {
        return Err(wrong("another process answered another number of results".to_owned()));
    }
    Ok(results.results)
}
