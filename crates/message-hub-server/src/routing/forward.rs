//! Takes a request to a service: an instance receives it, or the hub behind.

use super::{
    attempts::{Outgoing, Repeat, try_each, without_body},
    headers,
    register::service,
};
use crate::{
    HubServer, body, caller,
    metrics::Metrics,
    refusal::{Answer, Refusal},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    web::{Bytes, Data, Payload},
};
use character_message_hub::{Applied, ErrorKind, Headers, HubError, REQUEST, Reply, ServiceName, ServiceRequest};
use character_message_hub_wire as wire;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use url::Url;

/// How long a service may take when the request does not say so, and at most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// The responder of a reply that the hub itself conveyed.
const BY_HUB: &str = "hub";

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
    let late = || HubError::new(ErrorKind::Timeout, REQUEST).with_applied(Applied::No).within(caller::LIMIT, timeout);
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
