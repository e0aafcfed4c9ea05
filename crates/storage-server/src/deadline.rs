//! `X-Request-Timeout-Ms`: no request is handled longer than its caller waits.

use crate::answer::Refusal;
use actix_web::{
    Error,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use character_domain::Violations;
use character_http_kit::{FieldError, middleware::answered, request_timeout, until};
use character_storage_port::{Applied, ErrorKind, StorageError, within_deadline};
use std::time::Instant;

const OPERATION: &str = "deadline";

/// A middleware that answers 504 `timeout` when the time of the caller is over, and passes the time on to the storage.
///
/// # Errors
/// That problem, and one when the header cannot be read. What is an error stays one.
pub(crate) async fn keep_deadline(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let refused = |error: StorageError| answered(&Refusal::from(error));
    let unreadable =
        |error: FieldError| refused(StorageError::invalid(Violations::one(error.field, error.reason), OPERATION));
    let Some(timeout) = request_timeout(request.headers()).map_err(unreadable)? else {
        return next.call(request).await;
    };
    let late = || StorageError::new(ErrorKind::Timeout, OPERATION).with_detail("the time of the caller is over");
    if timeout.is_zero() {
        return Err(refused(late().with_applied(Applied::No)));
    }
    let at = Instant::now() + timeout;
    let answer = until(at, within_deadline(Some(at), next.call(request))).await;
    answer.unwrap_or_else(|| Err(refused(late())))
}
