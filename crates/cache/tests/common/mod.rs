//! A storage whose failures and delays the test decides, and processes that have a cache over it.

pub(crate) mod epochs;
pub(crate) mod gates;
pub(crate) mod hunt;
pub(crate) mod interleavings;
pub(crate) mod log;
pub(crate) mod mutants;
pub(crate) mod naive;

use async_trait::async_trait;
use character_cache::{CacheMetrics, CacheOptions, Cached, SharedTier};
use character_domain::{CampaignId, Character, UserId, now};
use character_storage_port::{
    COMMIT, CharacterQuery, Commit, Committed, Deleted, Entity, Epoch, FOLLOW, HEAD, Log, LogBatch, LogCursor,
    MemoryStorage, Page, PageRequest, Probe, Read, Result, SNAPSHOT, Snapshot, SnapshotStream, StorageError,
    StoragePort, Store, Transaction, delegate_port,
};
use epochs::Epochs;
use log::ScriptedLog;
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

#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) inner: MemoryStorage,
    pub(crate) epochs: Epochs,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) reads: Arc<AtomicUsize>,
    pub(crate) commits: Arc<Mutex<Commits>>,
    /// How long the answer of a read is on its way, after the storage gave it.
    pub(crate) answer_after: Arc<Mutex<Option<Duration>>>,
    /// Whether tasks are made to interleave at each step.
    pub(crate) yields: bool,
}

impl Default for Scripted {
    fn default() -> Self {
        let inner = MemoryStorage::new();
        let epochs = Epochs::of(&inner);
        let (down, reads, commits, answer_after) = Default::default();
        Self { inner, epochs, down, reads, commits, answer_after, yields: false }
    }
}

impl Scripted {
    /// Begins an epoch of the log.
    pub(crate) async fn begin(&self, epoch: Epoch) {
        self.epochs.begin(epoch).await;
    }
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
        self.reached(operation)
    }

    fn reached(&self, operation: &'static str) -> Result<()> {
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
        let era = self.epochs.era();
        let committed = self.inner.commit(transaction).await.map(|committed| era.committed(committed));
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
impl Log for Scripted {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        self.reached(FOLLOW)?;
        let batch = self.epochs.follow(after, limit, wait).await;
        self.reached(FOLLOW)?;
        batch
    }
    async fn head(&self) -> Result<LogCursor> {
        self.reached(HEAD)?;
        self.epochs.head().await
    }
}

delegate_port!(Consumers for [] Scripted, it => it.inner);

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

/// A process that hears the log of the storage.
pub(crate) async fn process(storage: &Scripted, options: CacheOptions, shared: Option<Arc<dyn SharedTier>>) -> Cached {
    let (cache, _) = process_that_hears(storage, options, shared).await;
    cache
}

/// The same, and how well it hears.
pub(crate) async fn process_that_hears(
    storage: &Scripted,
    options: CacheOptions,
    shared: Option<Arc<dyn SharedTier>>,
) -> (Cached, ScriptedLog) {
    let log = ScriptedLog::over(storage.clone());
    let cache = unheard_process(storage, &log, options, shared);
    assert!(cache.ready(Duration::from_secs(5)).await, "the log is heard");
    (cache, log)
}

/// A process that may not have heard anything yet.
pub(crate) fn unheard_process(
    storage: &Scripted,
    log: &ScriptedLog,
    options: CacheOptions,
    shared: Option<Arc<dyn SharedTier>>,
) -> Cached {
    let inner: Arc<dyn StoragePort> = Arc::new(storage.clone());
    let (cache, follower) = Cached::new(inner, Arc::new(log.clone()), options, shared, CacheMetrics::default());
    tokio::spawn(follower.run());
    cache
}

/// Until every process has heard what there is. In paused time the clock stands still while anybody has work.
pub(crate) async fn news() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) async fn name(storage: &impl Store<Character>, row: &Character) -> Option<String> {
    storage.find(row.id, Deleted::Exclude).await.expect("a find is answered").value.map(|row| row.name)
}

pub(crate) async fn names(storage: &impl Store<Character>, query: &CharacterQuery) -> Vec<String> {
    let page = storage.list(query, PageRequest::default()).await.expect("a list is answered").value;
    page.items.into_iter().map(|row| row.name).collect()
}

pub(crate) fn of_user(row: &Character) -> CharacterQuery {
    CharacterQuery { user_id: Some(row.user_id), ..CharacterQuery::live() }
}

pub(crate) fn of_campaign(id: CampaignId) -> CharacterQuery {
    CharacterQuery { campaign_id: Some(id), ..CharacterQuery::live() }
}

pub(crate) fn renamed(row: &Character, name: &str) -> Character {
    Character { name: name.into(), ..row.clone() }
}

/// Lets time go by, at least two seconds of it, at whose end the log has been heard.
pub(crate) async fn pass(time: Duration) {
    let end = Duration::from_secs(2);
    tokio::time::advance(time.saturating_sub(end)).await;
    tokio::time::sleep(end).await;
}
