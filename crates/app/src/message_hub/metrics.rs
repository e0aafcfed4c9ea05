//! The metrics of the file with the events, read when they are asked for.

use character_message_hub_file::FileHub;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::fmt;

#[derive(Debug)]
struct FileState(FileHub);

/// Shows `message_hub_kept_events` and `message_hub_kept_bytes`, the maximum of each, and
/// `message_hub_expired_unsettled_events_total`.
pub(super) fn show_file(file: &FileHub, registry: &mut Registry) {
    registry.register_collector(Box::new(FileState(file.clone())));
}

impl Collector for FileState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.status();
        let mut gauge = |name, unit: Option<&Unit>, help, value: u64| {
            let descriptor = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(descriptor)
        };
        gauge("message_hub_kept_events", None, "Events that the file keeps", status.events)?;
        gauge("message_hub_kept", Some(&Unit::Bytes), "Size of the events that the file keeps", status.bytes)?;
        let help = "Maximum number of events that the file keeps";
        gauge("message_hub_kept_events_max", None, help, status.max_events)?;
        let help = "Maximum size of the events that the file keeps";
        gauge("message_hub_kept_max", Some(&Unit::Bytes), help, status.max_bytes)?;
        let help = "Events that expired before a subscription settled them, counted once per subscription";
        let name = "message_hub_expired_unsettled_events";
        let expired = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(status.expired_unsettled).encode(expired)
    }
}
