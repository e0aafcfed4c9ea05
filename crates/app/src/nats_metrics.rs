//! The metrics of large requests and replies over NATS, read when they are asked for.

use character_message_hub_nats::NatsBudget;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use std::fmt;

/// Shows `message_hub_nats_large_bytes` and `message_hub_nats_large_refused_total`.
pub(crate) fn show_budget(budget: &NatsBudget, registry: &mut Registry) {
    registry.register_collector(Box::new(Shown(budget.clone())));
}

#[derive(Debug)]
struct Shown(NatsBudget);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let kinds = [("request", self.0.requests()), ("reply", self.0.replies())];
        let help = "Bytes of large requests and replies that are held for NATS";
        let name = "message_hub_nats_large";
        let mut held = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
        for (kind, used) in kinds {
            let value = ConstGauge::new(i64::try_from(used.held_bytes).unwrap_or(i64::MAX));
            value.encode(held.encode_family(&[("kind", kind)])?)?;
        }
        let help = "Large requests and replies over NATS that were refused because their budget was used up";
        let mut refused =
            encoder.encode_descriptor("message_hub_nats_large_refused", help, None, MetricType::Counter)?;
        for (kind, used) in kinds {
            ConstCounter::new(used.refused).encode(refused.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}
