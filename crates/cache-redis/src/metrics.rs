//! The metrics of the tier.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// The state of the connection to Redis.
#[derive(Clone, Debug, Default)]
pub struct RedisTierMetrics {
    pub(crate) up: Gauge,
    pub(crate) outages: Counter,
    pub(crate) failures: Counter,
    pub(crate) skipped: Counter,
    pub(crate) refused: Counter,
    pub(crate) too_large: Counter,
}

impl RedisTierMetrics {
    /// Adds every metric to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cache_redis_up", "1 while Redis is in use", self.up.clone());
        registry.register("cache_redis_outages", "Outages of Redis", self.outages.clone());
        registry.register("cache_redis_failures", "Operations on Redis that failed", self.failures.clone());
        registry.register(
            "cache_redis_skipped",
            "Operations on Redis not attempted during an outage",
            self.skipped.clone(),
        );
        registry.register(
            "cache_redis_refused",
            "Writes that Redis rejected because it is full or cannot save",
            self.refused.clone(),
        );
        registry.register(
            "cache_redis_too_large",
            "Values not stored because they are too large for Redis",
            self.too_large.clone(),
        );
    }
}
