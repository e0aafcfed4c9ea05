//! Requests over core NATS: what travels in which header, and how a call ends.

use crate::{
    link::{Link, Sent},
    publish::header_size,
};
use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use character_message_hub::{
    Applied, ErrorKind, Headers, HubError, REQUEST, Reply, Result, ServiceName, ServiceRequest,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The names of the headers.
pub(crate) mod header {
    /// The method.
    pub(crate) const METHOD: &str = "Hub-Method";
    /// Path and query.
    pub(crate) const PATH: &str = "Hub-Path";
    /// The rest of the time that the caller waits, in milliseconds.
    pub(crate) const TIMEOUT_MS: &str = "Hub-Timeout-Ms";
    /// `true`: the request may be repeated.
    pub(crate) const IDEMPOTENT: &str = "Hub-Idempotent";
    /// Marks everything that belongs to one task of the caller.
    pub(crate) const CORRELATION_ID: &str = "Correlation-Id";
    /// The W3C trace context.
    pub(crate) const TRACEPARENT: &str = "traceparent";
    /// The media type of the body.
    pub(crate) const CONTENT_TYPE: &str = "Content-Type";
    /// The credentials for the service.
    pub(crate) const AUTHORIZATION: &str = "Authorization";
    /// The beginning of the name of each other header of HTTP.
    pub(crate) const OTHER: &str = "Hub-Header-";
    /// The HTTP status of a reply.
    pub(crate) const STATUS: &str = "Hub-Status";
    /// How long the service asks to wait, in milliseconds.
    pub(crate) const RETRY_AFTER_MS: &str = "Hub-Retry-After-Ms";
    /// The size of a reply that is larger than the caller takes, in bytes. The reply itself is absent.
    pub(crate) const REPLY_SIZE: &str = "Hub-Reply-Size";
    /// Of a request: the caller takes a reply in several messages, whose bodies have at most this number of bytes together.
    pub(crate) const MAX_SPLIT_REPLY: &str = "Hub-Max-Reply";
    /// Of the first message of a reply: the number of its messages, when there are several.
    pub(crate) const PARTS: &str = "Hub-Reply-Parts";
    /// Of each further message of a reply: its number, from 2 on.
    pub(crate) const PART: &str = "Hub-Reply-Part";
}

/// The largest body of a reply that goes in several messages, in bytes: more than any page of rows, and less than NATS keeps for
/// a client that reads slowly (`max_pending`, 64 MiB).
pub(crate) const MAX_SPLIT_REPLY: usize = 16 << 20;
/// The maximum number of messages of a reply.
const MAX_PARTS: usize = 10_000;

/// The subject of a service.
pub(crate) fn subject(prefix: &str, service: &ServiceName) -> Subject {
    format!("{prefix}service.{service}").into()
}

fn invalid(detail: String) -> HubError {
    HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail)
}

/// Sends a request and returns its reply, as [`MessageHub::request`](character_message_hub::MessageHub::request).
pub(crate) async fn request(link: &Link, prefix: &str, request: ServiceRequest) -> Result<Reply> {
    let deadline = Instant::now() + request.timeout;
    link.ready(REQUEST, deadline).await?;
    let subject = subject(prefix, &request.to);
    let left = deadline.saturating_duration_since(Instant::now());
    let headers = encode(&request, left)?;
    let (size, limit) = (header_size(&headers) + request.body.len(), link.max_payload());
    if size > limit {
        let (limit, size) = (limit as u64, size as u64);
        return Err(HubError::new(ErrorKind::TooLarge { limit, size }, REQUEST));
    }
    let named = subject.clone();
    match link.call(REQUEST, subject, Some(headers), request.body, deadline).await? {
        Sent::Reply(reply) => decode_reply(reply, limit.max(MAX_SPLIT_REPLY) as u64),
        Sent::NoResponder => {
            let detail = format!("no process answers the NATS subject {named}");
            Err(HubError::new(ErrorKind::NoResponder, REQUEST).with_detail(detail))
        }
        Sent::Lost => Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, REQUEST)
            .with_detail("the connection to NATS was lost before the reply")),
        Sent::Late => Err(HubError::new(ErrorKind::Timeout, REQUEST)),
    }
}

/// Whether a header of NATS carries the value unchanged.
fn is_sendable(value: &str) -> bool {
    !value.chars().any(|character| character.is_control() && character != '\t')
}

/// The headers of a request.
fn encode(request: &ServiceRequest, left: Duration) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let milliseconds = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1).to_string();
    let values = [
        (header::METHOD, Some(&*request.method)),
        (header::PATH, Some(&*request.path)),
        (header::TIMEOUT_MS, Some(&*milliseconds)),
        (header::MAX_SPLIT_REPLY, Some(&*MAX_SPLIT_REPLY.to_string())),
        (header::IDEMPOTENT, request.idempotent.then_some("true")),
        (header::CONTENT_TYPE, request.content_type.as_deref()),
        (header::AUTHORIZATION, request.authorization.as_deref()),
        (header::CORRELATION_ID, request.correlation_id.as_deref()),
        (header::TRACEPARENT, request.traceparent.as_deref()),
    ];
    for (name, value) in values.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        if value.chars().any(char::is_control) {
            return Err(invalid(format!("{name}: must not contain control characters")));
        }
        headers.insert(name, value);
    }
    for (name, value) in request.headers.iter() {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(invalid(format!("{name:?} is no name of a header")));
        }
        if !is_sendable(value) {
            return Err(invalid(format!("{name}: must not contain control characters")));
        }
        headers.append(format!("{}{name}", header::OTHER), value);
    }
    if request.method.is_empty() || !request.path.starts_with('/') {
        return Err(invalid("there must be a method, and a path that begins with /".into()));
    }
    Ok(headers)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
}

fn shared(headers: &HeaderMap, name: &str) -> Option<Arc<str>> {
    text(headers, name).map(Arc::from)
}

/// The headers of HTTP that have no header of NATS of their own.
fn others(headers: &HeaderMap) -> Headers {
    let mut others = Headers::new();
    for (name, values) in headers.iter() {
        let name: &str = name.as_ref();
        let Some((beginning, name)) = name.split_at_checked(header::OTHER.len()) else { continue };
        if beginning.eq_ignore_ascii_case(header::OTHER) {
            values.iter().for_each(|value| others.add(name, value.as_str()));
        }
    }
    others
}

/// The request of a message. `None`: method, path or time are absent or cannot be read.
pub(crate) fn decode(service: &ServiceName, message: &Message) -> Option<ServiceRequest> {
    let headers = message.headers.as_ref()?;
    let milliseconds = text(headers, header::TIMEOUT_MS)?.parse().ok()?;
    Some(ServiceRequest {
        to: service.clone(),
        method: shared(headers, header::METHOD)?,
        path: text(headers, header::PATH).filter(|path| path.starts_with('/'))?.to_owned(),
        content_type: shared(headers, header::CONTENT_TYPE),
        authorization: shared(headers, header::AUTHORIZATION),
        body: message.payload.clone(),
        timeout: Duration::from_millis(milliseconds),
        idempotent: text(headers, header::IDEMPOTENT) == Some("true"),
        correlation_id: shared(headers, header::CORRELATION_ID),
        traceparent: shared(headers, header::TRACEPARENT),
        headers: others(headers),
    })
}

/// The largest body of a reply that the caller takes in several messages; 0: it takes one message.
pub(crate) fn largest_reply(message: &Message) -> usize {
    let largest = message.headers.as_ref().and_then(|headers| text(headers, header::MAX_SPLIT_REPLY));
    largest.and_then(|largest| largest.parse().ok()).unwrap_or(0).min(MAX_SPLIT_REPLY)
}

/// The messages of a reply, in their order, each at most `limit` bytes. A reply that needs several, and is larger than `largest`,
/// goes without its body and its other headers, with its size.
pub(crate) fn encode_reply(reply: Reply, limit: usize, largest: usize) -> Vec<(HeaderMap, Bytes)> {
    let mut headers = HeaderMap::new();
    headers.insert(header::STATUS, reply.status.to_string());
    if let Some(content_type) = reply.content_type.as_deref().filter(|text| !text.chars().any(char::is_control)) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if let Some(pause) = reply.retry_after {
        headers.insert(header::RETRY_AFTER_MS, pause.as_millis().to_string());
    }
    let mut short = headers.clone();
    // A value that NATS cannot carry is left out, as HTTP has none of that kind.
    for (name, value) in reply.headers.iter().filter(|(_, value)| is_sendable(value)) {
        headers.append(format!("{}{name}", header::OTHER), value);
    }
    let size = header_size(&headers) + reply.body.len();
    if size <= limit {
        return vec![(headers, reply.body)];
    }
    let of_part = |number: usize| {
        let mut headers = HeaderMap::new();
        headers.insert(header::PART, number.to_string());
        headers
    };
    // The first message has the longest headers, with a number of parts that is no longer than this.
    let first_of = |count: usize| {
        let mut first = headers.clone();
        first.insert(header::PARTS, count.to_string());
        first
    };
    let room = limit.saturating_sub(header_size(&first_of(usize::MAX)).max(header_size(&of_part(usize::MAX))));
    if room < reply.body.len() / MAX_PARTS + 1 || reply.body.len() > largest {
        short.insert(header::REPLY_SIZE, size.to_string());
        return vec![(short, Bytes::new())];
    }
    let count = reply.body.len().div_ceil(room);
    let parts = (0..count).map(|index| reply.body.slice(index * room..reply.body.len().min((index + 1) * room)));
    let headers = std::iter::once(first_of(count)).chain((2..=count).map(of_part));
    headers.zip(parts).collect()
}

/// What a message is of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// The first of this number of messages.
    FirstOf(usize),
    /// A further message, with this number.
    Further(usize),
    /// Its headers name no part that there can be.
    Unreadable,
}

/// What this message is of its reply.
pub(crate) fn part(message: &Message) -> Part {
    let given = |name| message.headers.as_ref().and_then(|headers| headers.get(name));
    let number =
        |value: &async_nats::HeaderValue| value.as_str().parse().ok().filter(|number| (2..=MAX_PARTS).contains(number));
    match (given(header::PARTS), given(header::PART)) {
        (None, None) => Part::Whole,
        (Some(count), None) => number(count).map_or(Part::Unreadable, Part::FirstOf),
        (None, Some(place)) => number(place).map_or(Part::Unreadable, Part::Further),
        (Some(_), Some(_)) => Part::Unreadable,
    }
}

fn decode_reply(message: Message, limit: u64) -> Result<Reply> {
    let corrupt = |detail: &'static str| HubError::new(ErrorKind::Corrupt, REQUEST).with_detail(detail);
    let headers = message.headers.unwrap_or_default();
    if let Some(size) = text(&headers, header::REPLY_SIZE) {
        let size = size.parse().map_err(|_| corrupt("Hub-Reply-Size: must be a number"))?;
        let error = HubError::new(ErrorKind::TooLarge { limit, size }, REQUEST);
        return Err(error
            .with_detail("the reply is too large, the request was applied")
            .with_applied(Applied::Unknown));
    }
    let status = text(&headers, header::STATUS).and_then(|status| status.parse().ok());
    let retry_after = text(&headers, header::RETRY_AFTER_MS).and_then(|pause| pause.parse().ok());
    Ok(Reply {
        status: status
            .filter(|status| (100..600).contains(status))
            .ok_or_else(|| corrupt("Hub-Status: must be a status of HTTP"))?,
        content_type: shared(&headers, header::CONTENT_TYPE),
        retry_after: retry_after.map(Duration::from_millis),
        headers: others(&headers),
        body: message.payload,
    })
}
