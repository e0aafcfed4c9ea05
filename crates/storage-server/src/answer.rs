//! Responses, and problems as responses.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use character_domain::Violations;
use character_error_reporter::redacted;
use character_storage_port::{ErrorKind, StorageError};
use character_storage_wire::{self as wire, Problem, Unreadable};
use serde::Serialize;
use std::fmt;

/// Maximum number of characters of a path in a problem.
const MOST_OF_PATH: usize = 200;

/// The rejection of a request, as a problem document.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
}

impl Refusal {
    /// A problem of HTTP itself.
    pub(crate) fn of_code(code: &'static str, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::of_code(code).with_detail(detail)) }
    }

    pub(crate) fn unauthorized() -> Self {
        let error = StorageError::new(ErrorKind::Unauthorized, "authenticate")
            .with_detail("send the header Authorization: Bearer with an accepted token");
        Self { problem: Box::new(Problem::from(&error)) }
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.code)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(wire::PROBLEM_JSON);
        if let Some(seconds) = self.problem.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_vec(&self.problem).unwrap_or_default())
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self { problem: Box::new(problem_of(&error)) }
    }
}

/// The problem of an error, which is logged when it is a failure of the storage: its source does not travel.
pub(crate) fn problem_of(error: &StorageError) -> Problem {
    let problem = Problem::from(error);
    if problem.status >= 500 {
        tracing::warn!(error = %redacted(error), code = error.kind().code(), "the storage failed");
    }
    problem
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Syntax(detail) => Self::of_code(wire::MALFORMED, detail),
            Unreadable::Invalid(violations) => StorageError::invalid(violations, "request").into(),
        }
    }
}

/// The result of a handler.
pub(crate) type Answer<T = HttpResponse> = Result<T, Refusal>;

/// The parameters of a path, or the rejection that names what is wrong with them.
pub(crate) fn parameters<T>(read: Result<T, Violations>, operation: &'static str) -> Answer<T> {
    read.map_err(|violations| StorageError::invalid(violations, operation).into())
}

/// 200 with a JSON body.
pub(crate) fn ok<B: Serialize>(body: &B, operation: &'static str) -> Answer {
    Ok(HttpResponse::Ok().content_type(wire::JSON).body(text(body, operation)?))
}

pub(crate) fn text<B: Serialize>(body: &B, operation: &'static str) -> Answer<Vec<u8>> {
    let unwritable = |error| StorageError::new(ErrorKind::Corrupt, operation).with_source(error).into();
    serde_json::to_vec(body).map_err(unwritable)
}

/// 204.
pub(crate) fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

pub(crate) fn unknown_path(request: &HttpRequest) -> HttpResponse {
    let path: String = request.path().chars().take(MOST_OF_PATH).collect();
    Refusal::of_code(wire::UNKNOWN_PATH, format!("there is no path {path}")).into_response()
}

pub(crate) fn method_not_allowed(allow: &str) -> HttpResponse {
    let mut response = Refusal::of_code(wire::METHOD_NOT_ALLOWED, format!("the path supports {allow}")).into_response();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use character_domain::Revision;
    use std::time::Duration;

    #[actix_web::test]
    async fn every_failure_of_a_storage_is_answered_with_its_type() {
        let kinds = [
            ErrorKind::NotFound,
            ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) },
            ErrorKind::AlreadyExists,
            ErrorKind::TransactionReused,
            ErrorKind::Invalid(Violations::one("name", "is required")),
            ErrorKind::Unauthorized,
            ErrorKind::Forbidden,
            ErrorKind::RateLimited { retry_after: None },
            ErrorKind::Unavailable { retry_after: None },
            ErrorKind::CircuitOpen { retry_after: Duration::ZERO },
            ErrorKind::Timeout,
            ErrorKind::Corrupt,
            ErrorKind::Unsupported,
            ErrorKind::Gone,
            ErrorKind::LeaseLost,
        ];
        assert_eq!(kinds.each_ref().map(ErrorKind::code), ErrorKind::CODES);
        for kind in kinds {
            let code = kind.code();
            let response = Refusal::from(StorageError::new(kind, "probe")).into_response();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body()).await.unwrap_or_default();
            let problem: Problem = serde_json::from_slice(&body).expect("a problem");
            let entry = wire::problem_type(code).expect("registered");
            assert_eq!((problem.type_uri, problem.status, status), (entry.uri(), entry.status, entry.status), "{code}");
        }
    }
}
