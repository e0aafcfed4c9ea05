//! The metrics of a relay.

use crate::{RelayHandle, RelayState, status::Shared};
use character_message_hub::ErrorKind;
use character_storage_port::now;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{fmt, sync::Arc};

/// The code of an error in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Code(pub(crate) &'static str);

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.replace('-', "_").as_str().encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Failure {
    pub(crate) kind: Code,
}

#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) published: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) replayed: Counter,
    pub(crate) parked: Counter,
    pub(crate) failures: Family<Failure, Counter>,
    pub(crate) log_restarts: Counter,
    pub(crate) duration: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            published: Counter::default(),
            duplicates: Counter::default(),
            replayed: Counter::default(),
            parked: Counter::default(),
            failures: Family::default(),
            log_restarts: Counter::default(),
            duration: Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
        }
    }
}

impl Counters {
    pub(crate) fn failed(&self, code: &'static str) {
        self.failures.get_or_create(&Failure { kind: Code(code) }).inc();
    }
}

impl RelayHandle {
    /// Registers `relay_events_published_total`, `relay_events_duplicate_total`, `relay_events_replayed_total`,
    /// `relay_events_parked_total`, `relay_publish_failures_total`, `relay_log_restarts_total`,
    /// `relay_publish_duration_seconds`, `relay_state`, `relay_events_pending` and `relay_lag_seconds`.
    pub fn register(&self, registry: &mut Registry) {
        let counters = &self.0.counters;
        // Shown from the start, so that the first failure is an increase.
        for &code in ErrorKind::CODES {
            drop(counters.failures.get_or_create(&Failure { kind: Code(code) }));
        }
        let relay = registry.sub_registry_with_prefix("relay");
        for (name, help, counter) in [
            ("events_published", "Events that the hub has acknowledged, duplicates included", &counters.published),
            ("events_duplicate", "Events that the hub had already when they were published", &counters.duplicates),
            ("events_replayed", "Parked events that were published again by order of an operator", &counters.replayed),
            ("events_parked", "Events that were parked, because the hub refuses them", &counters.parked),
            ("log_restarts", "Times that the cursor of the log led nowhere", &counters.log_restarts),
        ] {
            relay.register(name, help, counter.clone());
        }
        relay.register(
            "publish_failures",
            "Events that the hub did not take, by kind of error",
            counters.failures.clone(),
        );
        let help = "Time of a call that publishes a batch of events";
        relay.register_with_unit("publish_duration", help, Unit::Seconds, counters.duration.clone());
        registry.register_collector(Box::new(State(Arc::clone(&self.0))));
    }
}

#[derive(Debug)]
struct State(Arc<Shared>);

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (current, pending, oldest) = {
            let observed = self.0.observed();
            (observed.state, observed.pending, observed.oldest)
        };
        let mut states =
            encoder.encode_descriptor("relay_state", "1 for the state of the relay", None, MetricType::Gauge)?;
        for &state in RelayState::ALL {
            let gauge = ConstGauge::new(i64::from(state == current));
            gauge.encode(states.encode_family(&[("state", state.name())])?)?;
        }
        let help = "Events that were read from the log and are not published yet";
        let pending = ConstGauge::new(i64::try_from(pending).unwrap_or(i64::MAX));
        pending.encode(encoder.encode_descriptor("relay_events_pending", help, None, MetricType::Gauge)?)?;
        let help = "Age of the oldest commit with an event that is not published; 0 without one";
        let lag = oldest.map_or(0.0, |oldest| now().duration_since(oldest).as_secs_f64().max(0.0));
        ConstGauge::new(lag).encode(encoder.encode_descriptor(
            "relay_lag",
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?)
    }
}
