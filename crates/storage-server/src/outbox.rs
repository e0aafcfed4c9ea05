//! Events that wait to be published.

use crate::{
    StorageServer,
    answer::{Answer, no_content, ok},
    body::message,
};
use actix_web::{
    HttpRequest,
    web::{Data, Payload},
};
use character_domain::Violations;
use character_storage_port::StorageError;
use character_storage_wire::{AcknowledgeBody, ClaimBody, EventsBody, OP_CLAIM};
use std::time::Duration;

/// One year: far beyond any use, and well within what clocks and databases can add up.
const MAX_LEASE_MS: u64 = 365 * 24 * 60 * 60 * 1000;

pub(crate) async fn claim(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let ClaimBody { limit, lease_ms } = message(&server, &request, payload).await?;
    if lease_ms > MAX_LEASE_MS {
        let violations = Violations::one("lease_ms", format!("must not be more than {MAX_LEASE_MS}"));
        return Err(StorageError::invalid(violations, OP_CLAIM).into());
    }
    let events = server.port.claim(limit, Duration::from_millis(lease_ms)).await?;
    ok(&EventsBody { events }, OP_CLAIM)
}

pub(crate) async fn acknowledge(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let AcknowledgeBody { ids } = message(&server, &request, payload).await?;
    server.port.acknowledge(&ids).await?;
    Ok(no_content())
}
