//! What no service takes of a request head: more than 16 KiB, of the up to 128 KiB that actix-http reads, and two media types of one
//! body.

use super::answered;
use crate::Problem;
use actix_web::{
    Error,
    dev::ServiceRequest,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, TRANSFER_ENCODING},
    },
};

/// Maximum size of a request head in bytes: method, target and headers with their separators.
const MOST: usize = 16 * 1024;

/// Refuses a head that is too large or ambiguous.
pub(super) fn check(request: &ServiceRequest) -> Result<(), Error> {
    check_size(request)?;
    check_media_type(request)
}

fn check_size(request: &ServiceRequest) -> Result<(), Error> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    // `: ` and the end of the line.
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let size = request.method().as_str().len() + target + headers;
    if size <= MOST {
        return Ok(());
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let problem = Problem::new(status, "head-too-large", "The request head is too large")
        .with_detail(format!("method, target and headers have {size} bytes; at most {MOST} are accepted"));
    Err(answered(&problem))
}

/// A service and a proxy before it may each take another one of two media types for that of the body.
fn check_media_type(request: &ServiceRequest) -> Result<(), Error> {
    let headers = request.headers();
    let has_body =
        headers.contains_key(TRANSFER_ENCODING) || super::announced(headers).is_some_and(|length| length > 0);
    // Nothing reads the body of a request that changes nothing.
    if request.method().is_safe() || !has_body || headers.get_all(CONTENT_TYPE).count() <= 1 {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let problem = Problem::new(status, "unsupported-media-type", "The media type of the body is not supported here")
        .with_detail("Content-Type must be given once");
    Err(answered(&problem))
}
