//! Reading request bodies, within limits.

use crate::{
    StorageServer,
    answer::{Answer, Refusal},
};
use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
    web::Payload,
};
use character_storage_wire as wire;
use serde::de::DeserializeOwned;

/// The message in the body of a request.
pub(crate) async fn message<B: DeserializeOwned>(
    server: &StorageServer,
    request: &HttpRequest,
    payload: Payload,
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
    let read = tokio::time::timeout(server.limits.body_timeout, payload.to_bytes_limited(limit)).await;
    let late = |_| Refusal::of_code(wire::REQUEST_TIMEOUT, "the body did not arrive in time");
    let body = read.map_err(late)?.map_err(|_| too_large())?;
    let body = body.map_err(|error| Refusal::of_code(wire::MALFORMED, format!("the body cannot be read: {error}")))?;
    Ok(wire::decode(&body)?)
}

fn text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    // A header that is not text is never what is asked for: it must not pass for an absent one.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}
