//! Sends a request to the instances of a service, one after the other, and sends the reply on.

use super::{
    headers,
    instance::{Instance, Loaded},
};
use crate::{HubServer, caller::LIMIT};
use actix_web::{
    HttpResponse, HttpResponseBuilder,
    body::{None as NoBody, SizedStream},
    http::StatusCode,
    web::Bytes,
};
use character_error_reporter::redacted;
use character_http_kit::FollowedToken;
use character_message_hub::{Applied, ErrorKind, HubError, REQUEST, ServiceName};
use character_message_hub_wire as wire;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, HeaderMap as OutHeaders};
use std::{io, mem, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A reply up to this size is read whole before it is sent on, so that one that breaks off becomes a problem. 1 MiB.
const WHOLE: u64 = 1024 * 1024;
/// The maximum number of instances that may have received an idempotent request.
const MAX_ATTEMPTS: usize = 3;
/// Why an instance is set aside that ended a connection before the end of its reply.
const BROKEN_OFF: &str = "it broke a connection off";

/// A request, ready to be sent to any instance.
pub(super) struct Outgoing {
    pub(super) to: ServiceName,
    pub(super) method: reqwest::Method,
    /// Path and query at the service.
    pub(super) path: String,
    pub(super) headers: OutHeaders,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
    pub(super) repeat: Repeat,
    /// The token that the caller sent.
    pub(super) token: FollowedToken,
}

impl Outgoing {
    fn late(&self) -> HubError {
        HubError::new(ErrorKind::Timeout, REQUEST).within(LIMIT, self.timeout)
    }
}

/// Whether a second instance may receive a request that a first one may have received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Safe,
    Unsafe,
}

/// Tries the instances in their order, as long as that is safe.
pub(super) async fn try_each(
    server: &HubServer,
    outgoing: &Outgoing,
    candidates: &[Arc<Instance>],
) -> Result<HttpResponse, HubError> {
    let (mut may_have_received, mut causes) = (0, Vec::new());
    for instance in candidates {
        let left = outgoing.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            let applied = if may_have_received == 0 { Applied::No } else { Applied::Unknown };
            return Err(outgoing.late().with_applied(applied));
        }
        let loaded = Loaded::new(instance);
        let error = match send(server, outgoing, instance, left).await {
            Ok(received) => {
                instance.replied();
                return reply(received, server, outgoing, loaded, instance);
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
        server.router().set_aside(instance, BROKEN_OFF);
        may_have_received += 1;
        if outgoing.repeat == Repeat::Unsafe || may_have_received == MAX_ATTEMPTS {
            return Err(broken(error));
        }
        causes.push(format!("{}: it broke the connection off", instance.id));
    }
    let detail = format!("no instance of {} can be reached: {}", outgoing.to, causes.join("; "));
    // One that broke the connection off may have received the request.
    let kind =
        if may_have_received > 0 { ErrorKind::Unavailable { retry_after: None } } else { ErrorKind::NoResponder };
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

/// What an instance has replied before any of it is sent on.
struct Received {
    status: reqwest::StatusCode,
    headers: OutHeaders,
    content: Content,
}

enum Content {
    /// There is none: it is the reply to `HEAD`.
    Absent,
    Whole(Bytes),
    /// It is sent on in parts, as it arrives.
    Parts(reqwest::Response),
}

/// Sends a request to an instance. A reply that can be read whole is, so that one that breaks off is a failure of the attempt.
async fn send(
    server: &HubServer,
    outgoing: &Outgoing,
    instance: &Instance,
    left: Duration,
) -> Result<Received, reqwest::Error> {
    let mut headers = outgoing.headers.clone();
    headers::set_timeout(&mut headers, left);
    let url = format!("{}{}", instance.url.as_str(), outgoing.path);
    let request = server.router().client.request(outgoing.method.clone(), url).headers(headers).timeout(left);
    let has_body = !outgoing.body.is_empty() || !matches!(outgoing.method.as_str(), "GET" | "HEAD" | "DELETE");
    let request = if has_body { request.body(outgoing.body.clone()) } else { request };
    let mut response = request.send().await?;
    let (status, length) = (response.status(), response.content_length());
    let headers = mem::take(response.headers_mut());
    let content = if outgoing.method == reqwest::Method::HEAD {
        Content::Absent
    } else if length.is_some_and(|length| length <= WHOLE) {
        Content::Whole(response.bytes().await?)
    } else {
        Content::Parts(response)
    };
    Ok(Received { status, headers, content })
}

/// The reply of a service, as the caller receives it.
fn reply(
    received: Received,
    server: &HubServer,
    outgoing: &Outgoing,
    loaded: Loaded,
    instance: &Arc<Instance>,
) -> Result<HttpResponse, HubError> {
    let Received { status, headers, content } = received;
    let status = StatusCode::from_u16(status.as_u16()).map_err(|_| {
        HubError::new(ErrorKind::Corrupt, REQUEST).with_detail("the service replied with an unknown status")
    })?;
    let mut builder = HttpResponse::build(status);
    for (name, value) in headers::of_reply(&headers) {
        builder.append_header((name, value));
    }
    builder.insert_header((wire::RESPONDER, instance.id.as_str()));
    Ok(match content {
        Content::Absent => {
            let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            without_body(builder, length)
        }
        Content::Whole(body) => builder.body(body),
        Content::Parts(response) => {
            let (server, instance) = (server.clone(), Arc::clone(instance));
            // The client of the request ends the stream at the deadline too.
            let parts = response.bytes_stream().map(move |part| {
                let _in_flight = &loaded;
                part.map_err(|error| {
                    if !error.is_timeout() {
                        probe_soon(&server, &instance);
                    }
                    io::Error::other(error)
                })
            });
            builder.streaming(outgoing.token.clone().over(parts))
        }
    })
}

/// Asks an instance for its health that broke a reply in parts off. It may have done so on purpose, as when its caller is slow or a token was
/// revoked, so that this alone does not set it aside.
fn probe_soon(server: &HubServer, instance: &Arc<Instance>) {
    let (server, instance) = (server.clone(), Arc::clone(instance));
    actix_web::rt::spawn(async move { server.router().probe(instance).await });
}

/// The response to `HEAD`, with the length that the service named. An empty body would declare the length 0.
pub(super) fn without_body(mut builder: HttpResponseBuilder, length: Option<u64>) -> HttpResponse {
    match length {
        Some(length) => builder.body(SizedStream::new(length, stream::empty::<io::Result<Bytes>>())),
        None => builder.body(NoBody::new()),
    }
}
