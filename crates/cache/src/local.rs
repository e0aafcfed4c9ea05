use crate::{CacheMetrics, CacheOptions, Invalidations, Key, rule::Rule};
use character_storage_port::{Source, StorageError, Tier};
use moka::{notification::RemovalCause, sync::Cache};
use std::sync::Arc;
use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// A value in the tier of this process.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    /// When the storage gave it.
    pub(crate) at: Instant,
    /// For how long it counts as current; zero for a value that is only good for an outage.
    pub(crate) fresh: Duration,
    pub(crate) weight: u32,
    /// Which tier it came from.
    pub(crate) tier: Tier,
    /// Values of an earlier epoch are gone, whether or not the map has dropped them yet.
    pub(crate) epoch: u64,
}

impl Stored {
    pub(crate) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < self.fresh
    }
}

/// How a load ended: the value and where it came from.
pub(crate) type Loaded = Result<(Value, Source), StorageError>;
pub(crate) type Landing = watch::Receiver<Option<Loaded>>;

/// What is going on with a key, besides its value.
#[derive(Default)]
struct Slot {
    /// The load that may fill it. An invalidation takes it out, and with it the right to fill.
    flight: Option<(u64, Landing)>,
    /// Writes under way.
    writers: usize,
    /// Whether something else happened to the key since the first of them began, so that none knows its value.
    disturbed: bool,
}

impl Slot {
    fn is_idle(&self) -> bool {
        self.flight.is_none() && self.writers == 0
    }
}

type Shard = HashMap<Key, Slot>;
const SHARDS: usize = 64;

const NOT_HEARD: u64 = 0;
/// There is nobody else to be heard.
const ALONE: u64 = u64::MAX;

/// The tier in this process. The values of one key change only under the lock of its shard.
pub(crate) struct Local {
    values: Cache<Key, Stored>,
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Serves for tokens too: never repeats.
    tokens: AtomicU64,
    epoch: AtomicU64,
    began: Instant,
    /// Until when a value here may count as current because the writes of other processes are heard: nanoseconds since
    /// `began`, or [`NOT_HEARD`], or [`ALONE`].
    trusted: AtomicU64,
    metrics: CacheMetrics,
    #[cfg(test)]
    broken: Option<Rule>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("entries", &self.values.entry_count()).finish_non_exhaustive()
    }
}

/// The right to fill a key.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) key: Key,
    token: u64,
    pub(crate) epoch: u64,
    local: Arc<Local>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut shard = self.local.shard(&self.key);
        if let Some(slot) = shard.get_mut(&self.key)
            && slot.flight.as_ref().is_some_and(|(token, _)| *token == self.token)
        {
            slot.flight = None;
            if slot.is_idle() {
                shard.remove(&self.key);
            }
        }
    }
}

pub(crate) enum Entry {
    Hit(Stored),
    /// Someone is loading it.
    Follow(Landing),
    /// The caller loads it and tells the others.
    Lead(Flight, watch::Sender<Option<Loaded>>, Landing),
}

/// A writer's hold on a key in this process.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) key: Key,
    /// What was current when the write began.
    before: Option<Stored>,
    epoch: u64,
    settled: bool,
    local: Arc<Local>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("age", &self.age()).finish_non_exhaustive()
    }
}

impl Local {
    /// `alone`: whether no other process writes.
    pub(crate) fn new(options: &CacheOptions, alone: bool, metrics: CacheMetrics) -> Arc<Self> {
        let evictions = metrics.clone();
        let values = Cache::builder()
            .max_capacity(options.max_bytes)
            .weigher(|_: &Key, stored: &Stored| stored.weight)
            .time_to_live(options.stale_max)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evictions.evicted(Tier::Local);
                }
            })
            .build();
        Arc::new(Self {
            values,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            tokens: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            began: Instant::now(),
            trusted: AtomicU64::new(if alone { ALONE } else { NOT_HEARD }),
            metrics,
            #[cfg(test)]
            broken: options.broken,
        })
    }

    #[cfg(test)]
    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the tests ask the same of an instance that breaks a rule")]
    pub(crate) const fn keeps(&self, _rule: Rule) -> bool {
        true
    }

    #[expect(clippy::indexing_slicing, reason = "the index is a remainder of the length")]
    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key) as usize;
        self.shards[hash % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Whether a value here may count as current at `now`.
    pub(crate) fn is_trusted(&self, now: Instant) -> bool {
        match self.trusted.load(Ordering::SeqCst) {
            ALONE => true,
            until => now.saturating_duration_since(self.began) < Duration::from_nanos(until),
        }
    }

    /// Whatever is known, current or not.
    pub(crate) fn peek(&self, key: &Key) -> Option<Stored> {
        self.values.get(key).filter(|stored| stored.epoch == self.epoch())
    }

    /// A current value. Takes no lock.
    pub(crate) fn fresh(&self, key: &Key) -> Option<Stored> {
        let now = Instant::now();
        self.peek(key).filter(|stored| self.is_trusted(now) && stored.is_fresh(now))
    }

    /// A current value, or the load under way, or the right to load.
    pub(crate) fn enter(self: &Arc<Self>, key: &Key) -> Entry {
        let mut shard = self.shard(key);
        if let Some(stored) = self.fresh(key) {
            return Entry::Hit(stored);
        }
        let slot = shard.entry(key.clone()).or_default();
        if let Some((_, landing)) = &slot.flight {
            return Entry::Follow(landing.clone());
        }
        let token = self.tokens.fetch_add(1, Ordering::SeqCst);
        let (sender, landing) = watch::channel(None);
        slot.flight = Some((token, landing.clone()));
        Entry::Lead(Flight { key: key.clone(), token, epoch: self.epoch(), local: Arc::clone(self) }, sender, landing)
    }

    /// Drops the value and the right of any load under way to fill it.
    pub(crate) fn remove(&self, key: &Key) {
        let mut shard = self.shard(key);
        self.values.invalidate(key);
        if let Some(slot) = shard.get_mut(key) {
            slot.flight = None;
            slot.disturbed = true;
            if slot.is_idle() {
                shard.remove(key);
            }
        }
        self.metrics.invalidated(Tier::Local);
    }

    pub(crate) fn remove_all(&self) {
        // First the epoch, so that a load begun before cannot land under the new one.
        self.epoch.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, slot| {
                slot.flight = None;
                slot.disturbed = true;
                !slot.is_idle()
            });
        }
        self.values.invalidate_all();
        self.metrics.invalidated(Tier::Local);
    }

    /// A write begins: what is known is not current any more, and no load under way may fill it.
    pub(crate) fn hold(self: &Arc<Self>, key: Key) -> Hold {
        let mut shard = self.shard(&key);
        let slot = shard.entry(key.clone()).or_default();
        slot.disturbed |= slot.writers > 0;
        slot.writers += 1;
        let before = self.peek(&key);
        let hold = self.keeps(Rule::HeldBeforeCommit);
        if hold {
            slot.flight = None;
        }
        if let Some(stored) = before.as_ref().filter(|_| hold) {
            self.values.insert(key.clone(), Stored { fresh: Duration::ZERO, ..stored.clone() });
        }
        drop(shard);
        Hold { key, before, epoch: self.epoch(), settled: false, local: Arc::clone(self) }
    }

    pub(crate) fn size(&self) -> (u64, u64) {
        self.values.run_pending_tasks();
        (self.values.entry_count(), self.values.weighted_size())
    }

    pub(crate) fn report_size(&self) {
        let (entries, bytes) = self.size();
        self.metrics.size(entries, bytes);
    }
}

impl Flight {
    /// Fills the key if nothing came between. While a write is under way, the value is kept as last known only.
    pub(crate) fn land(&self, mut stored: Stored) -> bool {
        let mut shard = self.local.shard(&self.key);
        let landed = match shard.get_mut(&self.key) {
            Some(slot) if slot.flight.as_ref().is_some_and(|(token, _)| *token == self.token) => {
                slot.flight = None;
                if slot.writers > 0 {
                    stored.fresh = Duration::ZERO;
                }
                self.local.values.insert(self.key.clone(), stored);
                if slot.is_idle() {
                    shard.remove(&self.key);
                }
                true
            }
            _ if !self.local.keeps(Rule::OwnPlaceholder) => {
                self.local.values.insert(self.key.clone(), stored);
                true
            }
            _ => false,
        };
        drop(shard);
        if landed {
            self.local.metrics.fill(Tier::Local);
        } else {
            self.local.metrics.refused(Tier::Local);
        }
        landed
    }

    pub(crate) fn is_held(&self) -> bool {
        self.local.shard(&self.key).get(&self.key).is_some_and(|slot| slot.writers > 0)
    }
}

pub(crate) enum Outcome {
    /// The write made this value.
    Stored { value: Value, weight: u32, fresh: Duration },
    /// The write made a value that is not known.
    Removed,
    /// The write was certainly not applied.
    Restored,
    /// Unknown.
    Doubtful,
}

impl Hold {
    /// What was known when the write began.
    pub(crate) fn before(&self) -> Option<&Stored> {
        self.before.as_ref()
    }

    /// Whether it was current then.
    pub(crate) fn was_fresh(&self) -> bool {
        let now = Instant::now();
        self.before.as_ref().is_some_and(|stored| self.local.is_trusted(now) && stored.is_fresh(now))
    }

    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.leave(outcome);
    }

    fn leave(&mut self, outcome: Outcome) {
        self.settled = true;
        let local = &self.local;
        let mut shard = local.shard(&self.key);
        let Some(slot) = shard.get_mut(&self.key) else { return };
        // A find that starts from here on must not join a load begun before.
        if local.keeps(Rule::NoOldLoadJoined) {
            slot.flight = None;
        }
        slot.writers = slot.writers.saturating_sub(1);
        let alone = slot.writers == 0 && !slot.disturbed || !local.keeps(Rule::AloneToKeep);
        match outcome {
            Outcome::Removed if !local.keeps(Rule::ForgottenAfterCommit) => self.restore(),
            Outcome::Doubtful if !local.keeps(Rule::DoubtIsNotCurrent) => self.restore(),
            Outcome::Stored { value, weight, fresh } if alone => {
                let stored = Stored { value, at: Instant::now(), fresh, weight, tier: Tier::Local, epoch: self.epoch };
                local.values.insert(self.key.clone(), stored);
            }
            Outcome::Stored { .. } | Outcome::Removed => {
                local.values.invalidate(&self.key);
                // Whoever is still writing knows of a value that is older than this one.
                slot.disturbed = true;
            }
            Outcome::Restored if alone => self.restore(),
            Outcome::Restored | Outcome::Doubtful => {}
        }
        if slot.is_idle() {
            shard.remove(&self.key);
        }
    }

    /// What was current before is so again, unless it is not what is there.
    fn restore(&self) {
        if let Some(before) = &self.before
            && self.local.values.get(&self.key).is_some_and(|now| Arc::ptr_eq(&now.value, &before.value))
        {
            self.local.values.insert(self.key.clone(), before.clone());
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // The write was torn down half-way, so nothing is known.
        if !self.settled {
            self.leave(Outcome::Removed);
        }
    }
}

impl Invalidations for Local {
    fn invalidate(&self, key: &Key) {
        self.remove(key);
    }
    fn invalidate_all(&self) {
        self.remove_all();
    }
    fn channel_lost(&self) {
        self.trusted.store(NOT_HEARD, Ordering::SeqCst);
        self.remove_all();
    }
    fn channel_heard(&self, until: Instant) {
        if !self.is_trusted(Instant::now()) {
            // What was kept meanwhile may have been written by others unheard.
            self.remove_all();
        }
        let until = until.saturating_duration_since(self.began).as_nanos();
        self.trusted.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}
