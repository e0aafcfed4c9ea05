//! The metrics of the cache and of its follower.

use crate::Heard;
use character_storage_port::Tier;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    tier: &'static str,
}

type ByTier<M> = Family<Labels, M>;

/// The counts of the cache, by tier: `local` or `shared`.
#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    hits: ByTier<Counter>,
    misses: ByTier<Counter>,
    stale: ByTier<Counter>,
    fills: ByTier<Counter>,
    refused: ByTier<Counter>,
    rejected: ByTier<Counter>,
    told: Counter,
    disproved: Counter,
    restarts: Counter,
    failures: Counter,
    settled: Gauge,
    heard_age: Gauge<f64, AtomicU64>,
    trusted: Gauge,
    collisions: Counter,
    evictions: ByTier<Counter>,
    entries: ByTier<Gauge>,
    bytes: ByTier<Gauge>,
    loading: Gauge,
}

macro_rules! count {
    ($($method:ident => $field:ident),+ $(,)?) => { $(
        pub(crate) fn $method(&self, tier: Tier) {
            self.$field.get_or_create(&Labels { tier: tier.as_str() }).inc();
        }
    )+ };
}

impl CacheMetrics {
    /// Adds every metric to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cache_hits", "Reads answered with a current value of the tier", self.hits.clone());
        registry.register("cache_misses", "Reads that found no current value in the tier", self.misses.clone());
        registry.register(
            "cache_stale_served",
            "Last known values served during an outage of the storage",
            self.stale.clone(),
        );
        registry.register("cache_fills", "Values stored in the tier", self.fills.clone());
        registry.register(
            "cache_fills_refused",
            "Loaded values not stored, because a change came between or the tier did not accept them",
            self.refused.clone(),
        );
        registry.register(
            "cache_rejected",
            "Values removed as foreign: unreadable, of another key, or of an impossible age or size",
            self.rejected.clone(),
        );
        registry.register("cache_commits_applied", "Commits applied to the cache, each once", self.told.clone());
        registry.register(
            "cache_disproved",
            "Rows and lists dropped because the storage returned another state, or by an operator",
            self.disproved.clone(),
        );
        registry.register(
            "cache_log_restarts",
            "Restarts of the log of commits, each of which drops everything cached",
            self.restarts.clone(),
        );
        registry.register("cache_log_failures", "Failed reads of the log of commits", self.failures.clone());
        registry.register(
            "cache_log_settled_tick",
            "The tick below which every commit was received",
            self.settled.clone(),
        );
        registry.register_with_unit(
            "cache_log_heard_age",
            "Time since the log of commits was last read; -1: never in this epoch",
            Unit::Seconds,
            self.heard_age.clone(),
        );
        registry.register("cache_trusted", "1 while cached values count as current", self.trusted.clone());
        registry.register(
            "cache_change_collisions",
            "Changes whose slot in the change table was used by another key",
            self.collisions.clone(),
        );
        registry.register(
            "cache_evictions",
            "Values evicted for lack of space or because of their age",
            self.evictions.clone(),
        );
        registry.register("cache_entries", "Values held", self.entries.clone());
        registry.register("cache_bytes", "Bytes held, counted as JSON", self.bytes.clone());
        registry.register("cache_loads_in_flight", "Values being loaded", self.loading.clone());
    }

    count! {
        hit => hits,
        miss => misses,
        stale => stale,
        fill => fills,
        refused => refused,
        rejected => rejected,
        evicted => evictions,
    }

    pub(crate) fn told(&self, commits: u64) {
        self.told.inc_by(commits);
    }

    pub(crate) fn disproved(&self) {
        self.disproved.inc();
    }

    pub(crate) fn restarted(&self) {
        self.restarts.inc();
    }

    pub(crate) fn follow_failed(&self) {
        self.failures.inc();
    }

    pub(crate) fn heard(&self, heard: &Heard) {
        self.settled.set(i64::try_from(heard.settled.0).unwrap_or(i64::MAX));
        self.heard_age.set(heard.age.map_or(-1.0, |age| age.as_secs_f64()));
        self.trusted.set(heard.trusted.into());
        self.collisions.inner().store(heard.collisions, Ordering::Relaxed);
    }

    /// Creates every series with the value zero, so that a rate includes the first event.
    pub(crate) fn begin(&self, shared: bool) {
        for tier in [Tier::Local, Tier::Shared].into_iter().filter(|tier| shared || *tier == Tier::Local) {
            for counters in [&self.hits, &self.misses, &self.stale, &self.fills, &self.refused] {
                drop(counters.get_or_create(&Labels { tier: tier.as_str() }));
            }
        }
        if shared {
            drop(self.rejected.get_or_create(&Labels { tier: Tier::Shared.as_str() }));
        }
        drop(self.evictions.get_or_create(&Labels { tier: Tier::Local.as_str() }));
        self.size(0, 0);
    }

    pub(crate) fn size(&self, entries: u64, bytes: u64) {
        let labels = Labels { tier: Tier::Local.as_str() };
        self.entries.get_or_create(&labels).set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.bytes.get_or_create(&labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts a load as in flight until the guard is dropped.
    pub(crate) fn load(&self) -> Loading {
        self.loading.inc();
        Loading(self.loading.clone())
    }
}

pub(crate) struct Loading(Gauge);

impl Drop for Loading {
    fn drop(&mut self) {
        self.0.dec();
    }
}
