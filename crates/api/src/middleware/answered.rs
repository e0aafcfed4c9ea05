//! Answers that a middleware makes or changes, whether a handler answered or failed.

use crate::Problem;
use actix_web::{
    Error, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::HeaderMap,
    middleware::Next,
};
use futures_util::future::LocalBoxFuture;

impl Problem {
    /// The problem as an answer, written now, while it can still name the request.
    #[must_use]
    pub fn answered(self) -> Error {
        InternalError::from_response("answered already", self.error_response()).into()
    }
}

/// Changes the headers of the answer, whatever the answer.
pub(crate) fn mark<B>(answer: &mut Result<ServiceResponse<B>, Error>, change: impl FnOnce(&mut HeaderMap)) {
    match answer {
        Ok(response) => change(response.headers_mut()),
        Err(error) => {
            let mut response = error.error_response();
            change(response.headers_mut());
            *error = InternalError::from_response("answered already", response).into();
        }
    }
}

/// A middleware that answers the problem that `check` finds, and passes every other request on.
pub fn checked<B: MessageBody + 'static>(
    check: impl Fn(&ServiceRequest) -> Result<(), Problem> + Clone,
) -> impl Fn(ServiceRequest, Next<B>) -> LocalBoxFuture<'static, Result<ServiceResponse<B>, Error>> + Clone {
    move |request, next| match check(&request) {
        Ok(()) => Box::pin(next.call(request)),
        Err(problem) => {
            let answer = problem.answered();
            Box::pin(async { Err(answer) })
        }
    }
}
