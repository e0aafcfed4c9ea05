//! Every rejection and failure, as a problem document (RFC 9457).

use crate::middleware::{current_request, cut};
use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use character_domain::{Revision, Violations};
use character_error_reporter::redacted_text;
use character_repositories::RepositoryError;
use character_storage_port::{COMMIT, ErrorKind, StorageError};
use serde::Serialize;
use std::{borrow::Cow, fmt};
use utoipa::ToSchema;

/// Maximum number of bytes of a text in a problem.
const MOST_OF_TEXT: usize = 1024;
/// Maximum number of bytes of a field or a path in a problem. A client may send a name of a megabyte.
const MOST_OF_NAME: usize = 256;

/// Why a request failed. Returned as `application/problem+json`.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    title: &'static str,
    detail: Option<String>,
    errors: Violations,
    expected_revisions: Vec<u64>,
    actual_revision: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:character-service:problem:invalid", "title": "The request breaks a rule", "status": 422,
    "code": "invalid", "instance": "/api/v2/characters", "request_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11",
    "errors": [{ "field": "name", "reason": "is required" }],
}))]
pub struct ProblemBody {
    /// The kind of problem as a URN: `urn:character-service:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words; the same for every problem with this code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs. Codes never change.
    pub code: Cow<'static, str>,
    /// What was wrong in this request, and what would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The id under which the service logged the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// For `invalid`: the fields at fault, at most 100. When there are more, a last entry without a field counts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The revisions that the request demanded, when a precondition failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected_revisions: Vec<u64>,
    /// The current revision, when a precondition failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_revision: Option<u64>,
}

/// A field at fault.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path: `name`, `characters[3].name`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Problem {
    /// A problem of this kind. `code` and `title` belong together.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: &'static str) -> Self {
        Self {
            status,
            code: code.into(),
            title,
            detail: None,
            errors: Violations::default(),
            expected_revisions: Vec::new(),
            actual_revision: None,
            headers: Vec::new(),
        }
    }

    /// Adds what was wrong in this request. It must not hold secrets, and is cut when it quotes much of the request.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(cut(&detail.into(), MOST_OF_TEXT).into_owned());
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// 500 without the cause, which is in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error of the service")
    }

    /// 422 with each field at fault.
    #[must_use]
    pub fn invalid(violations: Violations) -> Self {
        let title = "The request breaks a rule";
        Self { errors: violations, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title) }
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

    /// 503: the budget for large requests is used up.
    pub(crate) fn overloaded() -> Self {
        let title = "The service handles the maximum of large requests";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", title)
            .with_detail("send the request again after the time in Retry-After, or send a smaller one")
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub(crate) fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time")
            .with_detail("send the whole body again, faster or in a smaller request")
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        let title = "The path does not exist";
        Self::new(StatusCode::NOT_FOUND, "no-such-path", title).with_detail(cut(path, MOST_OF_NAME))
    }

    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let problem =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not support this method")
                .with_detail(format!("the path supports {allow}"));
        match HeaderValue::from_str(allow) {
            Ok(allow) => problem.with_header(header::ALLOW, allow),
            Err(_) => problem,
        }
    }

    fn precondition_failed(expected: &[Revision], actual: Revision) -> Self {
        let title = "The current revision is not the one that the request demands";
        Self {
            expected_revisions: expected.iter().map(|revision| revision.0).collect(),
            actual_revision: Some(actual.0),
            ..Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title)
        }
    }

    fn unavailable(code: &'static str, title: &'static str, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(seconds)
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The document of one row of a bulk, without the path and the id of the request.
    pub(crate) fn item_body(&self) -> ProblemBody {
        ProblemBody { instance: None, request_id: None, ..self.body() }
    }

    /// The document, in the response to the current request.
    #[must_use]
    pub fn body(&self) -> ProblemBody {
        let request = current_request();
        ProblemBody {
            kind: format!("urn:character-service:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code.clone(),
            detail: self.detail.clone(),
            instance: request.as_ref().map(|request| request.path.clone()),
            request_id: request.map(|request| request.id),
            errors: self
                .errors
                .iter()
                .map(|violation| FieldError {
                    field: cut(&violation.field, MOST_OF_NAME).into_owned(),
                    reason: cut(&violation.reason, MOST_OF_TEXT).into_owned(),
                })
                .collect(),
            expected_revisions: self.expected_revisions.clone(),
            actual_revision: self.actual_revision,
        }
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
        write!(f, "{} {}", self.status.as_u16(), self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
