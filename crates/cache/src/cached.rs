use crate::{CacheMetrics, CacheOptions, Key, SharedTier, local::Local, tiers::Tiers};
use async_trait::async_trait;
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, Entity, EntityKind, EventId, Outbox, OutboxEvent, Page, PageRequest, Probe,
    Query, Read, Result, Scope, Snapshot, SnapshotStream, StorageError, StoragePort, Store, Transaction, check_list,
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use tracing::Instrument;
use uuid::Uuid;

/// A storage with a cache in front of it. Reads are answered from a tier where one holds a current value, and by
/// the last known value, marked [`Source::Stale`](character_storage_port::Source::Stale), while the storage is out
/// of reach; writes, events and probes always go to the storage.
///
/// Needs a Tokio runtime: loads and commits run in tasks of their own, so that a caller who goes away neither
/// takes a load from others nor keeps a write from invalidating.
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
    /// Puts a cache in front of `inner`. Without a shared tier, what other processes write is seen after
    /// [`CacheOptions::fresh`] at the latest.
    #[must_use]
    pub fn new(
        inner: Arc<S>,
        options: CacheOptions,
        shared: Option<Arc<dyn SharedTier>>,
        metrics: CacheMetrics,
    ) -> Self {
        metrics.begin(shared.is_some());
        let local = Local::new(&options, shared.is_none(), metrics.clone());
        if let Some(shared) = &shared {
            shared.attach(Arc::clone(&local) as _);
        }
        Self { inner, tiers: Arc::new(Tiers { local, shared, options, metrics }) }
    }

    /// Drops one row from every tier, for operators.
    pub async fn drop_key(&self, kind: EntityKind, id: Uuid) {
        let key = Key::row(kind, id);
        if let Some(shared) = &self.tiers.shared {
            shared.remove(std::slice::from_ref(&key)).await;
        }
        self.tiers.local.remove(&key);
    }

    /// Drops every list of one scope, whatever the kind of its rows, from every tier, for operators.
    pub async fn drop_lists(&self, scope: Scope) {
        let keys: Vec<_> = EntityKind::ALL.iter().map(|kind| Key::generation(*kind, scope)).collect();
        if let Some(shared) = &self.tiers.shared {
            shared.remove(&keys).await;
        }
        keys.iter().for_each(|key| self.tiers.local.remove(key));
    }

    /// Drops everything from every tier, for operators. The last known values are gone too.
    pub async fn clear(&self) {
        if let Some(shared) = &self.tiers.shared {
            shared.clear().await;
        }
        crate::Invalidations::invalidate_all(&*self.tiers.local);
    }

    /// How many values the tier in this process holds, and how many bytes they are as JSON.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        self.tiers.local.size()
    }

    /// Brings the metrics of size up to date; call it before they are read.
    pub fn report_size(&self) {
        self.tiers.local.report_size();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized + 'static> Store<E> for Cached<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let key = Key::row(E::KIND, id.into());
        let inner = Arc::clone(&self.inner);
        // The whole row, deleted or not, is what a key stands for; who asked for what is decided on the way out.
        let origin = move || async move { inner.find(id, Deleted::Include).await };
        let is_ours = move |found: &Option<E>| found.as_ref().is_some_and(|row| row.id() == id);
        let read = self.tiers.read(&key, E::FIND, true, is_ours, origin).await;
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
        let scope = Key::generation(E::KIND, query.scope());
        let every = Key::kind_generation(E::KIND);
        let (of_scope, scope_confirmed) = self.tiers.generation(scope.clone()).await;
        let (of_kind, kind_confirmed) = self.tiers.generation(every.clone()).await;
        let Ok(key) = Key::page(E::KIND, (of_scope, of_kind), query, &page) else {
            return self.inner.list(query, page).await;
        };
        let (inner, filter, request) = (Arc::clone(&self.inner), query.clone(), page.clone());
        let shared = scope_confirmed && kind_confirmed;
        let (wanted, limit) = (query.clone(), usize::try_from(page.limit.get()).unwrap_or(usize::MAX));
        let is_ours =
            move |page: &Page<E>| page.items.len() <= limit && page.items.iter().all(|row| wanted.matches(row));
        let origin = move || async move { inner.list(&filter, request).await };
        let read = self.tiers.read(&key, E::LIST, shared, is_ours, origin).await;
        let read: Read<Arc<Page<E>>> = match read {
            Ok(read) => read,
            Err(error) => {
                let (scopes, everies) = (self.tiers.known_generations(&scope), self.tiers.known_generations(&every));
                let generations = scopes.iter().flat_map(|scope| everies.iter().map(|every| (*scope, *every)));
                let mut keys = generations.filter_map(|pair| Key::page(E::KIND, pair, query, &page).ok());
                keys.find_map(|key| self.tiers.last_known(&key, &error)).ok_or(error)?
            }
        };
        Ok(read.map(|page| Page::clone(&page)))
    }
}

/// Runs a write to its end, whoever may stop waiting for it.
async fn to_its_end<T: Send + 'static>(write: impl Future<Output = T> + Send + 'static) -> Result<T> {
    // A task that dies has told nothing: the outcome is unknown.
    tokio::spawn(write.in_current_span()).await.map_err(|_| StorageError::unavailable(COMMIT))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit + ?Sized + 'static> Commit for Cached<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let (inner, tiers) = (Arc::clone(&self.inner), Arc::clone(&self.tiers));
        to_its_end(async move {
            let plans = vec![tiers.plan(&transaction)];
            let fence = tiers.fence(&plans).await;
            let outcome = [inner.commit(transaction).await];
            tiers.settle(fence, plans, &outcome).await;
            let [outcome] = outcome;
            outcome
        })
        .await?
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let (inner, tiers, count) = (Arc::clone(&self.inner), Arc::clone(&self.tiers), transactions.len());
        let outcomes = to_its_end(async move {
            let plans: Vec<_> = transactions.iter().map(|transaction| tiers.plan(transaction)).collect();
            let fence = tiers.fence(&plans).await;
            let outcomes = inner.commit_each(transactions).await;
            tiers.settle(fence, plans, &outcomes).await;
            outcomes
        });
        outcomes.await.unwrap_or_else(|error| vec![Err(error); count])
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Outbox + ?Sized + 'static> Outbox for Cached<S> {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        self.inner.claim(limit, lease).await
    }
    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        self.inner.acknowledge(ids).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot + ?Sized + 'static> Snapshot for Cached<S> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.inner.snapshot().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Probe + ?Sized + 'static> Probe for Cached<S> {
    async fn probe(&self) -> Result<()> {
        self.inner.probe().await
    }
}
