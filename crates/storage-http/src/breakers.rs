//! The two circuit breakers of a client, and the layer that consults them before each attempt.

use crate::{
    ApiRequest, ApiResponse, BreakerState, CircuitBreaker, RequestKind, Sent, Transport, TransportError,
    TransportErrorKind,
    breaker::{Cause, Permit, Settled},
    prober::Prober,
    verdict::{Evidence, evidence},
};
use async_trait::async_trait;
use character_error_reporter::redacted;
use reqwest::Method;
use std::sync::Arc;

/// One breaker for reads and one for changes, so that a database that accepts no writes does not stop reads.
///
/// Clones are the same breakers.
#[derive(Clone, Debug)]
pub struct CircuitBreakers {
    /// For requests that read.
    pub reads: CircuitBreaker,
    /// For requests that change something.
    pub changes: CircuitBreaker,
    /// The name of the client in log lines: [`HttpStorageConfig::client`](crate::HttpStorageConfig::client).
    pub(crate) client: &'static str,
}

impl CircuitBreakers {
    /// Both breakers, that of reads first.
    #[must_use]
    pub fn all(&self) -> [&CircuitBreaker; 2] {
        [&self.reads, &self.changes]
    }

    /// The breaker that a request with this method passes.
    pub(crate) fn of(&self, method: &Method) -> &CircuitBreaker {
        if method.is_safe() { &self.reads } else { &self.changes }
    }

    /// The state of the breaker that restricts calls more.
    #[must_use]
    pub fn worst_state(&self) -> BreakerState {
        let states = self.all().map(CircuitBreaker::state);
        [BreakerState::Open, BreakerState::HalfOpen]
            .into_iter()
            .find(|state| states.contains(state))
            .unwrap_or(BreakerState::Closed)
    }
}

/// Consults the breaker of a call before each attempt, and reports the result to it. [`evidence`] decides what counts.
/// A follower of the log bypasses it: it is not a call of a user, continues to poll while the breaker is open, and
/// would otherwise open the breaker alone.
#[derive(Debug)]
pub(crate) struct BreakerLayer<T> {
    pub(crate) inner: T,
    pub(crate) guard: Guard<T>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + Clone> Transport for BreakerLayer<T> {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        if let RequestKind::Follow { .. } = request.kind {
            return self.inner.call(request).await;
        }
        let size = request.size;
        let permit = self.guard.admit(&request).await?;
        let result = self.inner.call(request).await;
        self.guard.settle(permit, evidence(size, &result), || {
            Some(match &result {
                Ok(response) => Arc::new(response.as_failure()),
                Err(error) => Arc::new(error.clone()),
            })
        });
        result
    }
}

/// Admits calls by their breaker, and probes the upstream while a breaker is open.
#[derive(Clone, Debug)]
pub(crate) struct Guard<T> {
    breakers: CircuitBreakers,
    prober: Arc<Prober<T>>,
}

impl<T: Transport> Guard<T> {
    pub(crate) fn new(breakers: CircuitBreakers, prober: Prober<T>) -> Self {
        Self { breakers, prober: Arc::new(prober) }
    }

    /// The right to make a call. When the breaker admits a probe, this sends the probe, and admits the call if it
    /// succeeds.
    ///
    /// Cancel safe: a dropped probe releases its slot.
    pub(crate) async fn admit(&self, request: &ApiRequest) -> Result<Permit, TransportError> {
        let breaker = self.breakers.of(&request.method);
        let refused = |retry_after| {
            let kind = TransportErrorKind::CircuitOpen { retry_after };
            let source = breaker.cause();
            TransportError { attempts: 0, source, ..TransportError::of_attempt(kind, request.operation, Sent::Never) }
        };
        let permit = breaker.admit().map_err(refused)?;
        if !permit.is_probe() {
            return Ok(permit);
        }
        let (client, name) = (self.breakers.client, breaker.name());
        tracing::info!(client, breaker = name, "the circuit breaker is half-open: the storage is probed");
        match permit.settle(self.prober.probe().await) {
            Settled::Closed => {
                tracing::info!(client, breaker = name, "the circuit breaker is closed: the storage answered a probe");
            }
            Settled::Opened => {
                tracing::warn!(client, breaker = name, "the circuit breaker is open again: the probe failed");
            }
            Settled::Unchanged => {}
        }
        // Refused again when the probe failed; a second probe in one call would not show more.
        match breaker.admit() {
            Ok(permit) if !permit.is_probe() => Ok(permit),
            Ok(_) => Err(refused(breaker.shortest_wait())),
            Err(retry_after) => Err(refused(retry_after)),
        }
    }

    /// Reports the outcome of an admitted call, and starts the background probes when it opened the breaker. `cause` says
    /// what failed, so that the calls that an open breaker refuses can name it.
    pub(crate) fn settle(&self, permit: Permit, evidence: Evidence, cause: impl FnOnce() -> Option<Cause>) {
        let breaker = permit.breaker();
        if evidence == Evidence::Failing {
            breaker.set_cause(cause());
        }
        if permit.settle(evidence) == Settled::Opened {
            let cause = breaker.opened_by().map(|cause| redacted(cause.as_ref()));
            tracing::warn!(
                client = self.breakers.client,
                breaker = breaker.name(),
                failures = breaker.failures(),
                cause = cause.map(tracing::field::display),
                "the circuit breaker is open: the storage fails"
            );
            self.prober.start(&self.breakers);
        }
    }
}
