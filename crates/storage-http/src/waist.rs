//! The layers, in the one order.

use crate::{
    ApiRequest, ApiResponse, CircuitBreaker, ConnectError, HttpStorage, HttpStorageConfig, ReqwestTransport, Transport,
    TransportError, WaistMetrics, breaking::Breaking, budget::RetryBudget, deadlined::Deadlined, observed::Observed,
    retry_policy::RetryPolicy, retrying::Retrying, time_limited::TimeLimited,
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// A transport with deadline, metrics, retry, breaker and attempt timeout around it, in that order from the outside.
#[derive(Debug)]
pub struct Waist<T = ReqwestTransport> {
    layers: Deadlined<Observed<Retrying<Breaking<TimeLimited<T>>>>>,
    transport: Arc<T>,
    deadline: Duration,
    breaker: CircuitBreaker,
    metrics: WaistMetrics,
}

impl<T: Transport> Waist<T> {
    /// The layers around `transport`, from the inside outwards.
    #[must_use]
    pub fn around(transport: T, config: &HttpStorageConfig) -> Self {
        let breaker = CircuitBreaker::new(config.breaker_failures, config.breaker_recovery);
        let budget = Arc::new(RetryBudget::new(config.retry_budget, config.retry_budget_ratio));
        let metrics = WaistMetrics::new(breaker.clone(), Arc::clone(&budget));
        let policy = RetryPolicy {
            max: config.retry_max,
            base: config.retry_base,
            cap: config.retry_cap,
            retry_after_cap: config.retry_after_cap,
        };
        let transport = Arc::new(transport);
        // Inside the breaker, so that silence is a failure to it.
        let limited = TimeLimited { inner: Arc::clone(&transport), timeout: config.attempt_timeout };
        // Inside the retries, so that each attempt counts and an open breaker ends them.
        let breaking = Breaking { inner: limited, breaker: breaker.clone() };
        let retrying = Retrying { inner: breaking, policy, budget, metrics: metrics.clone() };
        // Outside the retries, so that a call is counted once.
        let observed = Observed { inner: retrying, metrics: metrics.clone() };
        // Outermost, so that nothing outlives it.
        let deadline = config.deadline;
        Self { layers: Deadlined { inner: observed, deadline }, transport, deadline, breaker, metrics }
    }

    /// What is below the layers.
    pub(crate) fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for Waist<T> {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        self.layers.call(request).await
    }
}

impl HttpStorage<Waist> {
    /// A client of the Storage Service. Makes no connection yet, so that a service can start before its storage.
    ///
    /// # Errors
    /// [`ConnectError`] when the address or the TLS set-up cannot be used.
    pub fn connect(config: HttpStorageConfig) -> Result<Self, ConnectError> {
        Ok(Self::over(Waist::around(ReqwestTransport::new(&config)?, &config)))
    }
}

impl<T> HttpStorage<Waist<T>>
where
    T: Transport,
{
    /// What the waist counts.
    #[must_use]
    pub fn metrics(&self) -> &WaistMetrics {
        &self.transport().metrics
    }

    /// The circuit breaker, for operators.
    #[must_use]
    pub fn breaker(&self) -> &CircuitBreaker {
        &self.transport().breaker
    }
}
