//! The durable consumers of the log.

use crate::{
    StorageServer,
    answer::{Answer, Refusal, no_content, ok, parameters},
    body::message,
};
use actix_web::{
    HttpRequest,
    web::{Data, Path, Payload},
};
use character_domain::{Violations, size::within};
use character_storage_port::{
    ADVANCE, CONSUMERS, ConsumerName, DISCARD, LEASE, LeaseToken, MAX_LEASE, PARK, PARKED, ParkedEvent, RELEASE,
    StorageError, UNPARK,
};
use character_storage_wire::{
    AdvanceBody, ConsumersBody, CountBody, EventIdsBody, LeaseBody, LeasedBody, ParkBody, ParkedBody, ParkedParameters,
    ReleaseBody, decode_nothing,
};
use std::time::Duration;

/// Maximum size of the parked events in one response after its first event, in bytes. 4 MiB.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

pub(crate) async fn consumers(request: HttpRequest, server: Data<StorageServer>) -> Answer {
    parameters(decode_nothing(request.query_string()), CONSUMERS)?;
    ok(&ConsumersBody { consumers: server.port.consumers().await? }, CONSUMERS)
}

pub(crate) async fn lease(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let name = consumer(&name, LEASE)?;
    let LeaseBody { holder, lease_ms } = message(&server, &request, payload).await?;
    let time = Duration::from_millis(lease_ms).min(MAX_LEASE);
    let mut leased = server.port.lease(&name, holder, time).await?;
    if let Some(leased) = &mut leased {
        // The holder drops each event that it has replayed, and prolonging its lease brings the next ones.
        leased.replays.truncate(fitting(&leased.replays));
    }
    ok(&LeasedBody { leased }, LEASE)
}

pub(crate) async fn advance(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let consumer = consumer(&name, ADVANCE)?;
    let AdvanceBody { lease, to } = message(&server, &request, payload).await?;
    server.port.advance(&LeaseToken { consumer, lease }, &to).await?;
    Ok(no_content())
}

pub(crate) async fn release(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let consumer = consumer(&name, RELEASE)?;
    let ReleaseBody { lease } = message(&server, &request, payload).await?;
    server.port.release(&LeaseToken { consumer, lease }).await?;
    Ok(no_content())
}

pub(crate) async fn park(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let consumer = consumer(&name, PARK)?;
    let ParkBody { lease, event, reason } = message(&server, &request, payload).await?;
    server.port.park(&LeaseToken { consumer, lease }, &event, &reason).await?;
    Ok(no_content())
}

pub(crate) async fn parked(request: HttpRequest, server: Data<StorageServer>, name: Path<String>) -> Answer {
    let name = consumer(&name, PARKED)?;
    let ParkedParameters { after, limit } = parameters(ParkedParameters::decode(request.query_string()), PARKED)?;
    let mut events = server.port.parked(&name, after, limit).await?;
    let fitting = fitting(&events);
    let more = fitting < events.len();
    events.truncate(fitting);
    ok(&ParkedBody { events, more }, PARKED)
}

pub(crate) async fn unpark(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let name = consumer(&name, UNPARK)?;
    let EventIdsBody { ids } = message(&server, &request, payload).await?;
    ok(&CountBody { count: server.port.unpark(&name, &ids).await? }, UNPARK)
}

pub(crate) async fn discard(
    request: HttpRequest,
    server: Data<StorageServer>,
    name: Path<String>,
    payload: Payload,
) -> Answer {
    let name = consumer(&name, DISCARD)?;
    let EventIdsBody { ids } = message(&server, &request, payload).await?;
    ok(&CountBody { count: server.port.discard(&name, &ids).await? }, DISCARD)
}

fn consumer(name: &str, operation: &'static str) -> Answer<ConsumerName> {
    let invalid = |error: character_storage_port::InvalidConsumerName| {
        Refusal::from(StorageError::invalid(Violations::one("name", error.to_string()), operation))
    };
    name.parse().map_err(invalid)
}

/// The number of events at the beginning that fit into one response: at least one.
fn fitting(events: &[ParkedEvent]) -> usize {
    let mut left = MAX_EVENT_BYTES;
    for (index, event) in events.iter().enumerate() {
        match within(left, event) {
            Some(bytes) => left -= bytes,
            None => return index.max(1),
        }
    }
    events.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_domain::{CharacterId, now};
    use character_storage_port::DomainEvent;
    use serde_json::json;

    #[test]
    fn parked_events_end_before_they_exceed_their_bytes_unless_the_first_does() {
        const THIRD: usize = MAX_EVENT_BYTES / 3;
        let parked = |size: &usize| {
            let data = json!({ "text": "x".repeat(*size) });
            let event = DomainEvent::new("character.updated", CharacterId::new(), now(), data);
            ParkedEvent { event, reason: String::new(), parked_at: now(), replay: false }
        };
        for (sizes, expected) in [
            (&[][..], 0),
            (&[1, 1], 2),
            (&[THIRD, THIRD, THIRD], 2),
            (&[MAX_EVENT_BYTES, 1], 1),
            (&[1, MAX_EVENT_BYTES, 1], 1),
        ] {
            assert_eq!(fitting(&sizes.iter().map(parked).collect::<Vec<_>>()), expected, "{sizes:?}");
        }
    }
}
