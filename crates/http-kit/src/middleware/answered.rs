//! Answers that a middleware makes or changes, whether a handler answered or failed.

use actix_web::{
    Error, ResponseError,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::HeaderMap,
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;
use std::future::ready;

/// The answer to an error, written now, while it can still name the request.
#[must_use]
pub fn answered(error: &dyn ResponseError) -> Error {
    InternalError::from_response("answered already", error.error_response()).into()
}

/// Changes the headers of the answer, whatever the answer.
pub fn mark<B>(answer: &mut Result<ServiceResponse<B>, Error>, change: impl FnOnce(&mut HeaderMap)) {
    match answer {
        Ok(response) => change(response.headers_mut()),
        Err(error) => {
            let mut response = error.error_response();
            change(response.headers_mut());
            *error = InternalError::from_response("answered already", response).into();
        }
    }
}

/// A middleware that answers the error that `check` finds, and passes every other request on.
pub fn checked<E: ResponseError>(
    check: impl Fn(&ServiceRequest) -> Result<(), E> + Clone,
) -> impl Fn(ServiceRequest, Next<BoxBody>) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>> + Clone {
    move |request, next| match check(&request) {
        Ok(()) => Box::pin(next.call(request)),
        Err(error) => {
            let answer = request.into_response(error.error_response());
            Box::pin(ready(Ok(answer)))
        }
    }
}
