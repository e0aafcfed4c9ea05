//! The storage port over HTTP: one request for each operation, through one transport stack.
//!
//! Around every request, outermost first: overall **deadline** → **metrics** → **retry** → **circuit breaker** →
//! **attempt timeout** → socket. The order is built in one place and cannot be built otherwise: retries are outside the
//! breaker so that each attempt counts and an open breaker ends them; the attempt timeout is inside the breaker so that
//! silence counts as a failure. Reads and changes have a breaker each; an open one is probed in the background. Every
//! commit is idempotent by its id, so lost responses are retried safely. A snapshot is a stream: it passes only the
//! breaker, and each wait for more data is bounded. Following the log is a poll: its time limit is the wait of the
//! storage plus one attempt, it is sent once, and it neither trips the breaker nor waits for it.
//!
//! ```
//! use character_storage_http::{HttpStorage, HttpStorageConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let token = "secret".to_owned().into();
//! let config = HttpStorageConfig::new("http://storage.internal:8100".parse()?, token);
//! let storage = HttpStorage::connect(config)?;
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attempt_timeout;
#[cfg(test)]
mod bookkeeping;
mod breaker;
mod breakers;
mod budget;
mod call_timeout;
mod commit;
mod config;
mod consumers;
mod log;
mod metrics;
mod observed;
mod prober;
mod reqwest_transport;
mod retries;
mod retry_policy;
mod snapshot;
mod storage;
mod token;
mod trace_context;
mod transport;
mod transport_stack;
mod verdict;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Writes the methods of a [`Transport`].
pub use async_trait::async_trait;
/// The body of a request or a response.
pub use bytes::Bytes;
/// What a client trusts, and its own certificate.
#[cfg(feature = "rustls")]
pub use character_credentials::ClientTls;
/// A token, a password or an address that can be replaced, and its text.
pub use character_credentials::{Secret, SecretString};
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;
/// The method of a request.
pub use reqwest::Method;
/// The clock of the deadline of a request.
pub use tokio::time::Instant;
/// An address.
pub use url::Url;

pub use breaker::{BreakerState, CircuitBreaker};
pub use breakers::CircuitBreakers;
pub use config::HttpStorageConfig;
pub use metrics::TransportMetrics;
pub use reqwest_transport::{ConnectError, ReqwestTransport};
pub use snapshot::{ByteStream, OpenedResponse, StreamTransport};
pub use storage::HttpStorage;
pub use token::{AttemptToken, second_attempt};
pub use trace_context::current_trace_parent;
pub use transport::{
    ApiRequest, ApiResponse, FailureAnswer, LARGE_BODY, LARGE_PAGE, RequestKind, RequestSize, Sent, TimedOut,
    TimedOutInRetry, Transport, TransportError, TransportErrorKind,
};
pub use transport_stack::TransportStack;
