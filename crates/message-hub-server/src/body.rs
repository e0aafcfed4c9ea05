//! Reads request bodies, within limits.

use crate::refusal::{Answer, Refusal};
use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
    },
    web::{Bytes, Payload},
};
use character_http_kit::{BodyError, BodyLimits, Problem, read_body};
use character_message_hub::{ErrorKind, HubError};
use character_message_hub_wire as wire;
use serde::de::DeserializeOwned;

/// The text of a header; an unreadable one is not taken for an absent one.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Answer<Option<&'h str>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| Refusal::field(name, "must be text of visible ASCII"))
}

/// The whole body of at most `limits.bytes`.
pub(crate) async fn read(request: &HttpRequest, payload: Payload, limits: BodyLimits) -> Answer<Bytes> {
    read_body(request.headers(), payload, limits).await.map_err(|error| match error {
        BodyError::TooLarge => {
            let limit = limits.bytes as u64;
            let announced = request.headers().get(actix_web::http::header::CONTENT_LENGTH);
            let size = announced.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(limit + 1);
            HubError::new(ErrorKind::TooLarge { limit, size }, "read body").into()
        }
        BodyError::TwoMediaTypes => Refusal::media_type(error.to_string()),
        BodyError::Late => {
            let title = "The body did not arrive in time";
            Refusal::of(Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", title))
        }
        BodyError::Unreadable(_) => Refusal::malformed(error.to_string()),
    })
}

/// Refuses a body that the hub itself would have to uncompress.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Answer<()> {
    match text(headers, CONTENT_ENCODING.as_str())? {
        Some(coding) if !coding.trim().eq_ignore_ascii_case("identity") => {
            Err(Refusal::media_type("the body must not be compressed"))
        }
        _ => Ok(()),
    }
}

/// The message in a body of `application/json`.
pub(crate) async fn message<B: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    limits: BodyLimits,
) -> Answer<B> {
    let content_type = text(request.headers(), CONTENT_TYPE.as_str())?.unwrap_or_default();
    if !wire::is_media_type(content_type, wire::JSON) {
        return Err(Refusal::media_type("the body must be application/json"));
    }
    check_encoding(request.headers())?;
    let body = read(request, payload, limits).await?;
    let deserializer = &mut serde_json::Deserializer::from_slice(&body);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let reason = error.inner().to_string();
        match error.inner().classify() {
            serde_json::error::Category::Data => Refusal::field(&error.path().to_string(), &reason),
            _ => Refusal::malformed(reason),
        }
    })
}
