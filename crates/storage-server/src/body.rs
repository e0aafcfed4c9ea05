//! Reads request bodies, within limits.

use crate::{
    StorageServer,
    answer::{Answer, Refusal},
};
use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
    web::Payload,
};
use bytes::BytesMut;
use character_storage_wire as wire;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Parses the message in the body of a request.
pub(crate) async fn message<B: DeserializeOwned>(
    server: &StorageServer,
    request: &HttpRequest,
    mut payload: Payload,
) -> Answer<B> {
    let content_type = text(request, CONTENT_TYPE).unwrap_or_default();
    if !wire::is_media_type(content_type, wire::JSON) {
        return Err(Refusal::of_code(wire::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    if text(request, CONTENT_ENCODING).is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Refusal::of_code(wire::UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed"));
    }
    let limit = server.limits.body_bytes;
    let too_large = || Refusal::of_code(wire::TOO_LARGE, format!("the body must not be larger than {limit} bytes"));
    let announced = text(request, CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    if announced > limit as u64 {
        return Err(too_large());
    }
    let late = |_| Refusal::of_code(wire::REQUEST_TIMEOUT, "the body did not arrive in time");
    let latest_start = Instant::now() + server.limits.body_timeout;
    let mut body = BytesMut::new();
    loop {
        // What arrived pays for more time: a large body may take long, and a slow one is given up early.
        let rate = f64::from(server.limits.body_rate.max(1));
        let deadline = latest_start + Duration::from_secs_f64(body.len() as f64 / rate);
        let Some(chunk) = timeout_at(deadline, payload.next()).await.map_err(late)? else { break };
        let chunk =
            chunk.map_err(|error| Refusal::of_code(wire::MALFORMED, format!("the body cannot be read: {error}")))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(wire::decode(&body)?)
}

fn text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    // A header that is not text is never what is asked for: it must not pass for an absent one.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}
