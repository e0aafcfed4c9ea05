//! Reads request bodies, within limits.

use crate::{
    StorageServer,
    answer::{Answer, Refusal},
};
use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
    web::Payload,
};
use character_http_kit::{BodyError, read_body};
use character_storage_wire as wire;
use serde::de::DeserializeOwned;

/// Parses the message in the body of a request.
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
    let body = read_body(request.headers(), payload, server.limits.of_bodies()).await;
    let body = body.map_err(|error| match error {
        BodyError::TooLarge => Refusal::of_code(
            wire::TOO_LARGE,
            format!("the body must not be larger than {} bytes", server.limits.body_bytes),
        ),
        BodyError::TwoMediaTypes => Refusal::of_code(wire::UNSUPPORTED_MEDIA_TYPE, error.to_string()),
        BodyError::Late => Refusal::of_code(wire::REQUEST_TIMEOUT, error.to_string()),
        BodyError::Unreadable(_) => Refusal::of_code(wire::MALFORMED, error.to_string()),
    })?;
    Ok(wire::decode(&body)?)
}

fn text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    // A header that is not text is never what is asked for: it must not pass for an absent one.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}
