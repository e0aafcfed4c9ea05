//! A panic in a handler is a mistake of ours that one client sees, not a cut connection.

use crate::Problem;
use actix_web::{
    Error, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// Answers 500 when the handler panics. Only around a resource: further out the request must not be held twice.
///
/// # Errors
/// Those of the inner service.
pub async fn catch_panics<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.request().clone();
    // Sound to go on: the request is dropped, and what handlers share guards itself against a panic under its locks.
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
            tracing::error!(panic = message, "a handler panicked");
            Ok(ServiceResponse::new(kept, Problem::internal().error_response()))
        }
    }
}
