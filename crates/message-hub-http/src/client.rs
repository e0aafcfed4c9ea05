//! One request to the hub, and what its failure means.

use crate::{ConnectError, HttpHubConfig};
use bytes::{Bytes, BytesMut};
use character_credentials::Secret;
use character_message_hub::{Applied, ErrorKind, HubError, Result};
use character_message_hub_wire::{self as wire, ProblemBody, RESPONDER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::{fmt, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

/// Idle connections are closed before the hub does so (75 s); otherwise a request may use a closing one.
const POOL_IDLE: Duration = Duration::from_secs(60);
/// The maximum number of requests of each kind at the same time. More wait for their turn within their own timeout, so that
/// a hub that does not answer costs a bounded number of connections.
const PUBLISHING: usize = 64;
const REQUESTING: usize = 2_048;
const SETTLING: usize = 128;

/// The connections to one hub.
pub(crate) struct Client {
    client: reqwest::Client,
    /// The address of the hub, without a `/` at its end.
    base: String,
    pub(crate) token: Secret,
    connect_timeout: Duration,
    pub(crate) publishing: Semaphore,
    pub(crate) requesting: Semaphore,
    pub(crate) settling: Semaphore,
    pub(crate) max_request_bytes: usize,
    pub(crate) max_reply_bytes: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(config: &HttpHubConfig) -> Result<Self, ConnectError> {
        HttpHubConfig::check_base_url(&config.base_url)?;
        HttpHubConfig::check_token(&config.token.get())?;
        config.check_settings()?;
        let builder = reqwest::Client::builder();
        #[cfg(feature = "rustls")]
        let builder = match &config.tls {
            Some(tls) => builder.tls_backend_preconfigured(tls.config()),
            None => builder,
        };
        let client = builder
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            // Proxy variables are read whatever the features are, and a proxy would be handed the token.
            .no_proxy()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("character-message-hub-http/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ConnectError::Client(Box::new(error)))?;
        Ok(Self {
            client,
            base: config.base_url.as_str().trim_end_matches('/').to_owned(),
            token: config.token.clone(),
            connect_timeout: config.connect_timeout,
            publishing: Semaphore::new(PUBLISHING),
            requesting: Semaphore::new(REQUESTING),
            settling: Semaphore::new(SETTLING),
            max_request_bytes: config.max_request_bytes,
            max_reply_bytes: config.max_reply_bytes,
        })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// A request to a path of the contract. It gets its token when it is sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request, and returns its body when the status is 200 or 204.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        request: RequestBuilder,
        limit: Limit,
        most: usize,
    ) -> Result<Bytes> {
        let response = self.send(operation, request, limit).await?;
        let status = response.status();
        if matches!(status, StatusCode::OK | StatusCode::NO_CONTENT) {
            return whole(operation, response, limit, most).await;
        }
        Err(refused(operation, response, limit).await)
    }

    /// Sends a request, and waits for the head of its response. It is sent once more when the hub has refused its token, which
    /// was replaced meanwhile.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
        limit: Limit,
    ) -> Result<Response> {
        let (token, again) = (self.token.get(), request.try_clone());
        let response = self.attempt(operation, request, &token, limit).await?;
        let is_refused = response.status() == StatusCode::UNAUTHORIZED && !response.headers().contains_key(RESPONDER);
        match again.filter(|_| is_refused && self.token.has_replaced(&token)) {
            Some(again) => self.attempt(operation, again, &self.token.get(), limit).await,
            None => Ok(response),
        }
    }

    async fn attempt(
        &self,
        operation: &'static str,
        request: RequestBuilder,
        token: &SecretString,
        limit: Limit,
    ) -> Result<Response> {
        let request = request.bearer_auth(token.expose_secret());
        let response = timeout_at(limit.deadline, request.send()).await.map_err(|_| limit.late(operation))?;
        response.map_err(|error| {
            // A connection that takes too long was not made; the cause does not contain the limit.
            let is_late = error.is_connect() && error.is_timeout();
            let failed = failed(operation, error);
            match is_late {
                true => failed.with_detail(format!("no connection within {:?}, connect_timeout", self.connect_timeout)),
                false => failed,
            }
        })
    }
}

/// How long a call may take, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Instant,
    length: Duration,
    /// What the limit is for, as an error names it.
    name: &'static str,
}

impl Limit {
    /// From now on. `name`: such as `the timeout of the call`.
    pub(crate) fn of(length: Duration, name: &'static str) -> Self {
        Self { deadline: Instant::now() + length, length, name }
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn late(&self, operation: &'static str) -> HubError {
        HubError::new(ErrorKind::Timeout, operation).within(self.name, self.length)
    }
}

/// A place among the requests of a kind. Nothing was sent when there is none in time.
pub(crate) async fn place<'s>(
    places: &'s Semaphore,
    operation: &'static str,
    limit: Limit,
) -> Result<SemaphorePermit<'s>> {
    let late = || {
        let detail = "the maximum of requests to the hub waits for an answer";
        let late = HubError::new(ErrorKind::Timeout, operation).with_applied(Applied::No).with_detail(detail);
        late.within(limit.name, limit.length)
    };
    let place = timeout_at(limit.deadline, places.acquire()).await.map_err(|_| late())?;
    // A place that became free at the very end is of no use.
    if Instant::now() >= limit.deadline {
        return Err(late());
    }
    // The semaphores are never closed.
    place.map_err(|error| HubError::new(ErrorKind::Corrupt, operation).with_source(error).with_applied(Applied::No))
}

/// The whole body of a response, at most this number of bytes.
pub(crate) async fn whole(operation: &'static str, mut response: Response, time: Limit, most: usize) -> Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let part = timeout_at(time.deadline, response.chunk()).await;
        let part = part.map_err(|_| time.late(operation))?;
        let Some(part) = part.map_err(|error| failed(operation, error))? else { return Ok(body.freeze()) };
        if body.len() + part.len() > most {
            let (limit, size) = (most as u64, (body.len() + part.len()) as u64);
            // The hub has done its work.
            let error = HubError::new(ErrorKind::TooLarge { limit, size }, operation).with_applied(Applied::Unknown);
            return Err(error.with_detail("the response is larger than this client takes"));
        }
        body.extend_from_slice(&part);
    }
}

/// The error that a response of the hub itself reports.
pub(crate) async fn refused(operation: &'static str, response: Response, limit: Limit) -> HubError {
    const MOST: usize = 256 * 1024;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let content_type = header(reqwest::header::CONTENT_TYPE);
    let retry_after = header(RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let is_problem = content_type.is_some_and(|text| wire::is_media_type(&text, wire::PROBLEM_JSON));
    if is_problem
        && let Ok(body) = whole(operation, response, limit, MOST).await
        && let Ok(problem) = serde_json::from_slice::<ProblemBody>(&body)
    {
        return problem.into_error(status, operation);
    }
    // Not of the hub: a proxy, or another program at its address.
    HubError::new(wire::kind_for_status(status, retry_after), operation)
        .with_detail(format!("status {status} without a problem of the hub"))
}

/// What a request without a response means.
fn failed(operation: &'static str, cause: reqwest::Error) -> HubError {
    let (kind, applied) = if cause.is_connect() {
        (ErrorKind::Unavailable { retry_after: None }, Applied::No)
    } else if cause.is_builder() {
        (ErrorKind::Invalid, Applied::No)
    } else if cause.is_timeout() {
        (ErrorKind::Timeout, Applied::Unknown)
    } else {
        (ErrorKind::Unavailable { retry_after: None }, Applied::Unknown)
    };
    // The address may tell more than a log should hold; the operation says enough.
    HubError::new(kind, operation).with_applied(applied).with_source(cause.without_url())
}

/// A body of the contract.
pub(crate) fn decoded<B: DeserializeOwned>(operation: &'static str, body: &[u8]) -> Result<B> {
    serde_json::from_slice(body).map_err(|error| HubError::new(ErrorKind::Corrupt, operation).with_source(error))
}
