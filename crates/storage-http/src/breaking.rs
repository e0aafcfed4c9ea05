use crate::{
    ApiRequest, ApiResponse, Transport, TransportError, TransportErrorKind, breaker::CircuitBreaker, verdict::evidence,
};
use async_trait::async_trait;

/// Asks the breaker before each attempt and tells it how it went. [`evidence`] decides what counts.
#[derive(Debug)]
pub(crate) struct Breaking<T> {
    pub(crate) inner: T,
    pub(crate) breaker: CircuitBreaker,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for Breaking<T> {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let operation = request.operation;
        let permit = match self.breaker.admit() {
            Ok(permit) => permit,
            Err(retry_after) => {
                let kind = TransportErrorKind::CircuitOpen { retry_after };
                return Err(TransportError {
                    kind,
                    operation,
                    sent: false,
                    attempts: 0,
                    exhausted: false,
                    source: None,
                });
            }
        };
        let result = self.inner.call(request).await;
        permit.settle(evidence(&result));
        result
    }
}
