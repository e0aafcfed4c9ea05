//! The problems of the API: which refusal and failure has which code.

mod document;
mod example;
mod kinds;

pub use document::problems_document;
pub(crate) use example::example;
pub use kinds::{PROBLEMS, ProblemKind};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use character_domain::{Revision, Violations};
use character_error_reporter::redacted_text;
use character_http_kit::{self as kit, FieldError, ProblemTypes};
use character_repositories::RepositoryError;
use character_storage_port::{COMMIT, ErrorKind, StorageError};
use serde::Serialize;
use std::{borrow::Cow, fmt};
use utoipa::ToSchema;

/// The types of the problems of the API.
pub const PROBLEM_TYPES: ProblemTypes = ProblemTypes::below(PAGES);
/// The path below which each kind of problem has its page.
pub(crate) const PAGES: &str = "/problems/";

/// The type of the problems with this code.
pub(crate) fn type_uri(code: &str) -> String {
    format!("{PAGES}{code}")
}

/// Why a request failed. Returned as `application/problem+json`.
#[derive(Clone, Debug)]
pub struct Problem {
    general: kit::Problem,
    expected_revisions: Vec<u64>,
    actual_revision: Option<u64>,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/invalid", "title": "The request breaks a rule", "status": 422,
    "code": "invalid", "instance": "/api/v2/characters", "request_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11",
    "errors": [{ "field": "name", "reason": "is required" }],
}))]
pub struct ProblemBody {
    /// The address of the page about this kind of problem, relative to the service: `/problems/` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = String, format = "uri-reference")]
    pub kind: Cow<'static, str>,
    /// The kind of problem in words; the same for every problem with this code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs. Codes never change; new ones may be added.
    pub code: Cow<'static, str>,
    /// What was wrong in this request, and what would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub instance: Option<String>,
    /// The id under which the service logged the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// For `invalid`: the fields at fault, at most 100. When there are more, a last entry without a field counts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// The revisions that the request demanded, when a precondition failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub expected_revisions: Vec<u64>,
    /// The current revision, when a precondition failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub actual_revision: Option<u64>,
}

impl Problem {
    /// A problem of this kind. `code` and `title` belong together.
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: &'static str) -> Self {
        kit::Problem::new(status, code, title).into()
    }

    /// Says what happened this time. It must not hold secrets, and is cut when it quotes much of the request.
    pub(crate) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { general: self.general.with_detail(detail), ..self }
    }

    /// Adds a header to the answer.
    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { general: self.general.with_header(name, value), ..self }
    }

    /// 500, without saying why: that is in the log.
    pub(crate) fn internal() -> Self {
        kit::Problem::internal().into()
    }

    /// 422 with each field at fault.
    pub(crate) fn invalid(violations: Violations) -> Self {
        let errors = violations.iter().map(|violation| FieldError::new(&violation.field, &violation.reason));
        kit::Problem::invalid(errors).into()
    }

    pub(crate) fn field(field: &str, reason: impl Into<String>) -> Self {
        Self::invalid(Violations::one(field, reason))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The body is not JSON").with_detail(detail)
    }

    pub(crate) fn malformed_precondition(header: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-precondition", "A precondition header is malformed")
            .with_detail(format!("{header} must be * or a list of entity tags in double quotes"))
    }

    pub(crate) fn malformed_idempotency_key() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-idempotency-key", "The idempotency key is malformed")
            .with_detail("Idempotency-Key must be given once, with 1 to 255 visible ASCII characters")
    }

    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        let title = "The media type of the body is not supported here";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title).with_detail(detail)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large")
            .with_detail(format!("the body must not be larger than {limit} bytes"))
    }

    /// 503: the maximum number of requests is being handled, or the budget for large ones is used up.
    pub(crate) fn overloaded() -> Self {
        let title = "The service handles as many requests as it can";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", title)
            .with_detail("send the request again after the time in Retry-After; a large one has better chances when it is smaller")
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 504: the time of the caller is over.
    pub(crate) fn deadline_exceeded(detail: &'static str) -> Self {
        let title = "The time that the caller waits is over";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline-exceeded", title).with_detail(detail).retry_after(1)
    }

    pub(crate) fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time")
            .with_detail("send the whole body again, faster or in a smaller request")
    }

    fn precondition_failed(expected: &[Revision], actual: Revision) -> Self {
        Self {
            expected_revisions: expected.iter().map(|revision| revision.0).collect(),
            actual_revision: Some(actual.0),
            ..Self::unmet_precondition()
        }
    }

    /// `If-Match` names entity tags, and what is read has no strong one.
    pub(crate) fn no_strong_tag() -> Self {
        Self::unmet_precondition()
            .with_detail("what is read has no strong entity tag, and If-Match never matches a weak one")
    }

    fn unmet_precondition() -> Self {
        let title = "The current revision is not the one that the request demands";
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title)
    }

    fn unavailable(code: &'static str, title: &'static str, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(seconds)
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.general.status()
    }

    /// The document of one row of a bulk, without the path and the id of the request.
    pub(crate) fn item_body(&self) -> ProblemBody {
        ProblemBody { instance: None, request_id: None, ..self.body() }
    }

    /// The document, in the answer to the current request.
    fn body(&self) -> ProblemBody {
        let kit::ProblemBody { kind, title, status, code, detail, instance, request_id, errors } = self.general.body();
        ProblemBody {
            kind,
            title,
            status,
            code,
            detail,
            instance,
            request_id,
            errors,
            expected_revisions: self.expected_revisions.clone(),
            actual_revision: self.actual_revision,
        }
    }
}

impl From<kit::Problem> for Problem {
    fn from(general: kit::Problem) -> Self {
        Self { general, expected_revisions: Vec::new(), actual_revision: None }
    }
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::NotFound(kind) => Self::new(StatusCode::NOT_FOUND, "not-found", "The row does not exist")
                .with_detail(format!("no {kind} with this id exists, or it is soft-deleted")),
            RepositoryError::AlreadyExists { kind, deleted } => {
                let more = if deleted { "; it is soft-deleted and can be restored" } else { "" };
                Self::new(StatusCode::CONFLICT, "already-exists", "The id exists already")
                    .with_detail(format!("another {kind} has this id{more}"))
            }
            RepositoryError::PreconditionFailed { expected, actual, named_weakly } => {
                let problem = Self::precondition_failed(&expected, actual);
                if named_weakly {
                    return problem.with_detail("If-Match holds a weak entity tag (W/\"…\"), which never matches; send the strong tag of the ETag header");
                }
                problem.with_detail(format!(
                    "the current revision is {actual}; read the row, and send a precondition that it meets"
                ))
            }
            RepositoryError::Invalid(violations) => Self::invalid(violations),
            RepositoryError::Refused(refusal) => {
                Self::new(StatusCode::CONFLICT, refusal.rule, "A rule of the game forbids the change")
                    .with_detail(refusal.reason)
            }
            RepositoryError::StateNotKept { version, at } => Self::new(
                StatusCode::GONE,
                "state-not-kept",
                "The state at this time is no longer kept",
            )
            .with_detail(format!(
                "versions after {at} were removed to save space; the last one kept before this time is {version}"
            )),
            RepositoryError::IdempotencyMismatch => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-mismatch",
                "The idempotency key belongs to another request",
            )
            .with_detail("send a new Idempotency-Key with a new request, or repeat the first request unchanged"),
            RepositoryError::Contended(_) => {
                Self::unavailable("contended", "Other writers changed the row at every attempt", 1)
                    .with_detail("nothing was changed")
            }
            RepositoryError::Storage(error) => error.into(),
            _ => Self::internal(),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        // The causes are in the report of the failed operation.
        tracing::warn!(error = %redacted_text(&error.to_string()), "the storage failed");
        let seconds =
            error.retry_after().map_or(1, |wait| wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        let unavailable = || Self::unavailable("storage-unavailable", "The storage is unavailable", seconds.max(1));
        let problem = match error.kind() {
            ErrorKind::Timeout => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "storage-timeout", "The storage did not answer in time")
                    .retry_after(1)
            }
            ErrorKind::Corrupt => Self::new(
                StatusCode::BAD_GATEWAY,
                "storage-corrupt",
                "The storage returned a response that cannot be read",
            ),
            ErrorKind::Unsupported => {
                Self::new(StatusCode::NOT_IMPLEMENTED, "storage-unsupported", "The storage does not offer this")
            }
            ErrorKind::Unavailable { .. } | ErrorKind::RateLimited { .. } | ErrorKind::CircuitOpen { .. } => {
                unavailable()
            }
            // It is our credentials that the storage refuses, not the client's.
            ErrorKind::Unauthorized | ErrorKind::Forbidden => unavailable(),
            _ => Self::internal(),
        };
        if error.operation() != COMMIT {
            return problem;
        }
        problem.with_detail(if error.certainly_not_applied() {
            "nothing was changed"
        } else {
            "the change may have been made; read the row, or repeat the request with the same Idempotency-Key"
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.general.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.general.answer_with(&self.body())
    }
}
