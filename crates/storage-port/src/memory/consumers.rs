//! The consumers of the reference adapter.

use super::MemoryStorage;
use crate::{
    ADVANCE, ConsumerName, ConsumerState, Consumers, DISCARD, DomainEvent, ErrorKind, EventId, HolderId, LeaseToken,
    Leased, LogCursor, MAX_LEASE, MAX_PARKED, PARK, ParkedEvent, RELEASE, Result, StorageError, UNPARK, check_parked,
    check_parked_ids, kept_reason,
};
use async_trait::async_trait;
use character_domain::now;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

pub(super) type MemoryConsumers = BTreeMap<ConsumerName, Consumer>;

#[derive(Debug, Default)]
pub(super) struct Consumer {
    /// How many commits it has passed.
    passed: usize,
    lease: Option<Lease>,
    parked: BTreeMap<EventId, ParkedEvent>,
}

#[derive(Debug)]
struct Lease {
    token: Uuid,
    holder: HolderId,
    until: Instant,
}

/// The consumer, if the token is its current one.
fn held<'a>(
    consumers: &'a mut MemoryConsumers,
    token: &LeaseToken,
    operation: &'static str,
) -> Result<&'a mut Consumer> {
    let is_current = |consumer: &&mut Consumer| consumer.lease.as_ref().is_some_and(|lease| lease.token == token.lease);
    let consumer = consumers.get_mut(&token.consumer).filter(is_current);
    consumer.ok_or_else(|| StorageError::new(ErrorKind::LeaseLost, operation))
}

#[async_trait]
impl Consumers for MemoryStorage {
    async fn lease(&self, name: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        let mut state = self.state();
        let consumer = state.consumers.entry(name.clone()).or_default();
        let now = Instant::now();
        let until = now + lease.min(MAX_LEASE);
        let token = match &mut consumer.lease {
            Some(current) if current.holder == holder => {
                current.until = until;
                current.token
            }
            Some(current) if current.until > now => return Ok(None),
            _ => {
                let token = Uuid::now_v7();
                consumer.lease = Some(Lease { token, holder, until });
                token
            }
        };
        let replays = consumer.parked.values().filter(|parked| parked.replay).take(MAX_PARKED).cloned().collect();
        let passed = consumer.passed;
        let token = LeaseToken { consumer: name.clone(), lease: token };
        Ok(Some(Leased { token, cursor: state.log.cursor(passed), replays }))
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        let mut state = self.state();
        let passed = state.log.told(to, ADVANCE)?;
        held(&mut state.consumers, token, ADVANCE)?.passed = passed;
        Ok(())
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        if let Ok(consumer) = held(&mut self.state().consumers, token, RELEASE) {
            consumer.lease = None;
        }
        Ok(())
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        let mut state = self.state();
        let parked = &mut held(&mut state.consumers, token, PARK)?.parked;
        let (event, reason) = (event.clone(), kept_reason(reason));
        parked.insert(event.id, ParkedEvent { event, reason, parked_at: now(), replay: false });
        Ok(())
    }

    async fn parked(&self, name: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        check_parked(limit)?;
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let parked =
            state.consumers.get(name).into_iter().flat_map(|consumer| consumer.parked.range((from, Bound::Unbounded)));
        Ok(parked.take(limit).map(|(_, parked)| parked.clone()).collect())
    }

    async fn unpark(&self, name: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        check_parked_ids(ids, UNPARK)?;
        let mut state = self.state();
        let Some(consumer) = state.consumers.get_mut(name) else { return Ok(0) };
        let ids: BTreeSet<_> = ids.iter().collect();
        let mut marked = 0;
        for id in ids {
            if let Some(parked) = consumer.parked.get_mut(id) {
                parked.replay = true;
                marked += 1;
            }
        }
        Ok(marked)
    }

    async fn discard(&self, name: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        check_parked_ids(ids, DISCARD)?;
        let mut state = self.state();
        let Some(consumer) = state.consumers.get_mut(name) else { return Ok(0) };
        Ok(ids.iter().filter(|id| consumer.parked.remove(id).is_some()).count() as u64)
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        let (state, now) = (self.state(), Instant::now());
        let described = |(name, consumer): (&ConsumerName, &Consumer)| ConsumerState {
            name: name.clone(),
            holder: consumer.lease.as_ref().filter(|lease| lease.until > now).map(|lease| lease.holder),
            behind_since: state.log.next(consumer.passed).map(|commit| commit.committed_at),
            parked: consumer.parked.len() as u64,
        };
        Ok(state.consumers.iter().map(described).collect())
    }
}
