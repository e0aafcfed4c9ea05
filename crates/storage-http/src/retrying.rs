use crate::{
    ApiRequest, ApiResponse, RequestKind, Transport, TransportError, TransportErrorKind,
    budget::RetryBudget,
    metrics::WaistMetrics,
    retry_policy::{FullJitter, RetryPolicy, reason},
};
use async_trait::async_trait;
use backoff::backoff::{Backoff, Stop};
use character_domain::json;
use character_storage_wire::Problem;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;
use tracing::{Instrument, info_span};

/// Retries failed attempts, as far as attempts, time and budget allow.
#[derive(Debug)]
pub(crate) struct Retrying<T> {
    pub(crate) inner: T,
    pub(crate) policy: RetryPolicy,
    pub(crate) budget: Arc<RetryBudget>,
    pub(crate) metrics: WaistMetrics,
}

/// The state of all attempts of one call.
struct Call {
    pauses: Mutex<FullJitter>,
    attempts: AtomicU32,
    /// Some attempt may have reached the server.
    sent: AtomicBool,
    /// An attempt may have had an effect that its response, if any, does not show.
    lost: AtomicBool,
    /// The retry budget did not allow a further attempt.
    exhausted: AtomicBool,
}

type Attempt = Result<ApiResponse, TransportError>;

impl<T: Transport> Retrying<T> {
    /// The pause before the next attempt; `None` for no further attempt.
    fn pause(&self, call: &Call, request: &ApiRequest, attempt: &Attempt) -> Option<Duration> {
        let reason = reason(attempt, request)?;
        let asked = attempt.as_ref().ok().and_then(|response| response.retry_after).unwrap_or_default();
        let pause = call.pauses.lock().unwrap_or_else(PoisonError::into_inner).next_backoff();
        let pause = pause.map(|pause| pause.max(asked));
        let in_time = |pause: &Duration| request.deadline.is_none_or(|deadline| Instant::now() + *pause < deadline);
        let affordable = pause.filter(|_| asked <= self.policy.retry_after_cap).filter(in_time);
        let Some(pause) = affordable else {
            call.exhausted.store(true, Relaxed);
            return None;
        };
        if !self.budget.take() {
            self.metrics.budget_exhausted();
            call.exhausted.store(true, Relaxed);
            return None;
        }
        self.metrics.retried(request.operation, reason);
        tracing::debug!(operation = request.operation, reason, pause_ms = pause.as_millis(), "retrying");
        Some(pause)
    }

    async fn attempt(&self, call: &Call, request: ApiRequest) -> Result<ApiResponse, backoff::Error<Attempt>> {
        let number = call.attempts.fetch_add(1, Relaxed) + 1;
        let span = info_span!("storage_attempt", operation = request.operation, attempt = number);
        let attempt = self.inner.call(request.clone()).instrument(span).await;
        self.metrics.attempted(request.operation, &attempt);
        let sent = attempt.as_ref().map_or_else(|error| error.sent, |_| true);
        call.sent.fetch_or(sent, Relaxed);
        let pause = self.pause(call, &request, &attempt);
        if pause.is_some() && sent && !attempt.as_ref().is_ok_and(certainly_had_no_effect) {
            call.lost.store(true, Relaxed);
        }
        match (pause, attempt) {
            // The pause is always our own: left to itself, `backoff` would not count pauses that a server asked for.
            (Some(pause), attempt) => Err(backoff::Error::retry_after(attempt, pause)),
            (None, Ok(response)) => Ok(response),
            (None, Err(error)) => Err(backoff::Error::permanent(Err(error))),
        }
    }
}

/// Whether a response before the last one decides the outcome of its attempt. A 504 of an intermediary, or a 503 after
/// the write, leaves it open, and a later rejection must not be taken as the outcome of the whole call.
fn certainly_had_no_effect(response: &ApiResponse) -> bool {
    matches!(response.status, 425 | 429)
        || json::parse::<Problem>(&response.body).is_ok_and(|problem| problem.certainly_not_applied == Some(true))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for Retrying<T> {
    async fn call(&self, request: ApiRequest) -> Attempt {
        // A poll is never repeated, so it pays for no retries.
        if request.kind == RequestKind::Call {
            self.budget.offered();
        }
        let call = Call {
            pauses: Mutex::new(self.policy.pauses()),
            attempts: AtomicU32::new(0),
            sent: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            exhausted: AtomicBool::new(false),
        };
        // Everything happens inside the future: `backoff` calls the closure before it pauses.
        let attempts = || async { self.attempt(&call, request.clone()).await };
        let result = backoff::future::retry(Stop {}, attempts).await.or_else(|last| last);
        let (attempts, exhausted) = (call.attempts.load(Relaxed), call.exhausted.load(Relaxed));
        match result {
            Ok(response) => {
                let earlier_attempt_lost = call.lost.load(Relaxed);
                Ok(ApiResponse { attempts, exhausted, earlier_attempt_lost, ..response })
            }
            Err(error) => {
                // The breaker's refusal made no attempt of its own.
                let refused = u32::from(matches!(error.kind, TransportErrorKind::CircuitOpen { .. }));
                let attempts = attempts.saturating_sub(refused);
                Err(TransportError { attempts, exhausted, sent: call.sent.load(Relaxed), ..error })
            }
        }
    }
}
