//! A wrapper that fails by a script.

use async_trait::async_trait;
use character_storage_port::{
    ADVANCE, Applied, COMMIT, CONSUMERS, Commit, Committed, ConsumerName, ConsumerState, Consumers, DISCARD, Deleted,
    DomainEvent, Entity, ErrorKind, EventId, FOLLOW, HEAD, HolderId, LEASE, LeaseToken, Leased, Log, LogBatch,
    LogCursor, PARK, PARKED, Page, PageRequest, ParkedEvent, Probe, RELEASE, Read, Result, SNAPSHOT, Snapshot,
    SnapshotStream, StorageError, StoragePort, Store, Transaction, UNPARK,
};
use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The operations of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::find`].
    Find,
    /// [`Store::list`].
    List,
    /// [`Store::count`].
    Count,
    /// [`Commit::commit`].
    Commit,
    /// [`Commit::commit_each`].
    CommitEach,
    /// [`Log::follow`].
    Follow,
    /// [`Log::head`].
    Head,
    /// [`Consumers::lease`].
    Lease,
    /// [`Consumers::advance`].
    Advance,
    /// [`Consumers::release`].
    Release,
    /// [`Consumers::park`].
    Park,
    /// [`Consumers::parked`].
    Parked,
    /// [`Consumers::unpark`].
    Unpark,
    /// [`Consumers::discard`].
    Discard,
    /// [`Consumers::consumers`].
    Consumers,
    /// [`Snapshot::snapshot`]: its beginning.
    Snapshot,
    /// [`Probe::probe`].
    Probe,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::List => "list",
            Self::Count => "count",
            Self::Commit | Self::CommitEach => COMMIT,
            Self::Follow => FOLLOW,
            Self::Head => HEAD,
            Self::Lease => LEASE,
            Self::Advance => ADVANCE,
            Self::Release => RELEASE,
            Self::Park => PARK,
            Self::Parked => PARKED,
            Self::Unpark => UNPARK,
            Self::Discard => DISCARD,
            Self::Consumers => CONSUMERS,
            Self::Snapshot => SNAPSHOT,
            Self::Probe => "probe",
        }
    }
}

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call goes through.
    Pass,
    /// The storage is not reached. The error says of the outcome what is usual for its kind
    /// ([`StorageError::new`]), as a caller cannot always know better.
    FailBefore(ErrorKind),
    /// The storage does its work and the answer is lost. The error says that the outcome is unknown.
    LoseAnswer(ErrorKind),
    /// The call takes this much longer.
    Delay(Duration),
    /// The storage is not reached and the call never ends.
    Hang,
}

/// Passes every call on to another storage, but for the faults that a test has scripted, and counts the calls.
///
/// A clone shares script and counters: keep one, and give the other away as `Arc<dyn StoragePort>`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use character_storage_port::{Commit, ErrorKind, MemoryStorage, Transaction};
/// use character_storage_testkit::{Fault, Operation, ScriptedFaults};
/// use std::sync::Arc;
///
/// let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
/// storage.next(Fault::LoseAnswer(ErrorKind::Timeout));
/// let error = storage.commit(Transaction::new()).await.unwrap_err();
/// assert!(!error.certainly_not_applied());
/// assert!(storage.commit(Transaction::new()).await.is_ok());
/// assert_eq!(storage.calls(Operation::Commit), 2);
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptedFaults<S: ?Sized = dyn StoragePort> {
    state: Arc<Mutex<State>>,
    inner: Arc<S>,
}

impl<S: ?Sized> Clone for ScriptedFaults<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), state: Arc::clone(&self.state) }
    }
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<(Option<Operation>, Fault)>,
    outage: Option<Fault>,
    calls: HashMap<Operation, usize>,
}

impl<S: ?Sized> ScriptedFaults<S> {
    /// Over `inner`, with an empty script.
    #[must_use]
    pub fn new(inner: Arc<S>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Adds a fault for the next call of any operation that no earlier entry of the script is used up by.
    pub fn next(&self, fault: Fault) {
        self.state().script.push_back((None, fault));
    }

    /// Adds a fault for the next call of this operation; other operations pass it by.
    pub fn next_of(&self, operation: Operation, fault: Fault) {
        self.state().script.push_back((Some(operation), fault));
    }

    /// From now on every call that the script has nothing for has this fault, until [`heal`](Self::heal).
    pub fn break_down(&self, fault: Fault) {
        self.state().outage = Some(fault);
    }

    /// From now on calls go through; the rest of the script is forgotten.
    pub fn heal(&self) {
        let mut state = self.state();
        state.outage = None;
        state.script.clear();
    }

    /// How many calls of this operation were made so far, failed ones included.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.state().calls.get(&operation).copied().unwrap_or_default()
    }

    /// How many entries of the script are left.
    #[must_use]
    pub fn scripted(&self) -> usize {
        self.state().script.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and takes the fault that is meant for it.
    fn take_fault(&self, operation: Operation) -> Fault {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        let meant = |(of, _): &(Option<Operation>, Fault)| of.is_none_or(|of| of == operation);
        let scripted = state.script.iter().position(meant).and_then(|place| state.script.remove(place));
        scripted.map(|(_, fault)| fault).or_else(|| state.outage.clone()).unwrap_or(Fault::Pass)
    }

    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.call_named(operation, operation.name(), call).await
    }

    async fn call_named<T>(
        &self,
        operation: Operation,
        name: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.take_fault(operation) {
            Fault::Pass => call.await,
            Fault::FailBefore(kind) => Err(StorageError::new(kind, name)),
            Fault::LoseAnswer(kind) => {
                let _lost = call.await;
                Err(StorageError::new(kind, name).with_applied(Applied::Unknown))
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                call.await
            }
            Fault::Hang => pending().await,
        }
    }
}

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
        let count = transactions.len();
        let outcomes = self.call(Operation::CommitEach, async { Ok(self.inner.commit_each(transactions).await) }).await;
        outcomes.unwrap_or_else(|error| vec![Err(error); count])
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Log + ?Sized> Log for ScriptedFaults<S> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        self.call(Operation::Follow, self.inner.follow(after, limit, wait)).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{character, creation};
    use character_domain::Character;
    use character_storage_port::MemoryStorage;

    fn storage() -> ScriptedFaults {
        ScriptedFaults::new(Arc::new(MemoryStorage::new()))
    }

    const DOWN: ErrorKind = ErrorKind::Unavailable { retry_after: None };

    #[tokio::test]
    async fn a_call_that_fails_before_is_not_applied_and_one_whose_answer_is_lost_is() {
        let (storage, rows) = (storage(), [character(), character()]);
        storage.next(Fault::FailBefore(DOWN));
        storage.next(Fault::LoseAnswer(ErrorKind::RateLimited { retry_after: None }));
        assert_eq!(storage.commit(creation(&rows[..1])).await.unwrap_err().kind(), &DOWN);
        assert!(!storage.commit(creation(&rows[1..])).await.unwrap_err().certainly_not_applied());
        assert_eq!(Store::<Character>::find(&storage, rows[0].id, Deleted::Exclude).await.unwrap().value, None);
        assert_eq!(
            Store::<Character>::find(&storage, rows[1].id, Deleted::Exclude).await.unwrap().value,
            Some(rows[1].clone())
        );
    }

    #[tokio::test]
    async fn a_fault_of_one_operation_waits_for_it() {
        let storage = storage();
        storage.next_of(Operation::Probe, Fault::FailBefore(DOWN));
        Store::<Character>::find(&storage, character().id, Deleted::Exclude).await.unwrap();
        assert_eq!(storage.scripted(), 1);
        storage.probe().await.unwrap_err();
        storage.probe().await.unwrap();
        assert_eq!((storage.calls(Operation::Find), storage.calls(Operation::Probe), storage.scripted()), (1, 2, 0));
    }

    /// The operation that the error of a scripted fault names.
    async fn named<T>(
        storage: &ScriptedFaults,
        operation: Operation,
        call: impl Future<Output = Result<T>>,
    ) -> &'static str {
        let calls = storage.calls(operation);
        storage.next_of(operation, Fault::FailBefore(DOWN));
        let error = call.await.err().unwrap();
        assert_eq!((storage.calls(operation), storage.scripted()), (calls + 1, 0));
        error.operation()
    }

    #[tokio::test]
    async fn log_and_consumers_have_faults_of_their_own_under_their_operation_names() {
        let (storage, holder, name) = (storage(), HolderId::new(), crate::sample::consumer());
        let event = crate::sample::event(character().id, 1);
        let leased = storage.lease(&name, holder, Duration::from_secs(60)).await.unwrap().unwrap();
        let (token, cursor) = (leased.token, leased.cursor);
        assert_eq!(named(&storage, Operation::Follow, storage.follow(&cursor, 1, Duration::ZERO)).await, FOLLOW);
        assert_eq!(named(&storage, Operation::Head, storage.head()).await, HEAD);
        assert_eq!(named(&storage, Operation::Lease, storage.lease(&name, holder, Duration::ZERO)).await, LEASE);
        assert_eq!(named(&storage, Operation::Advance, storage.advance(&token, &cursor)).await, ADVANCE);
        assert_eq!(named(&storage, Operation::Release, storage.release(&token)).await, RELEASE);
        assert_eq!(named(&storage, Operation::Park, storage.park(&token, &event, "refused")).await, PARK);
        assert_eq!(named(&storage, Operation::Parked, storage.parked(&name, None, 1)).await, PARKED);
        assert_eq!(named(&storage, Operation::Unpark, storage.unpark(&name, &[event.id])).await, UNPARK);
        assert_eq!(named(&storage, Operation::Discard, storage.discard(&name, &[event.id])).await, DISCARD);
        assert_eq!(named(&storage, Operation::Consumers, storage.consumers()).await, CONSUMERS);
        storage.next_of(Operation::Park, Fault::LoseAnswer(ErrorKind::Timeout));
        assert!(!storage.park(&token, &event, "refused").await.unwrap_err().certainly_not_applied());
        assert_eq!(storage.parked(&name, None, 1).await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_breakdown_lasts_until_it_is_healed() {
        let storage = storage();
        storage.break_down(Fault::Hang);
        tokio::time::timeout(Duration::from_secs(3600), storage.probe()).await.unwrap_err();
        storage.break_down(Fault::FailBefore(DOWN));
        let outcomes = storage.commit_each(vec![Transaction::new(), Transaction::new()]).await;
        assert!(outcomes.len() == 2 && outcomes.iter().all(Result::is_err));
        storage.next(Fault::Delay(Duration::from_secs(5)));
        let start = tokio::time::Instant::now();
        storage.probe().await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        storage.heal();
        storage.probe().await.unwrap();
    }
}
