//! The metrics of the state of breakers and retry budget.

use crate::{breaker::BreakerState, breakers::CircuitBreakers, budget::RetryBudget};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::{fmt, sync::Arc};

/// The values that are read when scraped, so that they are never outdated.
#[derive(Debug)]
pub(super) struct State {
    pub(super) breakers: CircuitBreakers,
    pub(super) budget: Arc<RetryBudget>,
}

#[derive(Debug)]
pub(super) struct StateCollector(pub(super) Arc<State>);

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let State { breakers, budget } = self.0.as_ref();
        let breakers = breakers.all();
        let mut states = encoder.encode_descriptor(
            "circuit_breaker_state",
            "Whether the circuit breaker is in this state",
            None,
            MetricType::Gauge,
        )?;
        for breaker in breakers {
            let now = breaker.state();
            for &state in BreakerState::ALL {
                let gauge = ConstGauge::new(i64::from(state == now));
                gauge.encode(states.encode_family(&[("breaker", breaker.name()), ("state", state.as_str())])?)?;
            }
        }
        let mut forced = encoder.encode_descriptor(
            "circuit_breaker_forced",
            "Whether an operator keeps the circuit breaker in its state",
            None,
            MetricType::Gauge,
        )?;
        for breaker in breakers {
            let gauge = ConstGauge::new(i64::from(breaker.is_forced()));
            gauge.encode(forced.encode_family(&[("breaker", breaker.name())])?)?;
        }
        let mut failures = encoder.encode_descriptor(
            "circuit_breaker_consecutive_failures",
            "Failures in a row that the circuit breaker has seen",
            None,
            MetricType::Gauge,
        )?;
        for breaker in breakers {
            let gauge = ConstGauge::new(i64::from(breaker.failures()));
            gauge.encode(failures.encode_family(&[("breaker", breaker.name())])?)?;
        }
        let mut probes = encoder.encode_descriptor(
            "circuit_breaker_recovery_attempts",
            "Probes that the circuit breaker admitted for a call after the recovery time",
            None,
            MetricType::Counter,
        )?;
        for breaker in breakers {
            let counter = ConstCounter::new(breaker.recovery_attempts());
            counter.encode(probes.encode_family(&[("breaker", breaker.name())])?)?;
        }
        let mut rejected = encoder.encode_descriptor(
            "circuit_breaker_rejected",
            "Calls refused by the circuit breaker",
            None,
            MetricType::Counter,
        )?;
        for breaker in breakers {
            let counter = ConstCounter::new(breaker.rejected());
            counter.encode(rejected.encode_family(&[("breaker", breaker.name())])?)?;
        }
        let tokens = ConstGauge::new(budget.left());
        let help = "Retries that the budget still affords";
        tokens.encode(encoder.encode_descriptor(
            "storage_client_retry_budget_tokens",
            help,
            None,
            tokens.metric_type(),
        )?)?;
        Ok(())
    }
}
