use character_storage_port::Tier;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    tier: &'static str,
}

type ByTier<M> = Family<Labels, M>;

/// What the cache did, by tier: `local` or `shared`.
#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    hits: ByTier<Counter>,
    misses: ByTier<Counter>,
    stale: ByTier<Counter>,
    fills: ByTier<Counter>,
    refused: ByTier<Counter>,
    rejected: ByTier<Counter>,
    invalidations: ByTier<Counter>,
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
        registry.register("cache_hits", "Reads answered by a current value of the tier", self.hits.clone());
        registry.register("cache_misses", "Reads that found no current value in the tier", self.misses.clone());
        registry.register("cache_stale_served", "Last known values served in an outage", self.stale.clone());
        registry.register("cache_fills", "Values that landed in the tier", self.fills.clone());
        registry.register(
            "cache_fills_refused",
            "Values thrown away because a write or an invalidation came between",
            self.refused.clone(),
        );
        registry.register(
            "cache_rejected",
            "Values removed because they cannot be ours: unreadable, of another key, or of an impossible age or size",
            self.rejected.clone(),
        );
        registry.register("cache_invalidations", "Keys invalidated", self.invalidations.clone());
        registry.register(
            "cache_evictions",
            "Values dropped for lack of room or for their age",
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
        invalidated => invalidations,
        evicted => evictions,
    }

    /// Shows what can happen before it happens, as zero: who asks for a rate must not miss the first time.
    pub(crate) fn begin(&self, shared: bool) {
        for tier in [Tier::Local, Tier::Shared].into_iter().filter(|tier| shared || *tier == Tier::Local) {
            for counters in [&self.hits, &self.misses, &self.stale, &self.fills, &self.refused] {
                drop(counters.get_or_create(&Labels { tier: tier.as_str() }));
            }
        }
        if shared {
            drop(self.rejected.get_or_create(&Labels { tier: Tier::Shared.as_str() }));
        }
        for counters in [&self.invalidations, &self.evictions] {
            drop(counters.get_or_create(&Labels { tier: Tier::Local.as_str() }));
        }
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
