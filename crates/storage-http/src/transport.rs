//! What a request goes through on its way to the storage.

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
    /// Whether it may be sent again when its answer was lost.
    pub idempotent: bool,
    /// How much work it may be.
    pub size: RequestSize,
    /// How it is treated on its way.
    pub kind: RequestKind,
    /// When its caller stops waiting; set by the outermost layer.
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

/// How a request is treated on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// As the layers are configured.
    Call,
    /// A poll of the log, which the upstream may answer `wait` later. It has this time and that of one attempt, is sent once
    /// and passes by the circuit breaker: its caller asks again in any case, with a back-off of its own.
    Follow {
        /// How long the upstream may wait before it answers.
        wait: Duration,
    },
}

/// How much work a request may be for the upstream. A large request has more time, and its failure shows less: it may have
/// failed for its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestSize {
    /// The body has at most [`LARGE_BODY`] bytes, and the answer is not a long page.
    Ordinary,
    /// A larger body, or a page of more than [`LARGE_PAGE`] rows.
    Large,
}

/// The largest body of an ordinary request, in bytes. 256 KiB.
pub const LARGE_BODY: usize = 256 * 1024;

/// The most rows of a page that an ordinary request asks for. A page may have 8 MiB, whatever its rows.
pub const LARGE_PAGE: u32 = 20;

/// One answer, whatever its status.
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
    /// How often it was asked for.
    pub attempts: u32,
    /// Whether retries were spent on it, so that an outer layer must not add its own.
    pub exhausted: bool,
    /// Whether an earlier attempt may have had an effect, because its answer was lost or left that open: a refusal now
    /// does not mean that the first attempt had none.
    pub earlier_attempt_lost: bool,
}

impl ApiResponse {
    /// The answer to one attempt, with this status and nothing else.
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
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The upstream accepts no connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer was complete, or what came was not HTTP.
    Interrupted,
    /// The breaker is open.
    CircuitOpen {
        /// When it will admit the next probe.
        retry_after: Duration,
    },
    /// The answer is larger than [`HttpStorageConfig::max_response_bytes`](crate::HttpStorageConfig::max_response_bytes).
    ResponseTooLarge,
    /// This process has no descriptor, port or memory left for a connection. Nothing was sent.
    OutOfResources,
    /// The request cannot be written as HTTP, because its address is longer than 65,534 bytes. Nothing was sent.
    NotSendable,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// The reason.
    pub kind: TransportErrorKind,
    /// The operation of the port.
    pub operation: &'static str,
    /// `false`: it certainly never reached the server, in any attempt.
    pub sent: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether retries were spent on it.
    pub exhausted: bool,
    /// The cause.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl TransportError {
    /// Of one attempt, without a cause. `sent`: whether it may have reached the server.
    #[must_use]
    pub fn of_attempt(kind: TransportErrorKind, operation: &'static str, sent: bool) -> Self {
        Self { kind, operation, sent, attempts: 1, exhausted: false, source: None }
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

/// An answer that tells of a failure: the cause of the error made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the storage answered {status} after {attempts} attempts")]
pub struct FailureAnswer {
    /// The HTTP status.
    pub status: u16,
    /// How often it was tried.
    pub attempts: u32,
}

/// Carries requests to the storage.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// The answer, whatever its status.
    ///
    /// # Errors
    /// [`TransportError`] when there is none.
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError>;
}
