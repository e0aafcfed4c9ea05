//! The metrics of an inbox.

use crate::InboxHandle;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct By {
    pub(crate) outcome: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) events: Family<By, Counter>,
    pub(crate) redelivered: Counter,
    pub(crate) settle_failures: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) receiving: Gauge,
}

impl Counters {
    pub(crate) fn handled(&self, outcome: &'static str) {
        self.events.get_or_create(&By { outcome }).inc();
    }
}

impl InboxHandle {
    /// Registers `inbox_events_total`, `inbox_redelivered_total`, `inbox_settle_failures_total`, `inbox_in_flight` and
    /// `inbox_receiving`.
    pub fn register(&self, registry: &mut Registry) {
        let counters = &self.0.counters;
        // Shown from the start, so that the first of each is an increase.
        for outcome in ["done", "retried", "rejected"] {
            drop(counters.events.get_or_create(&By { outcome }));
        }
        let inbox = registry.sub_registry_with_prefix("inbox");
        inbox.register("events", "Deliveries of events by what was done with them", counters.events.clone());
        inbox.register("redelivered", "Deliveries of events that were delivered before", counters.redelivered.clone());
        let help = "Deliveries whose outcome could not be reported to the hub, so that they come again";
        inbox.register("settle_failures", help, counters.settle_failures.clone());
        inbox.register("in_flight", "Events that are being handled", counters.in_flight.clone());
        inbox.register("receiving", "1 while the subscription is open", counters.receiving.clone());
    }
}
