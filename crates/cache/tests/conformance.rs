//! The port's own suite over the cache.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_cache::{CacheMetrics, CacheOptions, Cached, MemorySharedTier, SharedTier};
use character_storage_port::{MemoryStorage, StoragePort};
use character_storage_testkit::{Harness, storage_conformance};
use std::{sync::Arc, time::Duration};

async fn cached(shared: Option<Arc<dyn SharedTier>>) -> Cached {
    let memory = MemoryStorage::new();
    let inner: Arc<dyn StoragePort> = Arc::new(memory.clone());
    let (cache, follower) =
        Cached::new(inner, Arc::new(memory), CacheOptions::default(), shared, CacheMetrics::default()).unwrap();
    tokio::spawn(follower.run());
    assert!(cache.ready(Duration::from_secs(5)).await, "the log is heard");
    cache
}

struct InProcess;

impl Harness for InProcess {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), Arc::new(cached(None).await))
    }
}

struct WithSharedTier;

impl Harness for WithSharedTier {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), Arc::new(cached(Some(Arc::new(MemorySharedTier::new()))).await))
    }
}

storage_conformance!(in_process, InProcess);
storage_conformance!(with_shared_tier, WithSharedTier);

/// Writes through the cache, reads past it: what one does the other sees.
struct PastTheCache;

impl Harness for PastTheCache {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), Arc::new(cached(None).await.uncached()))
    }
}

storage_conformance!(past_the_cache, PastTheCache);

/// Writes through the cache, reads rows that this process holds, or past the cache.
struct RecentRows;

impl Harness for RecentRows {
    type Guard = ();
    async fn fresh() -> ((), Arc<dyn StoragePort>) {
        ((), Arc::new(cached(None).await.recent()))
    }
}

storage_conformance!(recent_rows, RecentRows);
