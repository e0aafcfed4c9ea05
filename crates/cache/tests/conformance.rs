//! The port's own suite over the cache.

use character_cache::{CacheMetrics, CacheOptions, Cached, MemorySharedTier, SharedTier};
use character_storage_port::{MemoryStorage, StoragePort};
use character_storage_testkit::{Harness, storage_conformance};
use std::sync::Arc;

fn cached(shared: Option<Arc<dyn SharedTier>>) -> Arc<dyn StoragePort> {
    let inner: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    Arc::new(Cached::new(inner, CacheOptions::default(), shared, CacheMetrics::default()))
}

struct InProcess;

impl Harness for InProcess {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), cached(None))
    }
}

struct WithSharedTier;

impl Harness for WithSharedTier {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), cached(Some(Arc::new(MemorySharedTier::new()))))
    }
}

storage_conformance!(in_process, InProcess);
storage_conformance!(with_shared_tier, WithSharedTier);

/// Writes through the cache, reads past it: what one does the other sees.
struct PastTheCache;

impl Harness for PastTheCache {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        let inner: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
        ((), Arc::new(Cached::new(inner, CacheOptions::default(), None, CacheMetrics::default()).uncached()))
    }
}

storage_conformance!(past_the_cache, PastTheCache);
