//! Failures as problem documents.

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use character_error_reporter::redacted;
use character_http_kit::{FieldError, Problem, ProblemBody, ProblemTypes};
use character_message_hub::{Applied, ErrorKind, HubError, REQUEST};
use character_message_hub_wire::{self as wire, Failure};
use serde::Serialize;
use std::fmt;

/// The types of the problems of this server.
pub const PROBLEM_TYPES: ProblemTypes = ProblemTypes::below("urn:problem-type:message-hub:");

/// The rejection of a request.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
    failure: Failure,
}

/// The document: a problem, and what the port says of the failure.
#[derive(Serialize)]
struct Document<'f> {
    #[serde(flatten)]
    problem: ProblemBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    certainly_not_applied: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'f u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'f u64>,
}

/// The result of a handler.
pub(crate) type Answer<T = HttpResponse> = Result<T, Refusal>;

impl Refusal {
    /// A refusal before the hub was asked.
    pub(crate) fn of(problem: Problem) -> Self {
        let failure = Failure { certainly_not_applied: Some(true), ..Failure::default() };
        Self { problem: Box::new(problem), failure }
    }

    /// 422 with one field at fault.
    pub(crate) fn field(field: &str, reason: &str) -> Self {
        Self::of(Problem::invalid([FieldError::new(field, reason)]))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read");
        Self::of(problem.with_detail(detail))
    }

    pub(crate) fn media_type(detail: impl Into<String>) -> Self {
        let title = "The media type of the body is not supported";
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title);
        Self::of(problem.with_detail(detail))
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let kind = ErrorKind::NotFound;
        let problem = Problem::new(StatusCode::NOT_FOUND, kind.code(), wire::title(&kind));
        Self::of(problem.with_detail(what))
    }

    pub(crate) fn unsupported(detail: &'static str) -> Self {
        let problem = Problem::new(StatusCode::NOT_IMPLEMENTED, "unsupported", "The hub does not offer this");
        Self::of(problem.with_detail(detail))
    }

    pub(crate) fn unauthorized() -> Self {
        let error = HubError::new(ErrorKind::Unauthorized, "authenticate")
            .with_detail("send the header Authorization: Bearer with an accepted token");
        // Not by `From`, which is for failures of the hub behind.
        Self::without_line(&error)
    }

    pub(crate) fn into_response(self) -> HttpResponse {
        self.error_response()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, f)
    }
}

/// A failure of the hub behind, as a client of this server must read it. Credentials that are refused there are those of this
/// process: to the client, whose token is accepted, the hub is unavailable.
pub(crate) fn to_client(error: HubError) -> HubError {
    let what = match error.kind() {
        ErrorKind::Unauthorized => "what keeps the events refuses the credentials of the hub",
        ErrorKind::Forbidden => "what keeps the events does not permit this to the credentials of the hub",
        _ => return error,
    };
    let detail = error.detail().map_or_else(|| what.to_owned(), |detail| format!("{what}: {detail}"));
    let applied = if error.certainly_not_applied() { Applied::No } else { Applied::Unknown };
    let unavailable = HubError::new(ErrorKind::Unavailable { retry_after: None }, error.operation());
    unavailable.with_applied(applied).with_detail(detail).with_source(error)
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::of(problem)
    }
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        let error = to_client(error);
        let refusal = Self::without_line(&error);
        let kind = error.kind();
        if refusal.problem.status().is_server_error() && *kind != ErrorKind::NoResponder {
            tracing::warn!(error = %redacted(&error), code = kind.code(), "the hub failed");
        }
        refusal
    }
}

impl Refusal {
    /// The refusal for a failure that needs no line in the log.
    fn without_line(error: &HubError) -> Self {
        let kind = error.kind();
        let status = match kind {
            // A service, not the hub, has made what cannot be read.
            ErrorKind::Corrupt if error.operation() == REQUEST => StatusCode::BAD_GATEWAY,
            _ => StatusCode::from_u16(wire::status(kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let mut problem = Problem::new(status, kind.code(), wire::title(kind));
        if let Some(detail) = error.detail() {
            problem = problem.with_detail(detail);
        }
        if let ErrorKind::TooLarge { limit, size } = kind {
            problem = problem.with_detail(format!("it has {size} bytes; at most {limit} are taken"));
        }
        if status == StatusCode::UNAUTHORIZED {
            problem = problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = error.retry_after().map_or(1, |pause| pause.as_millis().div_ceil(1_000).max(1));
            if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
                problem = problem.with_header(header::RETRY_AFTER, seconds);
            }
        }
        Self { problem: Box::new(problem), failure: Failure::from(error) }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.problem.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let Failure { certainly_not_applied, retry_after_ms, limit, size, .. } = &self.failure;
        let (certainly_not_applied, retry_after_ms) = (*certainly_not_applied, *retry_after_ms);
        let (limit, size) = (limit.as_ref(), size.as_ref());
        let problem = self.problem.body();
        self.problem.answer_with(&Document { problem, certainly_not_applied, retry_after_ms, limit, size })
    }
}

/// The response to a request when the process handles the maximum number of requests, or has no memory for a large one.
#[must_use]
pub fn overloaded() -> HttpResponse {
    let retry_after = Some(std::time::Duration::from_secs(1));
    let error = HubError::new(ErrorKind::Unavailable { retry_after }, "admit")
        .with_applied(Applied::No)
        .with_detail("the hub handles the maximum number of requests; try again later, or send a smaller one");
    // The metrics count it, and an overload has many.
    Refusal::without_line(&error).into_response()
}
