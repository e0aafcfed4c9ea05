//! Which headers travel between a caller and a service.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use character_http_kit::middleware::current_request;
use character_message_hub::HopByHop;
use character_message_hub_wire as wire;
use reqwest::header::{self as out, HeaderMap as OutHeaders};
use std::time::Duration;

/// Headers of a request that are for the hub, or that the hub writes itself.
const OF_REQUEST: [&str; 7] = [
    "host",
    "content-length",
    "expect",
    "authorization",
    wire::AUTHORIZATION_OF_SERVICE,
    wire::TIMEOUT_MS,
    "x-request-id",
];

/// The headers of a request, as the service receives them.
pub(super) fn of_request(headers: &HeaderMap) -> OutHeaders {
    let of_connection = HopByHop::of(headers.get_all("connection").map(HeaderValue::as_bytes));
    let mut sent = OutHeaders::new();
    for (name, value) in headers {
        let name = name.as_str();
        if of_connection.has(name) || OF_REQUEST.contains(&name) {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (out::HeaderName::from_bytes(name.as_bytes()), out::HeaderValue::from_bytes(value.as_bytes()))
        {
            sent.append(name, value);
        }
    }
    if let Some(credentials) = headers.get(wire::AUTHORIZATION_OF_SERVICE)
        && let Ok(mut value) = out::HeaderValue::from_bytes(credentials.as_bytes())
    {
        value.set_sensitive(true);
        sent.insert(out::AUTHORIZATION, value);
    }
    if let Some(value) = current_request().and_then(|request| out::HeaderValue::from_str(&request.id).ok()) {
        sent.insert("x-request-id", value);
    }
    sent
}

/// Says how much of the caller's time is left.
pub(super) fn set_timeout(headers: &mut OutHeaders, left: Duration) {
    headers.insert(wire::TIMEOUT_MS, out::HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)));
}

/// The headers of a reply, as the caller receives them.
pub(super) fn of_reply(headers: &OutHeaders) -> Vec<(HeaderName, HeaderValue)> {
    let of_connection = HopByHop::of(headers.get_all("connection").iter().map(out::HeaderValue::as_bytes));
    let travels = |name: &str| {
        // The length is that of the body as it is sent on, and the id is that of this request already.
        !of_connection.has(name) && !["content-length", "x-request-id", wire::RESPONDER].contains(&name)
    };
    let sent = headers.iter().filter(|(name, _)| travels(name.as_str())).filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    sent.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_connection_ends_here_and_the_rest_travels() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("host", "hub"),
            ("authorization", "Bearer of-the-hub"),
            ("x-service-authorization", "Bearer of-the-service"),
            ("x-request-timeout-ms", "100"),
            ("traceparent", "00-1-2-01"),
            ("x-correlation-id", "c"),
            ("accept", "a/b"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut sent = of_request(&headers);
        set_timeout(&mut sent, Duration::from_millis(70));
        let mut names: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                ("accept", "a/b"),
                ("authorization", "Bearer of-the-service"),
                ("traceparent", "00-1-2-01"),
                ("x-correlation-id", "c"),
                ("x-request-timeout-ms", "70"),
            ]
        );
    }

    #[test]
    fn a_service_cannot_pretend_to_be_another_instance() {
        let mut headers = OutHeaders::new();
        headers.insert(wire::RESPONDER, out::HeaderValue::from_static("other"));
        headers.insert("transfer-encoding", out::HeaderValue::from_static("chunked"));
        headers.insert("etag", out::HeaderValue::from_static("\"1\""));
        let sent = of_reply(&headers);
        assert_eq!(sent, [(HeaderName::from_static("etag"), HeaderValue::from_static("\"1\""))]);
    }
}
