//! The cache decorator.

use crate::{
    CacheMetrics, CacheOptions, Follower, Heard, InvalidCacheOptions, Key, SharedTier, apply::Written,
    change_table::ChangeTable, key::Subject, local::Local, tiers::Tiers,
};
use async_trait::async_trait;
use character_storage_port::{
    COMMIT, Commit, Committed, Consumers, Deleted, Entity, EntityKind, Log, LogBatch, LogCursor, Page, PageRequest,
    Probe, Query, Read, Result, Scope, Snapshot, StorageError, StoragePort, Store, Transaction, caller_deadline,
    check_list, delegate_port, within_deadline,
};
use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// A storage with a cache in front of it. Reads are served from a tier with a current value, or with the last known
/// value, marked [`Source::Stale`](character_storage_port::Source::Stale), while the storage is unreachable; writes,
/// the log and probes always go to the storage.
///
/// It caches while its [`Follower`] runs and reads the log. Requires a Tokio runtime: loads and commits run in separate
/// tasks, so that a cancelled caller neither cancels a load for others nor prevents a commit from being applied here.
pub struct Cached<S: ?Sized = dyn StoragePort> {
    pub(crate) inner: Arc<S>,
    pub(crate) tiers: Arc<Tiers>,
}

impl<S: ?Sized> Clone for Cached<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), tiers: Arc::clone(&self.tiers) }
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("inner", &self.inner).field("tiers", &self.tiers).finish()
    }
}

impl<S: ?Sized> Cached<S> {
    /// Puts a cache in front of `inner`. The follower reads `log`, the log of the same storage.
    /// [Start](Follower::start) it; until it has read the log, every read goes to the storage.
    ///
    /// # Errors
    /// As [`CacheOptions::check`].
    pub fn new(
        inner: Arc<S>,
        log: Arc<dyn Log>,
        options: CacheOptions,
        shared: Option<Arc<dyn SharedTier>>,
        metrics: CacheMetrics,
    ) -> Result<(Self, Follower), InvalidCacheOptions> {
        options.check()?;
        Ok(Self::with_valid(inner, log, options, shared, metrics))
    }

    /// Ends the follower, so that a log that is closed next is no failure. Call it at a shutdown: what is cached counts as
    /// current for a moment only.
    pub fn stop_following(&self) {
        self.tiers.is_ending.store(true, Ordering::Relaxed);
    }

    fn with_valid(
        inner: Arc<S>,
        log: Arc<dyn Log>,
        options: CacheOptions,
        shared: Option<Arc<dyn SharedTier>>,
        metrics: CacheMetrics,
    ) -> (Self, Follower) {
        metrics.begin(shared.is_some());
        let table = Arc::new(ChangeTable::new(options.slots, options.trust));
        let local = Local::new(&options, Arc::clone(&table), metrics.clone());
        let tiers = Arc::new(Tiers { local, table, shared, options, metrics, is_ending: AtomicBool::new(false) });
        let follower = Follower::new(log, &tiers);
        (Self { inner, tiers }, follower)
    }

    /// Puts a cache of this process alone in front of `inner`, with default options. The follower reads the log of `inner`
    /// and is to be [started](Follower::start).
    pub fn over(inner: Arc<S>) -> (Self, Follower)
    where
        S: Log + Sized + 'static,
    {
        let log: Arc<dyn Log> = Arc::clone(&inner) as _;
        Self::with_valid(inner, log, CacheOptions::default(), None, CacheMetrics::default())
    }

    /// The state of the log in this process.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.tiers.table.heard()
    }

    /// Waits until cached values count as current, for at most `patience`; returns whether they do.
    pub async fn ready(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !self.heard().trusted {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }

    /// Drops one row from this process and from the shared tier, for operators. Other processes keep their values.
    pub async fn drop_key(&self, kind: EntityKind, id: Uuid) {
        self.tiers.disprove((kind, id), Vec::new()).await;
    }

    /// Drops every list of one scope from this process, whatever the kind of its rows, for operators.
    pub fn drop_lists(&self, scope: Scope) {
        let lists = EntityKind::ALL.iter().copied().map(|kind| Subject::Lists(kind, scope));
        self.tiers.table.disprove(lists);
        self.tiers.metrics.disproved();
    }

    /// Drops everything from this process and from the shared tier, for operators. Drops the last known values too.
    pub async fn clear(&self) {
        self.tiers.table.drop_everything();
        self.tiers.local.forget_all();
        self.tiers.metrics.disproved();
        if let Some(shared) = &self.tiers.shared {
            shared.clear().await;
        }
    }

    /// How many values the tier in this process holds, and how many bytes they are as JSON.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        self.tiers.local.size()
    }

    /// Updates the gauges; call it before the metrics are read.
    pub fn report_state(&self) {
        self.tiers.local.report_size();
        self.tiers.metrics.heard(&self.heard());
    }
}

impl Cached {
    /// The cache as the port. The code of every operation is generated in this crate, once for all its users.
    #[must_use]
    pub fn into_port(self) -> Arc<dyn StoragePort> {
        Arc::new(self)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized + 'static> Store<E> for Cached<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let key = Key::row(E::KIND, id.into());
        let subject = Subject::Row(E::KIND, id.into());
        let inner = Arc::clone(&self.inner);
        // The whole row, deleted or not, is what a key stands for; who asked for what is decided on the way out.
        let origin = move || async move { inner.find(id, Deleted::Include).await };
        let is_ours = move |found: &Option<E>| found.as_ref().is_some_and(|row| row.id() == id);
        let read = self.tiers.read(&key, subject, E::FIND, is_ours, origin).await;
        let read: Read<Arc<Option<E>>> = match read {
            Ok(read) => read,
            Err(error) => self.tiers.last_known(&key, &error).ok_or(error)?,
        };
        let wanted = |row: &&E| deleted == Deleted::Include || !row.meta().is_deleted();
        Ok(read.map(|row| Option::as_ref(&row).filter(wanted).cloned()))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        // A filter is part of the key of the page, so none that is too large gets there.
        check_list::<E>(query, &page)?;
        let Ok(key) = Key::page(E::KIND, query, &page) else {
            return self.inner.list(query, page).await;
        };
        let subject = Subject::Lists(E::KIND, query.scope());
        let (wanted, limit) = (query.clone(), usize::try_from(page.limit.get()).unwrap_or(usize::MAX));
        let is_ours =
            move |page: &Page<E>| page.items.len() <= limit && page.items.iter().all(|row| wanted.matches(row));
        let (inner, filter) = (Arc::clone(&self.inner), query.clone());
        let origin = move || async move { inner.list(&filter, page).await };
        let read = self.tiers.read(&key, subject, E::LIST, is_ours, origin).await;
        let read: Read<Arc<Page<E>>> = match read {
            Ok(read) => read,
            Err(error) => self.tiers.last_known(&key, &error).ok_or(error)?,
        };
        Ok(read.map(|page| Page::clone(&page)))
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.inner.count(query).await
    }
}

/// Runs a write to its end, also when its caller is cancelled.
async fn to_its_end<T: Send + 'static>(write: impl Future<Output = T> + Send + 'static) -> Result<T> {
    // A task that dies has told nothing: the outcome is unknown.
    let write = within_deadline(caller_deadline(), write);
    tokio::spawn(write.in_current_span()).await.map_err(|_| StorageError::unavailable(COMMIT))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit + ?Sized + 'static> Commit for Cached<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let (inner, tiers) = (Arc::clone(&self.inner), Arc::clone(&self.tiers));
        to_its_end(async move {
            let written = Written::of(&transaction, tiers.table.generation());
            let outcome = inner.commit(transaction).await;
            tiers.apply(written, &outcome).await;
            outcome
        })
        .await?
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let (inner, tiers, count) = (Arc::clone(&self.inner), Arc::clone(&self.tiers), transactions.len());
        let outcomes = to_its_end(async move {
            let since = tiers.table.generation();
            let written: Vec<_> = transactions.iter().map(|transaction| Written::of(transaction, since)).collect();
            let outcomes = inner.commit_each(transactions).await;
            for (written, outcome) in written.into_iter().zip(&outcomes) {
                tiers.apply(written, outcome).await;
            }
            outcomes
        });
        outcomes.await.unwrap_or_else(|error| vec![Err(error); count])
    }
}

/// The cache receives a batch of the log before its caller does, so a later read is at least as new.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Log + ?Sized + 'static> Log for Cached<S> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let batch = self.inner.follow(after, limit, wait).await?;
        self.tiers.table.overhear(batch.commits.iter().map(AsRef::as_ref));
        Ok(batch)
    }
    async fn head(&self) -> Result<LogCursor> {
        self.inner.head().await
    }
}

delegate_port!(Consumers for [S: Consumers + ?Sized + 'static] Cached<S>, it => *it.inner);
delegate_port!(Snapshot for [S: Snapshot + ?Sized + 'static] Cached<S>, it => *it.inner);
delegate_port!(Probe for [S: Probe + ?Sized + 'static] Cached<S>, it => *it.inner);
