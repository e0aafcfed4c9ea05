//! A panic is a mistake of ours that one client sees, not a cut connection.

use crate::Problem;
use actix_web::Error;
use character_error_reporter::redacted_text;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The answer, or an internal problem when making it panics.
pub(super) async fn caught<T>(answering: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Sound to go on: the request is dropped, and what handlers share guards itself against a panic under its locks.
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
        tracing::error!(panic = redacted_text(message), "a handler panicked");
        Err(Problem::internal().answered())
    })
}
