//! The metrics of the transport stack.
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `storage_client_requests_total` | operation, outcome, cause | whole calls, by outcome; `cause`: the failure that opened the breaker |
//! | `storage_client_request_duration_seconds` | operation | duration of whole calls, including pauses |
//! | `storage_client_attempts_total` | operation, outcome | attempts, by outcome |
//! | `storage_client_retries_total` | operation, reason | retries scheduled |
//! | `storage_client_retry_budget_exhausted_total` | | retries not made because the budget was exhausted |
//! | `storage_client_retry_budget_tokens` | | retries left |
//! | `storage_client_in_flight` | | calls in flight |
//! | `circuit_breaker_state` | breaker, state | 1 for the current state of the breaker, 0 for the others; read when scraped |
//! | `circuit_breaker_forced` | breaker | 1 while an operator keeps the breaker in its state |
//! | `circuit_breaker_consecutive_failures` | breaker | consecutive failures |
//! | `circuit_breaker_recovery_attempts_total` | breaker | probes admitted for a call after the recovery time |
//! | `circuit_breaker_rejected_total` | breaker | calls rejected |

mod state;

use crate::{ApiResponse, TransportError, TransportErrorKind, breakers::CircuitBreakers, budget::RetryBudget};
use character_storage_port::{EntityKind, OPERATIONS};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use state::{State, StateCollector};
use std::{fmt, sync::Arc, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: OperationLabel,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    operation: OperationLabel,
    outcome: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    operation: OperationLabel,
    outcome: &'static str,
    cause: &'static str,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Retried {
    operation: OperationLabel,
    reason: &'static str,
}

/// The operation as the value of a label: `character.find` is `character_find`, converted when it is read, not when it
/// is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct OperationLabel(&'static str);

impl EncodeLabelValue for OperationLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.replace('.', "_").as_str().encode(encoder)
    }
}

/// The metrics of one client; clones are the same metrics. The table is in the module's source and in the docs.
#[derive(Clone, Debug)]
pub struct TransportMetrics {
    requests: Family<Called, Counter>,
    attempts: Family<Ended, Counter>,
    duration: Family<Operation, Histogram, fn() -> Histogram>,
    retries: Family<Retried, Counter>,
    budget_exhausted: Counter,
    in_flight: Gauge,
    state: Arc<State>,
}

impl TransportMetrics {
    pub(crate) fn new(breakers: CircuitBreakers, budget: Arc<RetryBudget>) -> Self {
        Self {
            requests: Family::default(),
            attempts: Family::default(),
            // 50 µs to 26 s: from an answer on the same machine to a call that used up its deadline.
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.00005, 2.0, 20))),
            retries: Family::default(),
            budget_exhausted: Counter::default(),
            in_flight: Gauge::default(),
            state: Arc::new(State { breakers, budget }),
        }
    }

    /// Registers all of them in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.begin();
        registry.register("storage_client_requests", "Calls to the Storage Service, by outcome", self.requests.clone());
        registry.register(
            "storage_client_attempts",
            "Attempts of calls to the Storage Service, by outcome",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "storage_client_request_duration",
            "Duration of a call to the Storage Service, including retries",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register("storage_client_retries", "Retries scheduled, by reason", self.retries.clone());
        registry.register(
            "storage_client_retry_budget_exhausted",
            "Retries not made because the retry budget was exhausted",
            self.budget_exhausted.clone(),
        );
        registry.register("storage_client_in_flight", "Calls to the Storage Service in flight", self.in_flight.clone());
        registry.register_collector(Box::new(StateCollector(Arc::clone(&self.state))));
    }

    /// Creates every series with the value zero, so that a rate includes the first event. A way to the storage that carries
    /// less than HTTP has one more outcome, `request_too_large`, which begins with its first call.
    fn begin(&self) {
        let of_kinds = EntityKind::ALL.iter().flat_map(|kind| kind.operations());
        for operation in OPERATIONS.iter().copied().chain(of_kinds) {
            let operation = OperationLabel(operation);
            for outcome in OUTCOMES {
                drop(self.requests.get_or_create(&Called { operation, outcome, cause: NO_CAUSE }));
                drop(self.attempts.get_or_create(&Ended { operation, outcome }));
            }
            for cause in CAUSES {
                drop(self.requests.get_or_create(&Called { operation, outcome: CIRCUIT_OPEN, cause }));
            }
            for reason in REASONS {
                drop(self.retries.get_or_create(&Retried { operation, reason }));
            }
        }
    }

    /// Calls to the Storage Service in flight.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Retries that the budget still affords, and how many it affords at most.
    #[must_use]
    pub fn retry_budget(&self) -> (f64, f64) {
        (self.state.budget.left(), self.state.budget.capacity())
    }

    pub(crate) fn retried(&self, operation: &'static str, reason: &'static str) {
        self.retries.get_or_create(&Retried { operation: OperationLabel(operation), reason }).inc();
    }

    /// Counts an attempt, unless the breaker kept it off the wire.
    pub(crate) fn attempted(&self, operation: &'static str, result: &Result<ApiResponse, TransportError>) {
        if !matches!(result, Err(error) if matches!(error.kind, TransportErrorKind::CircuitOpen { .. })) {
            self.attempts
                .get_or_create(&Ended { operation: OperationLabel(operation), outcome: outcome(result) })
                .inc();
        }
    }

    pub(crate) fn budget_exhausted(&self) {
        self.budget_exhausted.inc();
    }

    /// Counts a call as in flight until the guard is dropped, also when the call is cancelled.
    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn called(&self, operation: &'static str, took: Duration, result: &Result<ApiResponse, TransportError>) {
        let (operation_label, outcome) = (OperationLabel(operation), outcome(result));
        self.requests.get_or_create(&Called { operation: operation_label, outcome, cause: cause(result) }).inc();
        self.duration.get_or_create(&Operation { operation: OperationLabel(operation) }).observe(took.as_secs_f64());
    }
}

fn outcome(result: &Result<ApiResponse, TransportError>) -> &'static str {
    match result {
        Ok(response) => match response.status {
            ..400 => "success",
            400..500 => "client_error",
            _ => "server_error",
        },
        Err(error) => error.kind.verdict().label,
    }
}

/// What opened the breaker that refused a call; `none` for every other end of a call.
fn cause(result: &Result<ApiResponse, TransportError>) -> &'static str {
    let Err(TransportError { kind: TransportErrorKind::CircuitOpen { .. }, source, .. }) = result else {
        return NO_CAUSE;
    };
    let Some(source) = source else { return FORCED };
    match source.downcast_ref::<TransportError>() {
        Some(error) => error.kind.verdict().label,
        // The other failure that a breaker counts is an answer that reports one.
        None => "server_error",
    }
}

/// The value of `cause` where there is none.
const NO_CAUSE: &str = "none";
/// The value of `cause` when an operator keeps the breaker open.
const FORCED: &str = "forced";
const CIRCUIT_OPEN: &str = "circuit_open";

/// What a call or an attempt can end with, except the refusal by a breaker.
const OUTCOMES: [&str; 10] = [
    "success",
    "client_error",
    "server_error",
    "connect",
    "timeout",
    "interrupted",
    "too_large",
    "out_of_resources",
    "not_sendable",
    "caller_deadline",
];
/// What can open a breaker.
const CAUSES: [&str; 5] = ["connect", "timeout", "interrupted", "server_error", FORCED];
/// What can be retried.
const REASONS: [&str; 10] =
    ["408", "425", "429", "502", "503", "504", "connect", "timeout", "interrupted", "out_of_resources"];

#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
