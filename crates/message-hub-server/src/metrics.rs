//! What the hub did, in numbers.

use character_message_hub::ErrorKind;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OutcomeLabels {
    outcome: SnakeCase,
}

/// A code as the value of a label: `no-responder` is `no_responder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SnakeCase(&'static str);

impl EncodeLabelValue for SnakeCase {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.replace('-', "_").as_str().encode(encoder)
    }
}

/// The metrics of this server. Clones share their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) published: Family<OutcomeLabels, Counter>,
    pub(crate) delivered: Counter,
    pub(crate) settled: Family<OutcomeLabels, Counter>,
    pub(crate) routed: Family<OutcomeLabels, Counter>,
    pub(crate) set_aside: Counter,
    pub(crate) streams: Gauge,
    pub(crate) held: Gauge,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        // Shown from the start, so that the first of each is an increase.
        for (family, outcomes) in [
            (&self.published, &["published", "duplicate"][..]),
            (&self.settled, &["ack", "retry", "reject", "in_progress"]),
            (&self.routed, &["replied"]),
        ] {
            for outcome in outcomes.iter().chain(ErrorKind::CODES).copied() {
                drop(family.get_or_create(&OutcomeLabels { outcome: SnakeCase(outcome) }));
            }
        }
        let help = "Events of publish requests, by outcome: published, duplicate, or the code of the failure";
        registry.register("message_hub_events", help, self.published.clone());
        registry.register("message_hub_deliveries", "Deliveries to subscribers", self.delivered.clone());
        let help = "Settlements, by outcome: ack, retry, reject, in_progress, or the code of the failure";
        registry.register("message_hub_settlements", help, self.settled.clone());
        let help = "Requests to services, by outcome: replied, or the code of the failure";
        registry.register("message_hub_routed_requests", help, self.routed.clone());
        let help = "How often an instance of a service was set aside";
        registry.register("message_hub_instances_set_aside", help, self.set_aside.clone());
        let help = "Subscriptions whose deliveries this process makes, of the processes over one NATS";
        registry.register("message_hub_held_subscriptions", help, self.held.clone());
        registry.register("message_hub_event_streams", "Open streams of server-sent events", self.streams.clone());
    }

    /// Counts one more in a family.
    pub(crate) fn count(family: &Family<OutcomeLabels, Counter>, outcome: &'static str) {
        family.get_or_create(&OutcomeLabels { outcome: SnakeCase(outcome) }).inc();
    }
}
