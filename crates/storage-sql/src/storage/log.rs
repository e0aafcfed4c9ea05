//! The log and its consumers.

use super::SqlStorage;
use crate::{
    consumers::{Advance, HandleParked, Handling, Lease, LeaseAnswer, ListConsumers, ListParked, Park, Release},
    epoch::Reason,
    feed::Trouble,
};
use async_trait::async_trait;
use character_domain::Violations;
use character_storage_port::{
    ADVANCE, CONSUMERS, ConsumerName, ConsumerState, Consumers, DISCARD, DomainEvent, ErrorKind, EventId, FOLLOW,
    HolderId, LEASE, LeaseToken, Leased, Log, LogBatch, LogCursor, PARK, PARKED, ParkedEvent, RELEASE, Result,
    StorageError, UNPARK, check_follow, check_parked, check_parked_ids,
};
use std::time::Duration;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Log for SqlStorage {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        check_follow(limit)?;
        match self.feed.follow(after, limit, wait).await {
            Ok(batch) => Ok(batch),
            Err(Trouble::Failed(error)) => Err(error),
            Err(Trouble::Outlived(epoch, reason)) => {
                self.renew(epoch, reason).await?;
                Err(StorageError::new(ErrorKind::Gone, FOLLOW))
            }
        }
    }

    async fn head(&self) -> Result<LogCursor> {
        loop {
            match self.feed.head().await {
                Ok(cursor) => return Ok(cursor),
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Outlived(epoch, reason)) => self.renew(epoch, reason).await?,
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Consumers for SqlStorage {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        loop {
            match self.write(LEASE, Lease { consumer: consumer.clone(), holder, lease }).await? {
                LeaseAnswer::Leased(leased) => return Ok(Some(leased)),
                LeaseAnswer::Held => return Ok(None),
                LeaseAnswer::Restored(epoch) => self.renew(epoch, Reason::Restored).await?,
            }
        }
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        if to.is_unverified() {
            let violations = Violations::one("to", "must be a cursor that the storage returned");
            return Err(StorageError::invalid(violations, ADVANCE));
        }
        self.write(ADVANCE, Advance { token: token.clone(), to: to.clone() }).await
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.write(RELEASE, Release(token.clone())).await
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.write(PARK, Park { token: token.clone(), event: event.clone(), reason: reason.to_owned() }).await
    }

    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        check_parked(limit)?;
        self.read(PARKED, ListParked { consumer: consumer.clone(), after, limit }).await
    }

    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        check_parked_ids(ids, UNPARK)?;
        let work = HandleParked { consumer: consumer.clone(), ids: ids.to_vec(), handling: Handling::Replay };
        self.write(UNPARK, work).await
    }

    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        check_parked_ids(ids, DISCARD)?;
        let work = HandleParked { consumer: consumer.clone(), ids: ids.to_vec(), handling: Handling::Discard };
        self.write(DISCARD, work).await
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.read(CONSUMERS, ListConsumers).await
    }
}
