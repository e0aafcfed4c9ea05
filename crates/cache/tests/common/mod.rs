//! A storage whose failures and delays the test decides.

use async_trait::async_trait;
use character_domain::{Character, UserId, now};
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, Entity, EventId, MemoryStorage, Outbox, OutboxEvent, Page, PageRequest, Probe,
    Read, Result, SNAPSHOT, Snapshot, SnapshotStream, StorageError, Store, Transaction,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What happens to commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Commits {
    #[default]
    Work,
    /// Not applied, and the outcome is unknown to the caller.
    Lost,
    /// Applied, and the outcome is unknown to the caller.
    AnswerLost,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Scripted {
    pub(crate) inner: MemoryStorage,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) reads: Arc<AtomicUsize>,
    pub(crate) commits: Arc<Mutex<Commits>>,
    /// How long the answer of a read is on its way, after the storage gave it.
    pub(crate) answer_after: Arc<Mutex<Option<Duration>>>,
    /// Whether tasks are made to interleave at each step.
    pub(crate) yields: bool,
}

impl Scripted {
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
    pub(crate) fn go_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
    pub(crate) fn commits(&self, commits: Commits) {
        *self.commits.lock().expect("no panic holds it") = commits;
    }
    pub(crate) fn answer_after(&self, delay: Duration) {
        *self.answer_after.lock().expect("no panic holds it") = Some(delay);
    }

    async fn on_its_way(&self) {
        if self.yields {
            for _ in 0..rand::random_range(0..4) {
                tokio::task::yield_now().await;
            }
        }
        let delay = *self.answer_after.lock().expect("no panic holds it");
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
    }

    fn asked(&self, operation: &'static str) -> Result<()> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(StorageError::unavailable(operation)) } else { Ok(()) }
    }
}

#[async_trait]
impl<E: Entity> Store<E> for Scripted {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.asked(E::FIND)?;
        self.on_its_way().await;
        let answer = self.inner.find(id, deleted).await;
        self.on_its_way().await;
        answer
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.asked(E::LIST)?;
        self.on_its_way().await;
        let answer = Store::<E>::list(&self.inner, query, page).await;
        self.on_its_way().await;
        answer
    }
}

#[async_trait]
impl Commit for Scripted {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let commits = *self.commits.lock().expect("no panic holds it");
        if commits == Commits::Lost || self.down.load(Ordering::SeqCst) {
            return Err(StorageError::unavailable(COMMIT));
        }
        self.on_its_way().await;
        let committed = self.inner.commit(transaction).await;
        self.on_its_way().await;
        if commits == Commits::AnswerLost { Err(StorageError::unavailable(COMMIT)) } else { committed }
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut outcomes = Vec::new();
        for transaction in transactions {
            outcomes.push(self.commit(transaction).await);
        }
        outcomes
    }
}

#[async_trait]
impl Outbox for Scripted {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        self.inner.claim(limit, lease).await
    }
    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        self.inner.acknowledge(ids).await
    }
}

#[async_trait]
impl Snapshot for Scripted {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.asked(SNAPSHOT)?;
        self.inner.snapshot().await
    }
}

#[async_trait]
impl Probe for Scripted {
    async fn probe(&self) -> Result<()> {
        self.asked("probe")
    }
}

pub(crate) fn torormir() -> Character {
    Character::new(UserId::new(), "Torormir", now())
}
