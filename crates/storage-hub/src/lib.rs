//! Calls of the storage port through the Message Hub.
//!
//! [`HubTransport`] takes the place of the socket below the transport stack of `character-storage-http`:
//!
//! ```
//! use character_message_hub::MemoryHub;
//! use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
//! use character_storage_hub::HubTransport;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Arc::new(MemoryHub::new());
//! let config = HttpStorageConfig::new("http://storage-service".parse()?, "secret".to_owned().into());
//! let transport = HubTransport::new(hub, "storage-service".parse()?, &config)?;
//! let storage = HttpStorage::over(TransportStack::around(transport, &config));
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

use async_trait::async_trait;
use bytes::Bytes;
use character_credentials::Secret;
use character_message_hub::{Applied, ErrorKind, HubError, MessageHub, Reply, ServiceName, ServiceRequest};
use character_storage_http::{
    ApiRequest, ApiResponse, AttemptToken, ConnectError, HttpStorageConfig, OpenedResponse, RequestKind, Sent,
    StreamTransport, Transport, TransportError, TransportErrorKind, current_trace_parent, second_attempt,
};
use futures_util::stream;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// One attempt through the hub: a request to the service, with the bearer token of the Storage Service.
///
/// A snapshot arrives as one reply, so it must fit into what the hub passes on; a larger one fails with
/// [`TransportErrorKind::ResponseTooLarge`]. Export a large storage without the hub.
pub struct HubTransport {
    hub: Arc<dyn MessageHub>,
    service: ServiceName,
    token: Secret,
    /// Maximum time of a request without a deadline of its own.
    deadline: Duration,
    max_response_bytes: usize,
    request_id: Option<fn() -> Option<String>>,
}

impl fmt::Debug for HubTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubTransport").field("hub", &self.hub).field("service", &self.service).finish_non_exhaustive()
    }
}

impl HubTransport {
    /// Requests to `service` over `hub`. Token, deadline, maximum size of a response and the source of request ids come from
    /// `config`; its base URL is not used. A request id travels as the correlation id.
    ///
    /// # Errors
    /// [`ConnectError::Token`], [`ConnectError::Setting`].
    pub fn new(
        hub: Arc<dyn MessageHub>,
        service: ServiceName,
        config: &HttpStorageConfig,
    ) -> Result<Self, ConnectError> {
        HttpStorageConfig::check_token(&config.token.get())?;
        config.check_settings()?;
        let (token, deadline, max_response_bytes) = (config.token.clone(), config.deadline, config.max_response_bytes);
        Ok(Self { hub, service, token, deadline, max_response_bytes, request_id: config.request_id })
    }

    fn request(&self, request: &ApiRequest, token: &SecretString) -> ServiceRequest {
        let most = match request.kind {
            RequestKind::Follow { wait } => wait + self.deadline,
            RequestKind::Call => self.deadline,
        };
        let left = request.deadline.map_or(most, |deadline| deadline.saturating_duration_since(Instant::now()));
        ServiceRequest {
            method: request.method.as_str().into(),
            content_type: request.body.as_ref().map(|_| "application/json".into()),
            authorization: Some(format!("Bearer {}", token.expose_secret()).into()),
            body: request.body.clone().unwrap_or_default(),
            idempotent: request.idempotent,
            correlation_id: self.request_id.and_then(|current| current()).map(Into::into),
            traceparent: current_trace_parent().map(Into::into),
            ..ServiceRequest::get(self.service.clone(), request.path.clone(), left.min(most))
        }
    }

    fn response(&self, operation: &'static str, reply: Reply) -> Result<ApiResponse, TransportError> {
        if reply.body.len() > self.max_response_bytes {
            return Err(TransportError::of_attempt(TransportErrorKind::ResponseTooLarge, operation, Sent::Perhaps));
        }
        let content_type = reply.content_type.map(|content_type| content_type.to_string());
        let (retry_after, body) = (reply.retry_after, reply.body);
        Ok(ApiResponse { content_type, retry_after, body, ..ApiResponse::of_status(reply.status) })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Transport for HubTransport {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let operation = request.operation;
        let token = AttemptToken::current(&self.token);
        let attempt = self.hub.request(self.request(&request, token.text()));
        let outcome = match token.outcome(&request, attempt, |reply| reply.status).await {
            Some(outcome) => outcome,
            None => self.hub.request(self.request(&second_attempt(&request), &self.token.get())).await,
        };
        match outcome {
            Ok(reply) => match no_room(&reply) {
                Some(Applied::No) => Ok(overloaded(reply.retry_after)),
                Some(Applied::Unknown) => {
                    let cause = HubError::new(ErrorKind::Unavailable { retry_after: reply.retry_after }, operation);
                    Err(failed(operation, cause.with_applied(Applied::Unknown)))
                }
                None => self.response(operation, reply),
            },
            // The hub refuses the credentials for itself, as the storage would those for the storage.
            Err(error) if *error.kind() == ErrorKind::Unauthorized => Ok(refusal(401, "unauthorized")),
            Err(error) if *error.kind() == ErrorKind::Forbidden => Ok(refusal(403, "forbidden")),
            Err(error) => match pause(&error) {
                Some(pause) => Ok(overloaded(Some(pause))),
                None => Err(failed(operation, error)),
            },
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StreamTransport for HubTransport {
    async fn open(&self, request: ApiRequest) -> Result<OpenedResponse, TransportError> {
        let response = self.call(request).await?;
        if response.status != 200 {
            return Ok(OpenedResponse::Whole(response));
        }
        let body: Bytes = response.body;
        let body = Box::pin(stream::iter([Ok(body)]));
        Ok(OpenedResponse::Stream { content_type: response.content_type, body })
    }
}

/// A problem of the storage with this code, which says that it is of the hub.
fn refusal(status: u16, code: &str) -> ApiResponse {
    let detail = "the Message Hub refuses the credentials of this service for the hub; the storage was not asked";
    ApiResponse {
        content_type: Some("application/problem+json".to_owned()),
        body: format!(r#"{{"code":"{code}","detail":"{detail}","certainly_not_applied":true}}"#).into(),
        ..ApiResponse::of_status(status)
    }
}

/// The hub works, and is overloaded: a storage answers the same with this status, which opens no breaker.
fn overloaded(pause: Option<Duration>) -> ApiResponse {
    ApiResponse { retry_after: pause, ..ApiResponse::of_status(429) }
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    certainly_not_applied: bool,
}

/// Whether the request was applied, of the reply of a hub that has no room for the request, or for the reply of the storage.
fn no_room(reply: &Reply) -> Option<Applied> {
    if reply.status != 503 {
        return None;
    }
    let problem: Problem = serde_json::from_slice(&reply.body).ok()?;
    let applied = if problem.certainly_not_applied { Applied::No } else { Applied::Unknown };
    (problem.code == "no-room").then_some(applied)
}

/// The pause that a hub demands which took nothing of the request.
fn pause(error: &HubError) -> Option<Duration> {
    match error.kind() {
        ErrorKind::Unavailable { retry_after } if error.certainly_not_applied() => *retry_after,
        _ => None,
    }
}

fn failed(operation: &'static str, cause: HubError) -> TransportError {
    let sent = if cause.certainly_not_applied() { Sent::Never } else { Sent::Perhaps };
    let kind = match (cause.kind(), sent) {
        (ErrorKind::Timeout, _) => TransportErrorKind::Timeout,
        (ErrorKind::TooLarge { .. }, Sent::Perhaps) => TransportErrorKind::ResponseTooLarge,
        (ErrorKind::TooLarge { limit, .. }, Sent::Never) => TransportErrorKind::RequestTooLarge { limit: *limit },
        (ErrorKind::Invalid, Sent::Never) => TransportErrorKind::NotSendable,
        (_, Sent::Never) => TransportErrorKind::Connect,
        // A hub that names a pause works, and has no room for the reply.
        (ErrorKind::Unavailable { retry_after: Some(_) }, Sent::Perhaps) => TransportErrorKind::OutOfResources,
        (_, Sent::Perhaps) => TransportErrorKind::Interrupted,
    };
    TransportError { source: Some(Arc::new(cause)), ..TransportError::of_attempt(kind, operation, sent) }
}
