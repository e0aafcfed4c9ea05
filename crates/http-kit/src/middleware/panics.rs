//! A panic is a mistake of ours that one client sees, not a cut connection.

use super::answered;
use crate::Problem;
use actix_web::Error;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The answer, or an internal problem when making it panics.
pub(super) async fn caught<T>(answering: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Sound to go on: the request is dropped, and what handlers share guards itself against a panic under its locks.
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| {
        // The panic hook has reported the message and the place, which may quote the request.
        tracing::error!("a handler panicked");
        Err(answered(&Problem::internal()))
    })
}
