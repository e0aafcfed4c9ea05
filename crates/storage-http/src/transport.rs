//! The transport of requests to the storage.

use async_trait::async_trait;
use bytes::Bytes;
use std::{error::Error, fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// One request of the storage's HTTP contract.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// The operation of the port it belongs to.
    pub operation: &'static str,
    /// The method.
    pub method: reqwest::Method,
    /// Path and query; starts with `/`.
    pub path: String,
    /// A JSON body.
    pub body: Option<Bytes>,
    /// Whether it may be sent again after its response was lost.
    pub idempotent: bool,
    /// How much work it may be for the upstream.
    pub size: RequestSize,
    /// How the layers treat it.
    pub kind: RequestKind,
    /// When its caller stops waiting; set by the outermost layer, and for one attempt by the layer that limits attempts. A
    /// transport sends the remaining time with the request.
    pub deadline: Option<Instant>,
}

impl ApiRequest {
    /// An ordinary request that reads this path and has no body.
    #[must_use]
    pub fn get(operation: &'static str, path: impl Into<String>) -> Self {
        Self {
            operation,
            method: reqwest::Method::GET,
            path: path.into(),
            body: None,
            idempotent: true,
            size: RequestSize::Ordinary,
            kind: RequestKind::Call,
            deadline: None,
        }
    }
}

/// How the layers treat a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// By the configuration of the layers.
    Call,
    /// A poll of the log, whose response may come `wait` later. Its time limit is this wait plus one attempt. It is
    /// sent once and bypasses the circuit breaker: its caller repeats it in any case, with its own back-off.
    Follow {
        /// How long the upstream may wait before it responds.
        wait: Duration,
    },
}

/// How much work a request may be for the upstream. A large request has more time, and its failure shows less: its size
/// may be the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestSize {
    /// The body has at most [`LARGE_BODY`] bytes, and the response is not a long page.
    Ordinary,
    /// A larger body, or a page of more than [`LARGE_PAGE`] rows.
    Large,
}

/// The largest body of an ordinary request, in bytes. 256 KiB.
pub const LARGE_BODY: usize = 256 * 1024;

/// Maximum number of rows of a page in an ordinary request. A page may have 8 MiB, whatever its rows.
pub const LARGE_PAGE: u32 = 20;

/// One response, with any status.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, as given.
    pub content_type: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The whole body.
    pub body: Bytes,
    /// The number of attempts.
    pub attempts: u32,
    /// Whether retries were made, so that an outer layer must not add its own.
    pub exhausted: bool,
    /// Whether an earlier attempt may have had an effect, because its response was lost or left that open: a rejection
    /// now does not mean that the first attempt had no effect.
    pub earlier_attempt_lost: bool,
}

impl ApiResponse {
    /// The response to one attempt, with this status and nothing else.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            retry_after: None,
            body: Bytes::new(),
            attempts: 1,
            exhausted: false,
            earlier_attempt_lost: false,
        }
    }

    /// The response as the cause of an error.
    pub(crate) fn as_failure(&self) -> FailureAnswer {
        FailureAnswer { status: self.status, attempts: self.attempts }
    }
}

/// The reason for a missing response.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The upstream accepts no connection.
    Connect,
    /// No response in time.
    Timeout,
    /// The caller stopped waiting before the limits of the transport were over.
    CallerDeadline,
    /// The connection broke before the response was complete, or the response was not HTTP.
    Interrupted,
    /// The breaker is open.
    CircuitOpen {
        /// When it will admit the next probe.
        retry_after: Duration,
    },
    /// The response is larger than
    /// [`HttpStorageConfig::max_response_bytes`](crate::HttpStorageConfig::max_response_bytes).
    ResponseTooLarge,
    /// There is no descriptor, port or memory left for a connection, or no room for a large answer on its way.
    OutOfResources,
    /// The request is larger than the way to the storage carries, such as a Message Hub. Nothing was sent.
    RequestTooLarge {
        /// The maximum size of a request, in bytes.
        limit: u64,
    },
    /// The request cannot be expressed in HTTP, because its address is longer than 65,534 bytes. Nothing was sent.
    NotSendable,
}

/// A request without a response.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// The reason.
    pub kind: TransportErrorKind,
    /// The operation of the port.
    pub operation: &'static str,
    /// Whether the request may have reached the server, in any attempt.
    pub sent: Sent,
    /// The number of attempts.
    pub attempts: u32,
    /// Whether retries were made.
    pub exhausted: bool,
    /// The cause.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Whether a request without a response may have reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It certainly did not.
    Never,
    /// It may have, and the server may have applied it.
    Perhaps,
}

impl TransportError {
    /// The limit of time that was over.
    pub(crate) fn limit(&self) -> Option<TimedOut> {
        let source = self.source.as_deref()?;
        let in_retry = || source.downcast_ref::<TimedOutInRetry>().map(|in_retry| in_retry.limit);
        source.downcast_ref::<TimedOut>().copied().or_else(in_retry)
    }

    /// The same, with what the attempt before has failed with, if this one had less than the time of an attempt.
    pub(crate) fn after(self, earlier: Option<Arc<dyn Error + Send + Sync>>) -> Self {
        match (self.limit(), earlier) {
            (Some(limit @ (TimedOut::RestOfCall(_) | TimedOut::Caller)), Some(earlier)) => {
                Self { source: Some(Arc::new(TimedOutInRetry { limit, earlier })), ..self }
            }
            _ => self,
        }
    }

    /// The error of one attempt, without a cause.
    #[must_use]
    pub fn of_attempt(kind: TransportErrorKind, operation: &'static str, sent: Sent) -> Self {
        Self { kind, operation, sent, attempts: 1, exhausted: false, source: None }
    }
}

/// Which limit of time was over: the cause of a [`TransportErrorKind::Timeout`] or
/// [`CallerDeadline`](TransportErrorKind::CallerDeadline).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimedOut {
    /// That of one attempt.
    #[error("an attempt may take {0:?}")]
    Attempt(Duration),
    /// What the whole call had left when the attempt began.
    #[error("the call had {0:?} left for this attempt")]
    RestOfCall(Duration),
    /// That of the whole call, retries and pauses included.
    #[error("a call may take {0:?}")]
    Call(Duration),
    /// That of the caller, see [`caller_deadline`](character_storage_port::caller_deadline).
    #[error("the caller waits no longer")]
    Caller,
}

/// A limit of time that was over before a retry had its answer, and what the attempt before it had failed with: the cause in the place
/// of a [`TimedOut`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{limit}; the attempt before it failed")]
pub struct TimedOutInRetry {
    /// The limit.
    pub limit: TimedOut,
    /// The failure: a [`TransportError`] or a [`FailureAnswer`].
    #[source]
    pub earlier: Arc<dyn Error + Send + Sync>,
}

impl TimedOut {
    /// The error of an attempt that this limit ended. It may have reached the server.
    pub(crate) fn of_attempt(self, operation: &'static str) -> TransportError {
        let source = Some(Arc::new(self) as _);
        let kind = match self {
            Self::Caller => TransportErrorKind::CallerDeadline,
            Self::Attempt(_) | Self::RestOfCall(_) | Self::Call(_) => TransportErrorKind::Timeout,
        };
        TransportError { source, ..TransportError::of_attempt(kind, operation, Sent::Perhaps) }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} got no answer after {} attempts: {:?}", self.operation, self.attempts, self.kind)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A response that reports a failure: the cause of the resulting error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the storage answered {status} after {attempts} attempts")]
pub struct FailureAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The number of attempts.
    pub attempts: u32,
}

/// Carries requests to the storage.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// The response, with any status.
    ///
    /// # Errors
    /// [`TransportError`] without a response.
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError>;
}
