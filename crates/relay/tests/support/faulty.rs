//! A storage whose calls fail before or after their effect, by a tape of decisions.

use super::{Arc, Mutex, async_trait};
use character_storage_port::{
    ADVANCE, ConsumerName, ConsumerState, Consumers, DISCARD, DomainEvent, ErrorKind, EventId, FOLLOW, HEAD, HolderId,
    LEASE, LeaseToken, Leased, Log, LogBatch, LogCursor, MemoryStorage, PARK, ParkedEvent, RELEASE, Result,
    StorageError,
};
use std::time::Duration;
use tokio::time::sleep;

/// Decisions that a test chose beforehand. At its end every decision is 255: nothing fails.
#[derive(Clone, Debug)]
pub(crate) struct Tape(Arc<Mutex<std::vec::IntoIter<u8>>>);

impl Tape {
    pub(crate) fn new(decisions: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(decisions.into_iter())))
    }

    pub(crate) fn next(&self) -> u8 {
        self.0.lock().unwrap().next().unwrap_or(u8::MAX)
    }

    /// The number of decisions that were not asked for.
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Fails by its tape.
#[derive(Clone, Debug)]
pub(crate) struct FaultyStorage {
    pub(crate) inner: MemoryStorage,
    pub(crate) tape: Tape,
}

impl FaultyStorage {
    async fn call<T>(&self, operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let error = || Err(StorageError::unavailable(operation));
        let decision = self.tape.next();
        sleep(Duration::from_millis(u64::from(decision % 4))).await;
        match decision {
            0..=19 => error(),
            20..=39 => {
                call.await?;
                sleep(Duration::from_millis(1)).await;
                error()
            }
            40..=44 if operation == FOLLOW => Err(StorageError::new(ErrorKind::Gone, operation)),
            _ => call.await,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Log for FaultyStorage {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        self.call(FOLLOW, self.inner.follow(after, limit.min(7), wait)).await
    }
    async fn head(&self) -> Result<LogCursor> {
        self.call(HEAD, self.inner.head()).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Consumers for FaultyStorage {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        self.call(LEASE, self.inner.lease(consumer, holder, lease)).await
    }
    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.call(ADVANCE, self.inner.advance(token, to)).await
    }
    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.call(RELEASE, self.inner.release(token)).await
    }
    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.call(PARK, self.inner.park(token, event, reason)).await
    }
    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        self.inner.parked(consumer, after, limit).await
    }
    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.inner.unpark(consumer, ids).await
    }
    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.call(DISCARD, self.inner.discard(consumer, ids)).await
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.inner.consumers().await
    }
}
