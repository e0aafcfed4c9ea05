//! The retry policy.

use crate::{
    ApiRequest, ApiResponse, RequestKind, RequestSize, Sent, TransportError, TransportErrorKind, verdict::Repeat,
};
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::time::Duration;

/// The number of retries, and the pauses between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    pub(crate) max: u32,
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
    pub(crate) retry_after_cap: Duration,
}

impl RetryPolicy {
    /// The pauses of one call: full jitter, each drawn from zero to an upper end that doubles up to a cap. `backoff` draws from
    /// both sides of its interval, so that its interval is half of the upper end.
    pub(crate) fn pauses(self) -> ExponentialBackoff {
        ExponentialBackoffBuilder::new()
            .with_initial_interval(self.base.min(self.cap) / 2)
            .with_max_interval(self.cap / 2)
            .with_multiplier(2.0)
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build()
    }
}

/// Why an attempt may be retried, as a bounded label; `None` when it may not. A large request is not retried after a
/// timeout, because it would time out again. The caller of a poll repeats it.
pub(crate) fn reason(result: &Result<ApiResponse, TransportError>, request: &ApiRequest) -> Option<&'static str> {
    if let RequestKind::Follow { .. } = request.kind {
        return None;
    }
    let (idempotent, large) = (request.idempotent, request.size == RequestSize::Large);
    match result {
        Ok(response) if large && matches!(response.status, 408 | 504) => None,
        Err(error) if large && error.kind == TransportErrorKind::Timeout => None,
        Ok(response) => match response.status {
            408 if idempotent => Some("408"),
            425 if idempotent => Some("425"),
            429 if idempotent => Some("429"),
            502 if idempotent => Some("502"),
            503 if idempotent => Some("503"),
            504 if idempotent => Some("504"),
            _ => None,
        },
        Err(error) => {
            let verdict = error.kind.verdict();
            let may_repeat = match verdict.repeat {
                Repeat::Always => true,
                Repeat::WhenHarmless => idempotent || error.sent == Sent::Never,
                Repeat::Never => false,
            };
            may_repeat.then_some(verdict.label)
        }
    }
}
