//! The storage behind a cache, for acts.

use crate::{Cached, Key, key::Subject, tiers::Tiers};
use async_trait::async_trait;
use character_storage_port::{
    Commit, Consumers, Deleted, Entity, Log, Page, PageRequest, Probe, Read, Result, Snapshot, StoragePort, Store,
    delegate_port,
};
use std::{fmt, sync::Arc};

/// The storage behind a cache, for acts that depend on what they read. Every read goes to the storage itself, and drops
/// cached values that it disproves. Writes go through the cache.
pub struct Uncached<S: ?Sized = dyn StoragePort>(pub(crate) Cached<S>);

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

impl Uncached {
    /// The same as the port; see [`Cached::into_port`].
    #[must_use]
    pub fn into_port(self) -> Arc<dyn StoragePort> {
        Arc::new(self)
    }
}

impl Tiers {
    /// Drops the cached row when the storage returned another revision, and the lists that the row is or was in.
    async fn compare<E: Entity>(&self, id: E::Id, found: Option<&E>) {
        let Some(stored) = self.local.known(&Key::row(E::KIND, id.into())) else { return };
        let Some(known) = stored.value.downcast_ref::<Option<E>>() else { return };
        let revision = |row: &E| row.meta().revision;
        if known.as_ref().map(revision) == found.map(revision) {
            return;
        }
        let scopes = known.iter().chain(found).flat_map(E::scopes);
        let lists = scopes.map(|scope| Subject::Lists(E::KIND, scope)).collect();
        self.disprove((E::KIND, id.into()), lists).await;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized + 'static> Store<E> for Uncached<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        // Deleted or not, so that the cache is held against what there is.
        let read: Read<Option<E>> = self.0.inner.find(id, Deleted::Include).await?;
        self.0.tiers.compare(id, read.value.as_ref()).await;
        Ok(read.map(|row| row.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted())))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        let read: Read<Page<E>> = self.0.inner.list(query, page).await?;
        for row in &read.value.items {
            self.0.tiers.compare(row.id(), Some(row)).await;
        }
        Ok(read)
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.0.inner.count(query).await
    }
}

delegate_port!(Commit for [S: Commit + ?Sized + 'static] Uncached<S>, it => it.0);
delegate_port!(Log for [S: Log + ?Sized + 'static] Uncached<S>, it => it.0);
delegate_port!(Consumers for [S: Consumers + ?Sized + 'static] Uncached<S>, it => it.0);
delegate_port!(Snapshot for [S: Snapshot + ?Sized + 'static] Uncached<S>, it => it.0);
delegate_port!(Probe for [S: Probe + ?Sized + 'static] Uncached<S>, it => it.0);
