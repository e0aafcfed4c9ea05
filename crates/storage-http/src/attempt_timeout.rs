//! The time limit of one attempt.

use crate::{ApiRequest, ApiResponse, RequestKind, RequestSize, TimedOut, Transport, TransportError};
use async_trait::async_trait;
use character_storage_port::caller_deadline;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Ends an attempt after its time limit, or at the deadline of the call. Inside the breaker, so that silence counts.
#[derive(Debug)]
pub(crate) struct AttemptTimeout<T> {
    pub(crate) inner: Arc<T>,
    pub(crate) timeout: Duration,
    /// The same for a large request.
    pub(crate) large_timeout: Duration,
}

impl<T> Clone for AttemptTimeout<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), ..*self }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport> Transport for AttemptTimeout<T> {
    async fn call(&self, mut request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let operation = request.operation;
        let timeout = match (request.kind, request.size) {
            (RequestKind::Follow { wait }, _) => wait + self.timeout,
            (RequestKind::Call, RequestSize::Ordinary) => self.timeout,
            (RequestKind::Call, RequestSize::Large) => self.large_timeout,
        };
        let now = Instant::now();
        let own = now + timeout;
        let is_of_caller = |at: &Instant| caller_deadline().is_some_and(|caller| Instant::from_std(caller) <= *at);
        let (end, limit) = match request.deadline.filter(|deadline| *deadline < own) {
            Some(deadline) if is_of_caller(&deadline) => (deadline, TimedOut::Caller),
            Some(deadline) => (deadline, TimedOut::RestOfCall(deadline.saturating_duration_since(now))),
            None => (own, TimedOut::Attempt(timeout)),
        };
        // A poll has a wait that the upstream knows.
        if request.kind == RequestKind::Call {
            request.deadline = Some(end);
        }
        timeout_at(end, self.inner.call(request)).await.unwrap_or_else(|_| Err(limit.of_attempt(operation)))
    }
}
