//! What no service takes of a request head: more than 16 KiB, of the up to 128 KiB that actix-http reads.

use super::answered;
use crate::Problem;
use actix_web::{Error, dev::ServiceRequest, http::StatusCode};

/// Maximum size of a request head in bytes: method, target and headers with their separators.
const MOST: usize = 16 * 1024;

/// Refuses a head that is too large.
pub(super) fn check(request: &ServiceRequest) -> Result<(), Error> {
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
