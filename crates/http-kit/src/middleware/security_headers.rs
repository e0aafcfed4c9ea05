//! Headers of every answer that forbid a browser to guess its type, to show it inside of another page, to run what it does
//! not name, and to pass on its address.

use super::mark;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    middleware::Next,
};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A page runs the scripts of this service alone. The description of the API places its own styles and draws its icons
/// from `data:` addresses.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Everything else runs nothing when it is opened as a page. A drawing has a style of its own.
const DATA: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

/// A middleware that adds these headers to every answer, refusals and failures included. Wrap it outermost, by
/// [`from_fn`](actix_web::middleware::from_fn).
///
/// # Errors
/// What is an error stays one, with the headers.
pub async fn security_headers<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut answer = next.call(request).await;
    mark(&mut answer, add);
    answer
}

fn add(headers: &mut HeaderMap) {
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"text/html"));
    // A page that CORS permits may also show the answer without asking for it by CORS, as an image.
    let readers = if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) { "cross-origin" } else { "same-origin" };
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(readers)),
        (CONTENT_SECURITY_POLICY, if is_page { PAGE } else { DATA }),
    ] {
        headers.insert(name, value);
    }
}
