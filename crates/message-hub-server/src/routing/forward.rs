//! Sends a request to an instance of a service, and its reply back.

use super::{
    headers,
    instance::{Instance, Loaded},
    register::service,
};
use crate::{
    HubServer, body,
    caller::{self, LIMIT},
    metrics::Metrics,
    refusal::{Answer, Refusal},
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::{None as NoBody, SizedStream},
    http::{Method, StatusCode},
    web::{Bytes, Data, Payload},
};
use character_error_reporter::redacted;
use character_http_kit::FollowedToken;
use character_message_hub::{Applied, ErrorKind, Headers, HubError, REQUEST, Reply, ServiceName, ServiceRequest};
use character_message_hub_wire as wire;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, HeaderMap as OutHeaders};
use std::{io, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use url::Url;

/// How long a service may take when the request does not say so, and at most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// A reply up to this size is read whole before it is sent on, so that one that breaks off becomes a problem. 1 MiB.
const WHOLE: u64 = 1024 * 1024;
/// The maximum number of instances that may have received an idempotent request.
const MAX_ATTEMPTS: usize = 3;
/// The responder of a reply that the hub itself conveyed.
const BY_HUB: &str = "hub";

/// A request, ready to be sent to any instance.
struct Outgoing {
    to: ServiceName,
    method: reqwest::Method,
    /// Path and query at the service.
    path: String,
    headers: OutHeaders,
    body: Bytes,
    timeout: Duration,
    deadline: Instant,
    repeat: Repeat,
    /// The token that the caller sent.
    token: FollowedToken,
}

impl Outgoing {
    fn late(&self) -> HubError {
        HubError::new(ErrorKind::Timeout, REQUEST).within(LIMIT, self.timeout)
    }
}

/// Whether a second instance may receive a request that a first one may have received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Safe,
    Unsafe,
}

pub(crate) async fn forward(request: HttpRequest, payload: Payload, server: Data<HubServer>) -> Answer {
    let result = try_forward(request, payload, &server).await;
    let outcome = match &result {
        Ok(_) => "replied",
        Err(Failed::Hub(error)) => error.kind().code(),
        Err(Failed::Refused(_)) => "invalid",
    };
    Metrics::count(&server.metrics().routed, outcome);
    result.map_err(|failed| match failed {
        Failed::Hub(error) => error.into(),
        Failed::Refused(refusal) => refusal,
    })
}

/// Why a request has no reply.
enum Failed {
    Hub(HubError),
    Refused(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<HubError> for Failed {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

async fn try_forward(request: HttpRequest, payload: Payload, server: &HubServer) -> Result<HttpResponse, Failed> {
    let started = Instant::now();
    let to = service(request.match_info().get("name").unwrap_or_default())?;
    let path = path_at_service(&request)?;
    let timeout = caller::timeout(request.headers(), DEFAULT_TIMEOUT, LONGEST_TIMEOUT)?;
    let repeat = repeat(&request)?;
    let deadline = started + timeout;
    let late = || HubError::new(ErrorKind::Timeout, REQUEST).with_applied(Applied::No).within(LIMIT, timeout);
    let read = body::read(&request, payload, server.routed_limits());
    let body = timeout_at(deadline, read).await.map_err(|_| late())??;
    let candidates = server.router().candidates(&to);
    if candidates.is_empty() {
        return Ok(by_hub(&request, server, to, path, body, deadline, repeat).await?);
    }
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes());
    let method = method.map_err(|_| Refusal::malformed("the method cannot be sent on"))?;
    let token = server.follow(request.headers());
    let headers = headers::of_request(request.headers());
    let outgoing = Outgoing { to, method, path, headers, body, timeout, deadline, repeat, token };
    Ok(try_each(server, &outgoing, &candidates).await?)
}

/// The path at the service, with the query, as it was written by the caller.
fn path_at_service(request: &HttpRequest) -> Answer<String> {
    let written = request.uri().path();
    let prefix = wire::SERVICES.len() + 1;
    // The name and what is behind it; the endpoints have found both.
    let path = written.get(prefix..).and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
    let is_relative = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    // A parser of URLs takes `\` for `/`.
    if path.split(['/', '\\']).any(is_relative) {
        return Err(Refusal::field("path", "must not have the segments . and .."));
    }
    if !is_kept(path) {
        return Err(Refusal::field("path", "must be a path of a URL, without backslashes and control characters"));
    }
    Ok(match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

/// Whether a URL has this path as it is written, save that more characters are percent-encoded. A parser of URLs takes `\` for `/`
/// and leaves tabs and line breaks out, so that a path can become another one.
fn is_kept(path: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://service{path}")) else { return false };
    let mut sent = url.path().bytes();
    let is_kept = path.bytes().all(|byte| match sent.next() {
        Some(b'%') if byte != b'%' => {
            let mut half = || char::from(sent.next()?).to_digit(16);
            half().zip(half()).is_some_and(|(high, low)| high << 4 | low == u32::from(byte))
        }
        found => found == Some(byte),
    });
    is_kept && sent.next().is_none()
}

fn repeat(request: &HttpRequest) -> Answer<Repeat> {
    match body::text(request.headers(), wire::IDEMPOTENT)? {
        Some("true") => Ok(Repeat::Safe),
        None | Some("false") if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) => {
            Ok(Repeat::Unsafe)
        }
        None | Some("false") => Ok(Repeat::Safe),
        Some(_) => Err(Refusal::field(wire::IDEMPOTENT, "must be true or false")),
    }
}

/// Tries the instances in their order, as long as that is safe.
async fn try_each(
    server: &HubServer,
    outgoing: &Outgoing,
    candidates: &[Arc<Instance>],
) -> Result<HttpResponse, HubError> {
    let (mut received, mut causes) = (0, Vec::new());
    for instance in candidates {
        let left = outgoing.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            let applied = if received == 0 { Applied::No } else { Applied::Unknown };
            return Err(outgoing.late().with_applied(applied));
        }
        let loaded = Loaded::new(instance);
        let error = match send(server, outgoing, instance, left).await {
            Ok(response) => {
                instance.replied();
                return reply(response, outgoing, loaded, instance).await;
            }
            Err(error) => error,
        };
        if error.is_connect() {
            // It never received the request.
            let cause = cause(error);
            server.router().set_aside(instance, &cause);
            causes.push(format!("{}: {cause}", instance.id));
            continue;
        }
        if error.is_timeout() {
            return Err(outgoing.late().with_source(error.without_url()));
        }
        server.router().set_aside(instance, "it broke a connection off");
        received += 1;
        if outgoing.repeat == Repeat::Unsafe || received == MAX_ATTEMPTS {
            return Err(broken(error));
        }
        causes.push(format!("{}: it broke the connection off", instance.id));
    }
    let detail = format!("no instance of {} can be reached: {}", outgoing.to, causes.join("; "));
    // One that broke the connection off may have received the request.
    let kind = if received > 0 { ErrorKind::Unavailable { retry_after: None } } else { ErrorKind::NoResponder };
    Err(HubError::new(kind, REQUEST).with_detail(detail))
}

/// Why a connection could not be made, such as a name that DNS does not know.
pub(super) fn cause(error: reqwest::Error) -> String {
    redacted(&error.without_url()).to_string()
}

fn broken(error: reqwest::Error) -> HubError {
    let detail = "the instance of the service broke the connection off";
    let failed = HubError::new(ErrorKind::Unavailable { retry_after: None }, REQUEST);
    failed.with_detail(detail).with_source(error.without_url())
}

async fn send(
    server: &HubServer,
    outgoing: &Outgoing,
    instance: &Instance,
    left: Duration,
) -> Result<reqwest::Response, reqwest::Error> {
    let mut headers = outgoing.headers.clone();
    headers::set_timeout(&mut headers, left);
    let url = format!("{}{}", instance.url.as_str(), outgoing.path);
    let request = server.router().client.request(outgoing.method.clone(), url).headers(headers).timeout(left);
    let has_body = !outgoing.body.is_empty() || !matches!(outgoing.method.as_str(), "GET" | "HEAD" | "DELETE");
    if has_body { request.body(outgoing.body.clone()) } else { request }.send().await
}

/// The reply of a service, as the caller receives it.
async fn reply(
    response: reqwest::Response,
    outgoing: &Outgoing,
    loaded: Loaded,
    instance: &Instance,
) -> Result<HttpResponse, HubError> {
    let status = StatusCode::from_u16(response.status().as_u16()).map_err(|_| {
        HubError::new(ErrorKind::Corrupt, REQUEST).with_detail("the service replied with an unknown status")
    })?;
    let mut builder = HttpResponse::build(status);
    for (name, value) in headers::of_reply(response.headers()) {
        builder.append_header((name, value));
    }
    builder.insert_header((wire::RESPONDER, instance.id.as_str()));
    if outgoing.method == reqwest::Method::HEAD {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(without_body(builder, length));
    }
    if response.content_length().is_some_and(|length| length <= WHOLE) {
        let body = timeout_at(outgoing.deadline, response.bytes()).await;
        let body = body.map_err(|_| outgoing.late())?;
        return Ok(builder.body(body.map_err(broken)?));
    }
    // The client of the request ends the stream at the deadline too.
    let parts = response.bytes_stream().map(move |part| {
        let _in_flight = &loaded;
        part.map_err(io::Error::other)
    });
    Ok(builder.streaming(outgoing.token.clone().over(parts)))
}

/// The response to `HEAD`, with the length that the service named. An empty body would declare the length 0.
fn without_body(mut builder: HttpResponseBuilder, length: Option<u64>) -> HttpResponse {
    match length {
        Some(length) => builder.body(SizedStream::new(length, stream::empty::<io::Result<Bytes>>())),
        None => builder.body(NoBody::new()),
    }
}

/// An error of the hub behind. That no process answers there explains a part only: the service has no instance here either.
fn absent(no_instance: HubError, error: HubError) -> HubError {
    if *error.kind() != ErrorKind::NoResponder {
        return error;
    }
    match (no_instance.detail(), error.detail()) {
        (Some(here), Some(there)) if here != there => {
            let detail = format!("{here}; {there}");
            no_instance.with_detail(detail)
        }
        _ => no_instance,
    }
}

/// A request to a service without instances here: the hub behind may have some.
async fn by_hub(
    request: &HttpRequest,
    server: &HubServer,
    to: ServiceName,
    path: String,
    body: Bytes,
    deadline: Instant,
    repeat: Repeat,
) -> Result<HttpResponse, HubError> {
    let text = |name: &str| {
        request.headers().get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(Arc::from)
    };
    let headers = headers::of_request(request.headers());
    if let Some((name, _)) = headers.iter().find(|(_, value)| std::str::from_utf8(value.as_bytes()).is_err()) {
        let detail = format!("{name}: must be UTF-8, because the service is reached over the hub behind this one");
        return Err(HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail));
    }
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let request = ServiceRequest {
        to,
        method: request.method().as_str().into(),
        path,
        content_type: text("content-type"),
        authorization: text(wire::AUTHORIZATION_OF_SERVICE),
        body,
        timeout: deadline.saturating_duration_since(Instant::now()),
        idempotent: repeat == Repeat::Safe,
        correlation_id: text(wire::CORRELATION_ID),
        traceparent: text(wire::TRACEPARENT),
        headers: Headers::of_message(headers),
    };
    let no_instance = request.no_instance();
    let is_head = &*request.method == "HEAD";
    let Reply { status, content_type, retry_after, headers, body } =
        server.hub().request(request).await.map_err(|error| absent(no_instance, error))?;
    let status = StatusCode::from_u16(status)
        .map_err(|_| HubError::new(ErrorKind::Corrupt, REQUEST).with_detail("the reply has an unknown status"))?;
    let mut builder = HttpResponse::build(status);
    // The id is that of this request already.
    for (name, value) in headers.iter().filter(|(name, _)| *name != "x-request-id") {
        builder.append_header((name, value));
    }
    if let Some(content_type) = content_type {
        builder.insert_header(("content-type", &*content_type));
    }
    if let Some(pause) = retry_after {
        builder.insert_header(("retry-after", pause.as_secs().max(1).to_string()));
    }
    builder.insert_header((wire::RESPONDER, BY_HUB));
    Ok(if is_head && body.is_empty() { without_body(builder, None) } else { builder.body(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_a_parser_of_urls_would_change_is_not_kept() {
        for kept in ["/", "//a//", "/a%2Fb/%5c", "/a/..b/{ü}|\"^", "/@h:1/a;b=c"] {
            assert!(is_kept(kept), "{kept}");
        }
        for changed in ["/a\\b", "/\\..", "/a/../b", "/a/.", "/%2E%2e/b", "/.\t./b", "/a\r\n", "/a?b", "/a#b"] {
            assert!(!is_kept(changed), "{changed}");
        }
    }
}
