use crate::{Cached, Key, tiers::Tiers};
use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, Deleted, Entity, EventId, Outbox, OutboxEvent, Page, PageRequest, Probe, Read, Result, Snapshot,
    SnapshotStream, StoragePort, Store, Transaction,
};
use std::{fmt, time::Duration};

/// The storage behind a cache, for whoever decides by what is read. Every read goes to the storage itself; what the
/// cache turns out to hold an older state of is dropped, so that nobody who was told the new one here is shown the old
/// one after. Writes go through the cache.
pub struct Uncached<S: ?Sized = dyn StoragePort>(Cached<S>);

impl<S: ?Sized> Cached<S> {
    /// The storage behind this cache.
    #[must_use]
    pub fn uncached(&self) -> Uncached<S> {
        Uncached(self.clone())
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Uncached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Uncached").field(&self.0.inner).finish()
    }
}

impl Tiers {
    /// Drops what this process knows of a row, and the lists that it is or was in, unless that is as new as `found`.
    /// A row that it knows nothing of may still be known by the shared tier, which is asked only for `sure`.
    async fn notice<E: Entity>(&self, key: &Key, found: &E, sure: bool) {
        let stored = self.local.peek(key);
        let known = stored.as_ref().and_then(|stored| stored.value.downcast_ref::<Option<E>>());
        let revision = |row: &E| row.meta().revision;
        if known.map_or(!sure, |known| known.as_ref().is_some_and(|known| revision(known) >= revision(found))) {
            return;
        }
        let scopes = known.and_then(Option::as_ref).map_or_else(Vec::new, E::scopes).into_iter().chain(found.scopes());
        let mut keys: Vec<Key> = scopes.map(|scope| Key::generation(E::KIND, scope)).collect();
        keys.push(key.clone());
        if let Some(shared) = &self.shared {
            shared.remove(&keys).await;
        }
        keys.iter().for_each(|key| self.local.remove(key));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized + 'static> Store<E> for Uncached<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        // Deleted or not, so that the cache is held against what there is.
        let read: Read<Option<E>> = self.0.inner.find(id, Deleted::Include).await?;
        if let Some(row) = &read.value {
            self.0.tiers.notice(&Key::row(E::KIND, id.into()), row, true).await;
        }
        Ok(read.map(|row| row.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted())))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        let read: Read<Page<E>> = self.0.inner.list(query, page).await?;
        for row in &read.value.items {
            self.0.tiers.notice(&Key::row(E::KIND, row.id().into()), row, false).await;
        }
        Ok(read)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Commit + ?Sized + 'static> Commit for Uncached<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.0.commit(transaction).await
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        self.0.commit_each(transactions).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Outbox + ?Sized + 'static> Outbox for Uncached<S> {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        self.0.claim(limit, lease).await
    }
    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        self.0.acknowledge(ids).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot + ?Sized + 'static> Snapshot for Uncached<S> {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.0.snapshot().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Probe + ?Sized + 'static> Probe for Uncached<S> {
    async fn probe(&self) -> Result<()> {
        self.0.probe().await
    }
}
