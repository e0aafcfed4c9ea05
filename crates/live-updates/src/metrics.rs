//! What operators see of the streams.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of the live streams of one process.
#[derive(Clone, Debug, Default)]
pub struct LiveMetrics {
    pub(crate) streams: Gauge,
    pub(crate) updates: Counter,
    pub(crate) resets: Counter,
    pub(crate) failures: Counter,
}

impl LiveMetrics {
    /// Adds them to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("live_streams", "Open streams of live updates", self.streams.clone());
        registry.register("live_updates", "Live updates sent to clients", self.updates.clone());
        registry.register(
            "live_resets",
            "Streams that had to read everything again, because the log no longer had their position",
            self.resets.clone(),
        );
        registry.register("live_log_failures", "Failed reads of the log for live updates", self.failures.clone());
    }
}
