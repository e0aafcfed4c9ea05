//! The metrics of whole calls.

use crate::{ApiRequest, ApiResponse, Transport, TransportError, metrics::TransportMetrics};
use async_trait::async_trait;
use std::time::Instant;

/// Measures whole calls, including retries.
#[derive(Debug)]
pub(crate) struct Observed<T> {
    pub(crate) inner: T,
    pub(crate) metrics: TransportMetrics,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for Observed<T> {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let (operation, started) = (request.operation, Instant::now());
        let in_flight = self.metrics.enter();
        let result = self.inner.call(request).await;
        drop(in_flight);
        self.metrics.called(operation, started.elapsed(), &result);
        result
    }
}
