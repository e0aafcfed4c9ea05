//! The durable consumers of the log over a [`Transport`].

use crate::{
    HttpStorage,
    storage::{corrupt, encoded, message, nothing},
    transport::{RequestSize, Transport},
};
use async_trait::async_trait;
use character_storage_port::{
    ADVANCE, CONSUMERS, ConsumerName, ConsumerState, Consumers, DISCARD, DomainEvent, EventId, HolderId, LEASE,
    LeaseToken, Leased, LogCursor, MAX_LEASE, MAX_PARKED, PARK, PARKED, ParkedEvent, RELEASE, Result, UNPARK,
    check_parked, check_parked_ids, kept_reason,
};
use character_storage_wire as wire;
use serde::Serialize;
use std::time::Duration;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Consumers for HttpStorage<T> {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        let lease_ms = u64::try_from(lease.min(MAX_LEASE).as_millis()).unwrap_or(u64::MAX);
        let body = encoded(LEASE, &wire::LeaseBody { holder, lease_ms })?;
        // A holder that asks again keeps its lease, so that a repeat is harmless.
        let response = self.post(LEASE, &wire::of_consumer(wire::LEASE, consumer), body).await?;
        let wire::LeasedBody { leased } = message(LEASE, &response)?;
        let Some(leased) = leased else { return Ok(None) };
        if leased.token.consumer != *consumer {
            return Err(corrupt(LEASE, "the storage answered a lease of another consumer than it was asked for"));
        }
        if leased.replays.len() > MAX_PARKED || leased.replays.iter().any(|parked| !parked.replay) {
            return Err(corrupt(LEASE, "the storage answered events to replay that cannot be"));
        }
        Ok(Some(leased))
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.tell(ADVANCE, wire::ADVANCE, token, &wire::AdvanceBody { lease: token.lease, to: to.clone() }).await
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.tell(RELEASE, wire::RELEASE, token, &wire::ReleaseBody { lease: token.lease }).await
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        let body = wire::ParkBody { lease: token.lease, event: event.clone(), reason: kept_reason(reason) };
        self.tell(PARK, wire::PARK, token, &body).await
    }

    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        check_parked(limit)?;
        let (mut all, mut after) = (Vec::new(), after);
        loop {
            let parameters = wire::ParkedParameters { after, limit: limit - all.len() };
            let path = format!("{}?{}", wire::of_consumer(wire::PARKED, consumer), parameters.encode());
            let response = self.get(PARKED, path, RequestSize::Ordinary).await?;
            let wire::ParkedBody { events, more } = message(PARKED, &response)?;
            if events.len() > parameters.limit || more && (events.is_empty() || events.len() == parameters.limit) {
                return Err(corrupt(PARKED, "the storage answered another number of events than it was asked for"));
            }
            for parked in &events {
                if after.is_some_and(|after| parked.event.id <= after) {
                    return Err(corrupt(PARKED, "the storage answered events that are not in the order of their ids"));
                }
                after = Some(parked.event.id);
            }
            all.extend(events);
            // The list of one answer is bounded in bytes.
            if !more {
                return Ok(all);
            }
        }
    }

    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.count(UNPARK, wire::UNPARK, consumer, ids).await
    }

    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.count(DISCARD, wire::DISCARD, consumer, ids).await
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        let response = self.get(CONSUMERS, wire::CONSUMERS.to_owned(), RequestSize::Ordinary).await?;
        Ok(message::<wire::ConsumersBody>(CONSUMERS, &response)?.consumers)
    }
}

impl<T: Transport + ?Sized> HttpStorage<T> {
    /// A call of the holder of a lease, which is answered with nothing and may be repeated.
    async fn tell<B: Serialize + Sync>(
        &self,
        operation: &'static str,
        path: &str,
        token: &LeaseToken,
        body: &B,
    ) -> Result<()> {
        let path = wire::of_consumer(path, &token.consumer);
        let response = self.post(operation, &path, encoded(operation, body)?).await?;
        nothing(operation, &response)
    }

    /// A call about parked events, which is answered with their number and may be repeated.
    async fn count(
        &self,
        operation: &'static str,
        path: &str,
        consumer: &ConsumerName,
        ids: &[EventId],
    ) -> Result<u64> {
        check_parked_ids(ids, operation)?;
        let body = encoded(operation, &wire::EventIdsBody { ids: ids.to_vec() })?;
        let response = self.post(operation, &wire::of_consumer(path, consumer), body).await?;
        let wire::CountBody { count } = message(operation, &response)?;
        if count > ids.len() as u64 {
            return Err(corrupt(operation, "the storage answered more events than it was asked for"));
        }
        Ok(count)
    }
}
