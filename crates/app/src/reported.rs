//! Every failed operation, told once.

use crate::reporting::Reporting;
use async_trait::async_trait;
use character_storage_port::{
    ADVANCE, COMMIT, CONSUMERS, Commit, Committed, ConsumerName, ConsumerState, Consumers, DISCARD, Deleted,
    DomainEvent, Entity, ErrorKind, EventId, FOLLOW, HEAD, HolderId, LEASE, LeaseToken, Leased, Log, LogBatch,
    LogCursor, PARK, PARKED, Page, PageRequest, ParkedEvent, Probe, RELEASE, Read, Result, SNAPSHOT, Snapshot,
    SnapshotStream, StorageError, Store, Transaction, UNPARK,
};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

/// A port whose failed operations are reported. Outermost, so that a failure is reported once, regardless of retries,
/// and not at all where the cache had an answer.
#[derive(Debug)]
pub struct Reported<S> {
    inner: S,
    reporting: Arc<Reporting>,
}

impl<S> Reported<S> {
    /// Reports what fails in `inner`.
    pub fn new(inner: S, reporting: Arc<Reporting>) -> Self {
        Self { inner, reporting }
    }

    fn tell<T>(&self, operation: &'static str, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| self.reporting.tell(operation, error, 1))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E>> Store<E> for Reported<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.tell(E::FIND, self.inner.find(id, deleted).await)
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.tell(E::LIST, self.inner.list(query, page).await)
    }
    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.tell(E::COUNT, self.inner.count(query).await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit> Commit for Reported<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.tell(COMMIT, self.inner.commit(transaction).await)
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let outcomes = self.inner.commit_each(transactions).await;
        // Those that failed alike failed together: one report tells of them all.
        let mut alike: Vec<(&StorageError, u64)> = Vec::new();
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            match alike.iter_mut().find(|(known, _)| known.kind().code() == error.kind().code()) {
                Some((_, count)) => *count += 1,
                None => alike.push((error, 1)),
            }
        }
        for (error, count) in alike {
            self.reporting.tell(COMMIT, error, count);
        }
        outcomes
    }
}

/// A cursor that leads nowhere is news for its follower and no failure.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Log> Log for Reported<S> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        match self.inner.follow(after, limit, wait).await {
            Err(error) if *error.kind() == ErrorKind::Gone => Err(error),
            result => self.tell(FOLLOW, result),
        }
    }
    async fn head(&self) -> Result<LogCursor> {
        self.tell(HEAD, self.inner.head().await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Consumers> Consumers for Reported<S> {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        self.tell(LEASE, self.inner.lease(consumer, holder, lease).await)
    }
    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.tell(ADVANCE, self.inner.advance(token, to).await)
    }
    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.tell(RELEASE, self.inner.release(token).await)
    }
    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.tell(PARK, self.inner.park(token, event, reason).await)
    }
    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        self.tell(PARKED, self.inner.parked(consumer, after, limit).await)
    }
    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.tell(UNPARK, self.inner.unpark(consumer, ids).await)
    }
    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.tell(DISCARD, self.inner.discard(consumer, ids).await)
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.tell(CONSUMERS, self.inner.consumers().await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot> Snapshot for Reported<S> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        let items = self.tell(SNAPSHOT, self.inner.snapshot().await)?;
        let reporting = Arc::clone(&self.reporting);
        Ok(Box::pin(items.inspect(move |item| {
            if let Err(error) = item {
                reporting.tell(SNAPSHOT, error, 1);
            }
        })))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Probe> Probe for Reported<S> {
    async fn probe(&self) -> Result<()> {
        self.tell("probe", self.inner.probe().await)
    }
}
