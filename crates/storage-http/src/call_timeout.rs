//! The time limit of a whole call.

use crate::{ApiRequest, ApiResponse, RequestKind, TimedOut, Transport, TransportError};
use async_trait::async_trait;
use character_storage_port::caller_deadline;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Limits the time of the whole call, and passes its deadline to every layer below.
#[derive(Debug)]
pub(crate) struct CallTimeout<T> {
    pub(crate) inner: T,
    pub(crate) deadline: Duration,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for CallTimeout<T> {
    async fn call(&self, mut request: ApiRequest) -> Result<ApiResponse, TransportError> {
        // A poll is one attempt, and has the time of that.
        if let RequestKind::Follow { .. } = request.kind {
            return self.inner.call(request).await;
        }
        let operation = request.operation;
        let own = Instant::now() + self.deadline;
        let end = request.deadline.map_or(own, |deadline| deadline.min(own));
        let (end, limit) = match caller_deadline().map(Instant::from_std).filter(|at| *at < end) {
            Some(at) => (at, TimedOut::Caller),
            None => (end, TimedOut::Call(self.deadline)),
        };
        request.deadline = Some(end);
        let silence = || TransportError { attempts: 0, exhausted: true, ..limit.of_attempt(operation) };
        timeout_at(end, self.inner.call(request)).await.unwrap_or_else(|_| Err(silence()))
    }
}
