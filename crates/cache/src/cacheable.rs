//! What can be cached, and how long it counts.

use crate::CacheOptions;
use character_storage_port::{Entity, Page};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// A value that can be cached.
pub(crate) trait Cacheable: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// How deep the objects of its rows are nested in its JSON, the outermost counted as 1.
    const ROW_DEPTH: usize;
    /// How long it counts as current.
    fn fresh(&self, options: &CacheOptions) -> Duration;
    /// Whether it may be stored in the shared tier.
    fn is_shared(&self) -> bool;
    /// Whether it may be served while the storage is unreachable.
    fn outlives_an_outage(&self) -> bool;
}

impl<E: Entity> Cacheable for Option<E> {
    const ROW_DEPTH: usize = 1;
    fn fresh(&self, options: &CacheOptions) -> Duration {
        if self.is_some() { options.fresh } else { options.absent }
    }
    fn is_shared(&self) -> bool {
        self.is_some()
    }
    fn outlives_an_outage(&self) -> bool {
        self.as_ref().is_some_and(|row| !row.meta().is_deleted())
    }
}

impl<E: Entity> Cacheable for Page<E> {
    const ROW_DEPTH: usize = 3;
    // A row that cannot be read is for an operator to mend, and readers must see the mended row at once.
    fn fresh(&self, options: &CacheOptions) -> Duration {
        if self.unreadable.is_empty() { options.fresh } else { Duration::ZERO }
    }
    fn is_shared(&self) -> bool {
        self.unreadable.is_empty()
    }
    fn outlives_an_outage(&self) -> bool {
        self.unreadable.is_empty() && !self.items.iter().any(|row| row.meta().is_deleted())
    }
}
