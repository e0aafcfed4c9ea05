//! `POST /v1/events/settle`.

use super::{elsewhere::Caller, holders::Origin, peers};
use crate::{
    HubServer, body,
    caller::CallerDeadline,
    metrics::Metrics,
    refusal::{Answer, Refusal, to_client},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::AUTHORIZATION,
    web::{Data, Payload},
};
use character_http_kit::{FieldError, Problem, QueryParameters};
use character_message_hub::{Applied, ErrorKind, Headers, HubError, SETTLE, Settlement};
use character_message_hub_wire::{
    MAX_SETTLEMENTS, SettleAction, SettleBody, SettleResult, SettleResultsBody, SettlementBody,
};
use futures_util::future::join_all;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The maximum size of a request. 4 MiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How long the hub may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum number of other servers that one request reaches.
const MAX_PEERS: usize = 16;
/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// What is done with one delivery.
enum Order {
    Settle(Settlement),
    PutBack,
    InProgress,
}

pub(crate) async fn settle(request: HttpRequest, payload: Payload, server: Data<HubServer>) -> Answer {
    QueryParameters::among(&[], request.query_string()).finish()?;
    let caller = CallerDeadline::of(request.headers())?;
    let reading = body::message(&request, payload, server.body_limits(MAX_BYTES));
    let body: SettleBody = caller.limit(SETTLE, Applied::No, reading).await?;
    if !(1..=MAX_SETTLEMENTS).contains(&body.settlements.len()) {
        return Err(Refusal::field("settlements", "must have 1 to 1000 items"));
    }
    let (mut orders, mut faults) = (Vec::with_capacity(body.settlements.len()), Vec::new());
    let mut of_others: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let origin = Caller::of(request.headers()).origin;
    for (index, settlement) in body.settlements.into_iter().enumerate() {
        match (order(&settlement, origin), server.sessions().other_of(&settlement.receipt)) {
            (Ok(_), Some(peer)) if of_others.len() < MAX_PEERS || of_others.contains_key(&peer) => {
                of_others.entry(peer).or_default().push((index, settlement));
            }
            (Ok(order), _) => orders.push((index, settlement.receipt, settlement.action, order)),
            (Err((field, reason)), _) => {
                faults.push(FieldError::new(&format!("settlements[{index}].{field}"), reason));
            }
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::of(Problem::invalid(faults)));
    }
    let (limit, length) = caller.or_shorter("the limit of settling", SETTLE_TIMEOUT);
    let end = caller.or_earlier(Instant::now() + SETTLE_TIMEOUT);
    // At once, so that a hub over a disk syncs once for all of them.
    let own = join_all(orders.into_iter().map(async |(index, receipt, action, order)| {
        let settling = async {
            match order {
                Order::Settle(settlement) => server.sessions().settle(&receipt, settlement).await,
                Order::PutBack => server.sessions().put_back(&receipt).await,
                Order::InProgress => server.sessions().in_progress(&receipt).await,
            }
        };
        let late = |_| Err(HubError::new(ErrorKind::Timeout, SETTLE).within(limit, length));
        let result = timeout_at(end, settling).await.unwrap_or_else(late).map_err(to_client);
        let outcome = result.as_ref().map_or_else(|error| error.kind().code(), |()| label(action));
        Metrics::count(&server.metrics().settled, outcome);
        (index, SettleResult::of(receipt, &result))
    }));
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let others = of_others.into_iter().map(|(peer, settlements)| {
        let authorization = authorization.map(Into::into);
        peers::settle_at(server.hub(), peer, settlements, Headers::new(), authorization, caller.left())
    });
    let (own, others) = tokio::join!(own, join_all(others));
    let mut results: Vec<_> = own.into_iter().chain(others.into_iter().flatten()).collect();
    results.sort_unstable_by_key(|(index, _)| *index);
    let results = results.into_iter().map(|(_, result)| result).collect();
    Ok(HttpResponse::Ok().json(SettleResultsBody { results }))
}

fn label(action: SettleAction) -> &'static str {
    match action {
        SettleAction::Ack => "ack",
        SettleAction::Retry => "retry",
        SettleAction::Reject => "reject",
        SettleAction::InProgress => "in_progress",
    }
}

/// What is to be done, or the field at fault and the reason.
fn order(settlement: &SettlementBody, origin: Origin) -> Result<Order, (&'static str, &'static str)> {
    let SettlementBody { action, retry_after_ms, reason, .. } = settlement;
    let pause = retry_after_ms.map(Duration::from_millis);
    if *action != SettleAction::Retry && pause.is_some() {
        return Err(("retry_after_ms", "must stand beside the action retry alone"));
    }
    if *action != SettleAction::Reject && reason.is_some() {
        return Err(("reason", "must stand beside the action reject alone"));
    }
    match action {
        SettleAction::Ack => Ok(Order::Settle(Settlement::Ack)),
        SettleAction::InProgress => Ok(Order::InProgress),
        SettleAction::Retry => match pause {
            Some(Duration::ZERO) if origin != Origin::Client => Ok(Order::PutBack),
            Some(pause) if pause <= LONGEST_PAUSE => Ok(Order::Settle(Settlement::RetryAfter(pause))),
            Some(_) => Err(("retry_after_ms", "must not be longer than a day, 86400000")),
            None => Err(("retry_after_ms", "is required for the action retry")),
        },
        SettleAction::Reject => match reason.as_deref().map(str::trim) {
            None | Some("") => Err(("reason", "is required for the action reject")),
            Some(reason) => Ok(Order::Settle(Settlement::Reject(reason.to_owned()))),
        },
    }
}
