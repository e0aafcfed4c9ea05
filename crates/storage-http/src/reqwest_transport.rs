//! The socket.

use crate::{
    ApiRequest, ApiResponse, AttemptToken, HttpStorageConfig, OpenedResponse, RequestKind, Sent, StreamTransport,
    Transport, TransportError, TransportErrorKind, second_attempt, trace_context,
};
use async_trait::async_trait;
use bytes::BytesMut;
use character_credentials::Secret;
use character_storage_port::Homes;
use character_storage_wire as wire;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use std::{error::Error, fmt, fs::File, io, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Idle connections are closed before the server does so (75 s); otherwise a request may use a closing one.
const POOL_IDLE: Duration = Duration::from_secs(60);

/// The media types of responses that are read: of one value, and of a stream.
const ACCEPTED: &str = "application/json, application/problem+json";
const ACCEPTED_STREAM: &str = "application/x-ndjson, application/problem+json";

/// The header with the id of a request.
const REQUEST_ID: &str = "x-request-id";

/// Errors of the operating system that are about this process or machine: no memory, too many open files in the system or
/// in the process, no free port, no buffer space.
const OWN_WANTS: [i32; 5] = [libc::ENOMEM, libc::ENFILE, libc::EMFILE, libc::EADDRNOTAVAIL, libc::ENOBUFS];

/// One attempt over a pooled connection: no retries, no redirects, no proxy from the environment. Runtimes of one thread have
/// pools of their own.
pub struct ReqwestTransport {
    clients: Clients,
    /// For streamed responses, whose total time is unlimited but which must not stall.
    streams: reqwest::Client,
    base: Url,
    token: Secret,
    request_id: Option<fn() -> Option<String>>,
    max_response_bytes: usize,
    /// The longest wait for a response, in addition to the time that the storage itself may wait.
    deadline: Duration,
}

/// A client for all callers, and one for each runtime of one thread.
struct Clients {
    shared: reqwest::Client,
    own: Homes<reqwest::Client>,
    config: HttpStorageConfig,
}

impl Clients {
    fn of(config: &HttpStorageConfig) -> Result<Self, reqwest::Error> {
        Ok(Self { shared: client(config)?, own: Homes::new(), config: config.clone() })
    }

    /// The client of the caller.
    fn own(&self) -> &reqwest::Client {
        let another = || client(&self.config).unwrap_or_else(|_| self.shared.clone());
        self.own.own(another).unwrap_or(&self.shared)
    }
}

/// For callers without the transport stack: no wait is without a bound.
fn client(config: &HttpStorageConfig) -> Result<reqwest::Client, reqwest::Error> {
    builder(config).timeout(config.deadline).build()
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

fn of(host: Option<&String>) -> String {
    host.map(|host| format!(" ({host})")).unwrap_or_default()
}

/// A client that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one that HTTP can use.
    #[error("the address of the Storage Service{} {reason}; an address is like http://storage:8100", of(host.as_ref()))]
    Address {
        /// Its host, if it has one.
        host: Option<String>,
        /// What is wrong with it, as the end of a sentence.
        reason: &'static str,
    },
    /// The token cannot stand in a header.
    #[error("the token of the Storage Service must be visible ASCII, without line breaks")]
    Token,
    /// A setting with which no call could succeed.
    #[error("{setting} {reason}")]
    Setting {
        /// The field of [`HttpStorageConfig`].
        setting: &'static str,
        /// What is wrong with it, as the end of a sentence.
        reason: &'static str,
    },
    /// TLS could not be set up.
    #[error("the HTTP client cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ConnectError {
    fn client(cause: reqwest::Error) -> Self {
        Self::Client(Box::new(cause))
    }
}

fn builder(config: &HttpStorageConfig) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder();
    #[cfg(feature = "rustls")]
    let builder = match &config.tls {
        Some(tls) => builder.tls_backend_preconfigured(tls.config()),
        None => builder,
    };
    builder
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        // Proxy variables are read whatever the features are, and a proxy would be handed the token.
        .no_proxy()
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("character-storage-http/", env!("CARGO_PKG_VERSION")))
}

impl ReqwestTransport {
    /// A client of the Storage Service at `config.base_url`. Does not connect yet.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn new(config: &HttpStorageConfig) -> Result<Self, ConnectError> {
        HttpStorageConfig::check_base_url(&config.base_url)?;
        HttpStorageConfig::check_token(&config.token.get())?;
        config.check_settings()?;
        let base = config.base_url.clone();
        let streams = builder(config).read_timeout(config.deadline).build().map_err(ConnectError::client)?;
        let clients = Clients::of(config).map_err(ConnectError::client)?;
        let (token, max_response_bytes, deadline) = (config.token.clone(), config.max_response_bytes, config.deadline);
        let request_id = config.request_id;
        Ok(Self { clients, streams, base, token, request_id, max_response_bytes, deadline })
    }

    /// The base with this path and query. The name of the host is not read once more for each request.
    fn address(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        match url.path().trim_end_matches('/') {
            "" => url.set_path(path),
            prefix => url.set_path(&format!("{prefix}{path}")),
        }
        url.set_query(query);
        url
    }

    /// Sends the request, and once more when its token was replaced meanwhile.
    async fn send(
        &self,
        client: &reqwest::Client,
        request: &ApiRequest,
        accepted: &'static str,
    ) -> Result<reqwest::Response, TransportError> {
        let token = AttemptToken::current(&self.token);
        let attempt = self.attempt(client, request, accepted, token.text());
        match token.outcome(request, attempt, |response| response.status().as_u16()).await {
            Some(response) => response,
            None => self.attempt(client, &second_attempt(request), accepted, &self.token.get()).await,
        }
    }

    async fn attempt(
        &self,
        client: &reqwest::Client,
        request: &ApiRequest,
        accepted: &'static str,
        token: &SecretString,
    ) -> Result<reqwest::Response, TransportError> {
        let mut builder = client
            .request(request.method.clone(), self.address(&request.path))
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, HeaderValue::from_static(accepted))
            .headers(trace_context::headers());
        if let Some(id) = self.request_id.and_then(|current| current()) {
            builder = builder.header(REQUEST_ID, id);
        }
        if let Some(at) = request.deadline {
            builder = builder.header(wire::TIMEOUT_MS, milliseconds(at.saturating_duration_since(Instant::now())));
        }
        if let RequestKind::Follow { wait } = request.kind {
            builder = builder.timeout(wait + self.deadline);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, HeaderValue::from_static(wire::JSON)).body(body.clone());
        }
        builder.send().await.map_err(|error| failed(request.operation, error))
    }

    async fn whole(
        &self,
        operation: &'static str,
        mut response: reqwest::Response,
    ) -> Result<ApiResponse, TransportError> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (content_type, retry_after) = (text(CONTENT_TYPE), text(RETRY_AFTER));
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(operation, error))? {
            if body.len() + chunk.len() > self.max_response_bytes {
                return Err(TransportError::of_attempt(TransportErrorKind::ResponseTooLarge, operation, Sent::Perhaps));
            }
            body.extend_from_slice(&chunk);
        }
        let retry_after = retry_after.as_deref().and_then(parse_retry_after);
        Ok(ApiResponse { content_type, retry_after, body: body.freeze(), ..ApiResponse::of_status(status) })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Transport for ReqwestTransport {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, TransportError> {
        let response = self.send(self.clients.own(), &request, ACCEPTED).await?;
        self.whole(request.operation, response).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StreamTransport for ReqwestTransport {
    async fn open(&self, request: ApiRequest) -> Result<OpenedResponse, TransportError> {
        let operation = request.operation;
        let response = self.send(&self.streams, &request, ACCEPTED_STREAM).await?;
        if response.status() != StatusCode::OK {
            return self.whole(operation, response).await.map(OpenedResponse::Whole);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let body = response.bytes_stream().map_err(move |error| failed(operation, error)).boxed();
        Ok(OpenedResponse::Stream { content_type, body })
    }
}

/// Rounded up, so that this side ends the wait first and names its own reason.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX).saturating_add(1)
}

fn failed(operation: &'static str, cause: reqwest::Error) -> TransportError {
    let (kind, sent) = if cause.is_connect() {
        let own = is_out_of_resources(&cause);
        (if own { TransportErrorKind::OutOfResources } else { TransportErrorKind::Connect }, Sent::Never)
    } else if cause.is_builder() {
        (TransportErrorKind::NotSendable, Sent::Never)
    } else if cause.is_timeout() {
        (TransportErrorKind::Timeout, Sent::Perhaps)
    } else {
        (TransportErrorKind::Interrupted, Sent::Perhaps)
    };
    // The address may tell more than a log should hold; the operation says enough.
    TransportError { source: Some(Arc::new(cause.without_url())), ..TransportError::of_attempt(kind, operation, sent) }
}

/// Whether a connection failed for a lack of local resources, which shows nothing about the upstream.
fn is_out_of_resources(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref().is_some_and(is_own_want) {
            return true;
        }
        next = error.source();
    }
    // A resolver of names that finds no descriptor reports that it knows no such name.
    File::open("/dev/null").is_err_and(|error| is_own_want(&error))
}

fn is_own_want(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| OWN_WANTS.contains(&number))
}

/// RFC 9110 §10.2.3: seconds, or a date.
fn parse_retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_query_come_behind_the_path_of_the_base() {
        for base in ["http://storage:8100", "http://storage:8100/", "http://gate/a%20b/", "http://gate/storage"] {
            let config = HttpStorageConfig::new(Url::parse(base).unwrap(), Secret::new("t".into()));
            let transport = ReqwestTransport::new(&config).unwrap();
            for path in ["/v1/rows", "/v1/rows/a%2Fb?name=%C3%BC&name=a+b", "/v1/rows?", "/v1/x;y?a?b"] {
                let whole = format!("{}{path}", base.trim_end_matches('/'));
                assert_eq!(transport.address(path), Url::parse(&whole).unwrap());
            }
        }
    }

    #[test]
    fn the_media_types_that_are_accepted_are_those_of_the_wire() {
        assert_eq!(ACCEPTED, format!("{}, {}", wire::JSON, wire::PROBLEM_JSON));
        assert_eq!(ACCEPTED_STREAM, format!("{}, {}", wire::NDJSON, wire::PROBLEM_JSON));
    }

    #[test]
    fn retry_after_is_understood_in_seconds_and_as_a_date() {
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(
            parse_retry_after("Wed, 21 Oct 2099 07:28:00 GMT").is_some_and(|wait| wait > Duration::from_secs(3600))
        );
        assert_eq!(parse_retry_after("soon"), None);
    }
}
