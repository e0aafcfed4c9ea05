//! The layers, in the one order.

use crate::{
    ApiRequest, ApiResponse, CircuitBreaker, ConnectError, HttpStorage, HttpStorageConfig, ReqwestTransport, Transport,
    TransportError, TransportMetrics,
    attempt_timeout::AttemptTimeout,
    breakers::{BreakerLayer, CircuitBreakers, Guard},
    budget::RetryBudget,
    call_timeout::CallTimeout,
    observed::Observed,
    prober::Prober,
    retries::Retries,
    retry_policy::RetryPolicy,
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// A transport with deadline, metrics, retry, breaker and attempt timeout around it, in that order from the outside.
#[derive(Debug)]
pub struct TransportStack<T = ReqwestTransport> {
    layers: CallTimeout<Observed<Retries<BreakerLayer<AttemptTimeout<T>>>>>,
    transport: Arc<T>,
    deadline: Duration,
    guard: Guard<AttemptTimeout<T>>,
    breakers: CircuitBreakers,
    metrics: TransportMetrics,
}

impl<T: Transport> TransportStack<T> {
    /// The layers around `transport`, from the inside outwards.
    #[must_use]
    pub fn around(transport: T, config: &HttpStorageConfig) -> Self {
        // Two and a half intervals are enough for two answers.
        let longest_wait =
            if config.breaker_probe.is_zero() { Duration::MAX } else { config.breaker_probe.mul_f64(2.5) };
        let breaker = |name| CircuitBreaker::new(name, config.breaker_failures, config.breaker_recovery, longest_wait);
        let breakers = CircuitBreakers { reads: breaker("reads"), changes: breaker("changes"), client: config.client };
        let budget = Arc::new(RetryBudget::new(config.retry_budget, config.retry_budget_ratio));
        let metrics = TransportMetrics::new(breakers.clone(), Arc::clone(&budget));
        let policy = RetryPolicy {
            max: config.retry_max,
            base: config.retry_base,
            cap: config.retry_cap,
            retry_after_cap: config.retry_after_cap,
        };
        let transport = Arc::new(transport);
        // Inside the breaker, so that silence is a failure to it.
        let limited = AttemptTimeout {
            inner: Arc::clone(&transport),
            timeout: config.attempt_timeout,
            large_timeout: config.large_timeout,
        };
        // Inside the retries, so that each attempt counts and an open breaker ends them.
        let prober = Prober::new(limited.clone(), config.breaker_probe, config.attempt_timeout);
        let guard = Guard::new(breakers.clone(), prober);
        let guarded = BreakerLayer { inner: limited, guard: guard.clone() };
        let retrying = Retries { inner: guarded, policy, budget, metrics: metrics.clone() };
        // Outside the retries, so that a call is counted once.
        let observed = Observed { inner: retrying, metrics: metrics.clone() };
        // Outermost, so that nothing outlives it.
        let deadline = config.deadline;
        Self { layers: CallTimeout { inner: observed, deadline }, transport, deadline, guard, breakers, metrics }
    }

    /// The transport below the layers.
    pub(crate) fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn guard(&self) -> &Guard<AttemptTimeout<T>> {
        &self.guard
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for TransportStack<T> {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        self.layers.call(request).await
    }
}

impl HttpStorage<TransportStack> {
    /// A client of the Storage Service. Does not connect yet, so that a service can start before its storage.
    ///
    /// # Errors
    /// [`ConnectError`] when the address or the TLS set-up cannot be used.
    pub fn connect(config: HttpStorageConfig) -> Result<Self, ConnectError> {
        Ok(Self::over(TransportStack::around(ReqwestTransport::new(&config)?, &config)))
    }
}

impl<T> HttpStorage<TransportStack<T>>
where
    T: Transport,
{
    /// The metrics of the transport stack.
    #[must_use]
    pub fn metrics(&self) -> &TransportMetrics {
        &self.transport().metrics
    }

    /// The circuit breakers, for operators.
    #[must_use]
    pub fn breakers(&self) -> &CircuitBreakers {
        &self.transport().breakers
    }
}
