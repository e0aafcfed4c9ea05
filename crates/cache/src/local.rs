//! The tier in this process: values, and the loads in flight.

use crate::{
    CacheMetrics, CacheOptions, Key,
    change_table::{ChangeTable, Mark},
};
use character_storage_port::{Source, StorageError, Tier};
use moka::{notification::RemovalCause, sync::Cache};
use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// A value in the tier of this process.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    /// When the storage returned it.
    pub(crate) at: Instant,
    /// How long it counts as current; zero for a value that is only served during an outage.
    pub(crate) fresh: Duration,
    pub(crate) weight: u32,
    /// Which tier it came from.
    pub(crate) tier: Tier,
    /// The mark from before its load began.
    pub(crate) mark: Mark,
}

impl Stored {
    pub(crate) fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

/// The result of a load: the value and its source.
pub(crate) type Loaded = Result<(Value, Source), StorageError>;
pub(crate) type PendingLoad = watch::Receiver<Option<Loaded>>;

/// A load that others may wait for.
struct UnderWay {
    mark: Mark,
    begun: Instant,
    pending: PendingLoad,
}

type Shard = HashMap<Key, UnderWay>;
const SHARDS: usize = 64;
/// Pages have this part of the bytes, a quarter.
const PAGES: u64 = 4;

/// The tier in this process.
pub(crate) struct Local {
    rows: Cache<Key, Stored>,
    /// Apart from rows, because a full cache takes a value only when it is wanted more often than all those that it would take the
    /// place of, and a page would take that of a hundred rows.
    pages: Cache<Key, Stored>,
    loads: Vec<Mutex<Shard>>,
    hasher: RandomState,
    pub(crate) table: Arc<ChangeTable>,
    metrics: CacheMetrics,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("entries", &(self.rows.entry_count() + self.pages.entry_count()))
            .finish_non_exhaustive()
    }
}

/// A load in flight, which others may wait for. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) key: Key,
    pub(crate) mark: Mark,
    pending: PendingLoad,
    local: Arc<Local>,
}

impl Drop for Load {
    fn drop(&mut self) {
        let mut shard = self.local.shard(&self.key);
        if shard.get(&self.key).is_some_and(|load| load.pending.same_channel(&self.pending)) {
            shard.remove(&self.key);
        }
    }
}

pub(crate) enum Entry {
    Hit(Stored),
    /// A load that began after the last change is in flight.
    Follow(PendingLoad),
    /// The caller loads it and passes it to the others.
    Lead(Load, watch::Sender<Option<Loaded>>, PendingLoad),
}

impl Local {
    pub(crate) fn new(options: &CacheOptions, table: Arc<ChangeTable>, metrics: CacheMetrics) -> Arc<Self> {
        let values = |most: u64| {
            let evictions = metrics.clone();
            Cache::builder()
                .max_capacity(most)
                .weigher(|_: &Key, stored: &Stored| stored.weight)
                .time_to_live(options.stale_max)
                .eviction_listener(move |_, _, cause| {
                    if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                        evictions.evicted(Tier::Local);
                    }
                })
                .build()
        };
        let of_pages = options.max_bytes / PAGES;
        let (rows, pages) = (values(options.max_bytes - of_pages), values(of_pages));
        let loads = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { rows, pages, loads, hasher: RandomState::new(), table, metrics })
    }

    fn values(&self, key: &Key) -> &Cache<Key, Stored> {
        if key.is_page() { &self.pages } else { &self.rows }
    }

    #[expect(clippy::indexing_slicing, reason = "the index is a remainder of the length")]
    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key) as usize;
        self.loads[hash % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value that has not changed since its load began, current or not.
    pub(crate) fn known(&self, key: &Key) -> Option<Stored> {
        self.values(key).get(key).filter(|stored| self.table.holds(stored.mark))
    }

    /// A current value. Takes no lock.
    pub(crate) fn current(&self, key: &Key) -> Option<Stored> {
        let now = Instant::now();
        if !self.table.is_trusted(now) {
            return None;
        }
        self.known(key).filter(|stored| now.saturating_duration_since(stored.at) < stored.fresh)
    }

    /// A current value, or a load in flight that began at this mark, or the right to load.
    pub(crate) fn enter(self: &Arc<Self>, key: &Key, mark: Mark) -> Entry {
        let mut shard = self.shard(key);
        if let Some(stored) = self.current(key) {
            return Entry::Hit(stored);
        }
        match shard.get(key) {
            // One that began before the last change may have read what was before it. Without news of changes, so may one
            // that began long ago.
            Some(load) if load.mark == mark && self.table.covers(load.begun, Instant::now()) => {
                Entry::Follow(load.pending.clone())
            }
            _ => {
                let (sender, pending) = watch::channel(None);
                let under_way = UnderWay { mark, begun: Instant::now(), pending: pending.clone() };
                shard.insert(key.clone(), under_way);
                let load = Load { key: key.clone(), mark, pending: pending.clone(), local: Arc::clone(self) };
                Entry::Lead(load, sender, pending)
            }
        }
    }

    /// Stores a value, unless its subject has changed since its load began.
    pub(crate) fn keep(&self, key: &Key, stored: Stored) {
        if self.table.holds(stored.mark) {
            self.values(key).insert(key.clone(), stored);
            self.metrics.fill(Tier::Local);
        } else {
            self.metrics.refused(Tier::Local);
        }
    }

    /// Frees the memory of dropped values. Their marks are already invalid.
    pub(crate) fn forget_all(&self) {
        self.rows.invalidate_all();
        self.pages.invalidate_all();
    }

    pub(crate) fn size(&self) -> (u64, u64) {
        let size = |values: &Cache<Key, Stored>| {
            values.run_pending_tasks();
            (values.entry_count(), values.weighted_size())
        };
        let (rows, pages) = (size(&self.rows), size(&self.pages));
        (rows.0 + pages.0, rows.1 + pages.1)
    }

    pub(crate) fn report_size(&self) {
        let (entries, bytes) = self.size();
        self.metrics.size(entries, bytes);
    }
}
