//! `X-Request-Timeout-Ms`: no request is handled longer than its caller waits.

use crate::Problem;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};
use character_http_kit::{FieldError, middleware::answered, request_timeout, until};
use character_storage_port::within_deadline;
use std::time::Instant;

/// A middleware that answers 504 `deadline-exceeded` when the time of the caller is over, at once when it was over before,
/// and passes the time on to the storage.
///
/// # Errors
/// That problem, and one when the header cannot be read. What is an error stays one.
pub(crate) async fn keep_deadline<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let unreadable = |error: FieldError| answered(&Problem::field(&error.field, error.reason));
    let Some(timeout) = request_timeout(request.headers()).map_err(unreadable)? else {
        return next.call(request).await;
    };
    if timeout.is_zero() {
        return Err(answered(&Problem::deadline_exceeded(
            "the time was over before the request began; nothing was done",
        )));
    }
    let at = Instant::now() + timeout;
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let answer = until(at, within_deadline(Some(at), next.call(request))).await;
    answer.unwrap_or_else(|| {
        let detail = if is_read {
            "nothing was changed"
        } else {
            "the change may have been made; read the row, or repeat the request with the same Idempotency-Key"
        };
        Err(answered(&Problem::deadline_exceeded(detail)))
    })
}
