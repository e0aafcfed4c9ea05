//! The retries of failed attempts.

use crate::{
    ApiRequest, ApiResponse, RequestKind, Sent, Transport, TransportError, TransportErrorKind,
    budget::RetryBudget,
    metrics::TransportMetrics,
    retry_policy::{RetryPolicy, reason},
};
use async_trait::async_trait;
use backoff::{ExponentialBackoff, backoff::Backoff};
use character_domain::json;
use character_storage_wire::Problem;
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tracing::{Instrument, info_span};

/// Retries failed attempts, as far as attempts, time and budget allow.
#[derive(Debug)]
pub(crate) struct Retries<T> {
    pub(crate) inner: T,
    pub(crate) policy: RetryPolicy,
    pub(crate) budget: Arc<RetryBudget>,
    pub(crate) metrics: TransportMetrics,
}

type Attempt = Result<ApiResponse, TransportError>;

/// What follows an attempt.
enum Next {
    /// Another one, after this pause.
    After(Duration),
    /// None: the outcome would be the same, or a repeat could do harm.
    Nothing,
    /// None, although another one could help: attempts, time or budget are spent.
    Spent,
}

impl<T: Transport> Retries<T> {
    fn next(
        &self,
        attempts: u32,
        pauses: &mut Option<ExponentialBackoff>,
        request: &ApiRequest,
        attempt: &Attempt,
    ) -> Next {
        let Some(reason) = reason(attempt, request) else { return Next::Nothing };
        let asked = attempt.as_ref().ok().and_then(|response| response.retry_after).unwrap_or_default();
        let pause = pauses
            .get_or_insert_with(|| self.policy.pauses())
            .next_backoff()
            .filter(|_| attempts <= self.policy.max && asked <= self.policy.retry_after_cap);
        let pause = pause.map(|pause| pause.max(asked));
        let in_time = |pause: &Duration| request.deadline.is_none_or(|deadline| Instant::now() + *pause < deadline);
        let Some(pause) = pause.filter(in_time) else { return Next::Spent };
        if !self.budget.take() {
            self.metrics.budget_exhausted();
            return Next::Spent;
        }
        self.metrics.retried(request.operation, reason);
        tracing::debug!(operation = request.operation, reason, pause_ms = pause.as_millis(), "retrying");
        Next::After(pause)
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
impl<T: Transport> Transport for Retries<T> {
    async fn call(&self, request: ApiRequest) -> Attempt {
        // A poll is never repeated, so it pays for no retries.
        if request.kind == RequestKind::Call {
            self.budget.offered();
        }
        // Made when the first one is needed: most calls pause never.
        let mut pauses = None;
        // Whether some attempt may have reached the server; and whether one may have had an effect that its answer, if any
        // came, does not tell of.
        let (mut attempts, mut sent, mut lost) = (0, Sent::Never, false);
        let mut earlier: Option<Arc<dyn Error + Send + Sync>> = None;
        loop {
            attempts += 1;
            let span =
                info_span!("storage_attempt", otel.kind = "client", operation = request.operation, attempt = attempts);
            let attempt = self.inner.call(request.clone()).instrument(span).await;
            self.metrics.attempted(request.operation, &attempt);
            let reached = attempt.as_ref().map_or_else(|error| error.sent == Sent::Perhaps, |_| true);
            if reached {
                sent = Sent::Perhaps;
            }
            let next = self.next(attempts, &mut pauses, &request, &attempt);
            if let Next::After(pause) = next {
                lost |= reached && !attempt.as_ref().is_ok_and(certainly_had_no_effect);
                earlier = Some(match attempt {
                    Ok(response) => Arc::new(response.as_failure()),
                    Err(error) => Arc::new(error),
                });
                sleep(pause).await;
                continue;
            }
            let exhausted = matches!(next, Next::Spent);
            return match attempt {
                Ok(response) => Ok(ApiResponse { attempts, exhausted, earlier_attempt_lost: lost, ..response }),
                Err(error) => {
                    // The breaker's refusal made no attempt of its own.
                    let refused = u32::from(matches!(error.kind, TransportErrorKind::CircuitOpen { .. }));
                    Err(TransportError { attempts: attempts - refused, exhausted, sent, ..error.after(earlier) })
                }
            };
        }
    }
}
