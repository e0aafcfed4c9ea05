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
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let help = "Events that the file keeps";
        let events = encoder.encode_descriptor("message_hub_kept_events", help, None, MetricType::Gauge)?;
        gauge(status.events).encode(events)?;
        let help = "Size of the events that the file keeps";
        let bytes = encoder.encode_descriptor("message_hub_kept", help, Some(&Unit::Bytes), MetricType::Gauge)?;
        gauge(status.bytes).encode(bytes)?;
        let help = "Maximum number of events that the file keeps";
        let events = encoder.encode_descriptor("message_hub_kept_events_max", help, None, MetricType::Gauge)?;
        gauge(status.max_events).encode(events)?;
        let help = "Maximum size of the events that the file keeps";
        let bytes = encoder.encode_descriptor("message_hub_kept_max", help, Some(&Unit::Bytes), MetricType::Gauge)?;
        gauge(status.max_bytes).encode(bytes)?;
        let help = "Events that expired before a subscription settled them, counted once per subscription";
        let name = "message_hub_expired_unsettled_events";
        let expired = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(status.expired_unsettled).encode(expired)
    }
}
