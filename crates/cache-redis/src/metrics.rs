use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// How the way to Redis is.
#[derive(Clone, Debug, Default)]
pub struct RedisTierMetrics {
    pub(crate) up: Gauge,
    pub(crate) channel: Gauge,
    pub(crate) episodes: Counter,
    pub(crate) failures: Counter,
    pub(crate) skipped: Counter,
    pub(crate) undelivered: Gauge,
}

impl RedisTierMetrics {
    /// Adds every metric to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cache_redis_up", "1 while Redis is in use", self.up.clone());
        registry.register("cache_redis_channel_up", "1 while invalidations are heard", self.channel.clone());
        registry.register("cache_redis_outages", "Times that Redis went out of use", self.episodes.clone());
        registry.register("cache_redis_failures", "Operations that failed", self.failures.clone());
        registry.register("cache_redis_skipped", "Operations not tried during an outage", self.skipped.clone());
        registry.register(
            "cache_redis_undelivered",
            "Invalidations that wait for Redis to come back",
            self.undelivered.clone(),
        );
    }
}
