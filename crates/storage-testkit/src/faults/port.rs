//! The port, whose calls go as the script says.

use super::{Batches, Operation, ScriptedFaults};
use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, ConsumerName, ConsumerState, Consumers, Deleted, DomainEvent, Entity, EventId, HolderId,
    LeaseToken, Leased, Log, LogBatch, LogCursor, Page, PageRequest, ParkedEvent, Probe, Read, Result, Snapshot,
    SnapshotStream, Store, Transaction,
};
use std::time::Duration;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized> Store<E> for ScriptedFaults<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.call_named(Operation::Find, E::FIND, self.inner.find(id, deleted)).await
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.call_named(Operation::List, E::LIST, self.inner.list(query, page)).await
    }
    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.call_named(Operation::Count, E::COUNT, self.inner.count(query)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit + ?Sized> Commit for ScriptedFaults<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.call(Operation::Commit, self.inner.commit(transaction)).await
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if self.batches == Batches::OneByOne {
            let mut outcomes = Vec::new();
            for transaction in transactions {
                outcomes.push(self.commit(transaction).await);
            }
            return outcomes;
        }
        let count = transactions.len();
        let outcomes = self.call(Operation::CommitEach, async { Ok(self.inner.commit_each(transactions).await) }).await;
        outcomes.unwrap_or_else(|error| vec![Err(error); count])
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Log + ?Sized> Log for ScriptedFaults<S> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        self.call(Operation::Follow, self.inner.follow(after, limit.min(self.follow_limit), wait.min(self.follow_wait)))
            .await
    }
    async fn head(&self) -> Result<LogCursor> {
        self.call(Operation::Head, self.inner.head()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Consumers + ?Sized> Consumers for ScriptedFaults<S> {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        self.call(Operation::Lease, self.inner.lease(consumer, holder, lease)).await
    }
    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.call(Operation::Advance, self.inner.advance(token, to)).await
    }
    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.call(Operation::Release, self.inner.release(token)).await
    }
    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.call(Operation::Park, self.inner.park(token, event, reason)).await
    }
    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        self.call(Operation::Parked, self.inner.parked(consumer, after, limit)).await
    }
    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.call(Operation::Unpark, self.inner.unpark(consumer, ids)).await
    }
    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.call(Operation::Discard, self.inner.discard(consumer, ids)).await
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.call(Operation::Consumers, self.inner.consumers()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot + ?Sized> Snapshot for ScriptedFaults<S> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.call(Operation::Snapshot, self.inner.snapshot()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Probe + ?Sized> Probe for ScriptedFaults<S> {
    async fn probe(&self) -> Result<()> {
        self.call(Operation::Probe, self.inner.probe()).await
    }
}
