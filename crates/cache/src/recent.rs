//! The storage behind a cache, for the first attempt of an act.

use crate::{Cached, Key, Uncached};
use async_trait::async_trait;
use character_storage_port::{
    Commit, Consumers, Deleted, Entity, Log, Page, PageRequest, Probe, Read, Result, Snapshot, Source, StoragePort,
    Store, Tier, delegate_port,
};
use std::{fmt, sync::Arc};

/// The storage behind a cache, for acts that expect the revision of the row that they read, and that are judged again
/// by [`Uncached`] when this row was old.
///
/// `find` returns a current row of this process without a call, when the process committed the row itself or loaded it
/// from the storage. A row that came from the shared tier is read from the storage again: a change would otherwise
/// store what another program wrote there. Lists always come from the storage.
pub struct Recent<S: ?Sized = dyn StoragePort>(Uncached<S>);

impl<S: ?Sized> Cached<S> {
    /// The storage behind this cache, and the rows that this process holds of it.
    #[must_use]
    pub fn recent(&self) -> Recent<S> {
        Recent(self.uncached())
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for Recent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recent").field(&self.0.0.inner).finish()
    }
}

impl Recent {
    /// The same as the port; see [`Cached::into_port`].
    #[must_use]
    pub fn into_port(self) -> Arc<dyn StoragePort> {
        Arc::new(self)
    }
}

impl<S: ?Sized> Recent<S> {
    /// A current row that the storage itself returned to this process.
    fn held<E: Entity>(&self, id: E::Id) -> Option<Read<E>> {
        let tiers = &self.0.0.tiers;
        let stored = tiers.local.current(&Key::row(E::KIND, id.into()))?;
        if stored.tier != Tier::Local {
            return None;
        }
        let value = stored.value.downcast_ref::<Option<E>>()?.clone()?;
        tiers.metrics.hit(Tier::Local);
        Some(Read { value, source: Source::Cache { tier: Tier::Local, age: stored.age() } })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<E: Entity, S: Store<E> + ?Sized + 'static> Store<E> for Recent<S> {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        match self.held::<E>(id) {
            Some(read) if deleted == Deleted::Include || !read.value.meta().is_deleted() => Ok(read.map(Some)),
            _ => self.0.find(id, deleted).await,
        }
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.0.list(query, page).await
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        self.0.count(query).await
    }
}

delegate_port!(Commit for [S: Commit + ?Sized + 'static] Recent<S>, it => it.0);
delegate_port!(Log for [S: Log + ?Sized + 'static] Recent<S>, it => it.0);
delegate_port!(Consumers for [S: Consumers + ?Sized + 'static] Recent<S>, it => it.0);
delegate_port!(Snapshot for [S: Snapshot + ?Sized + 'static] Recent<S>, it => it.0);
delegate_port!(Probe for [S: Probe + ?Sized + 'static] Recent<S>, it => it.0);
