//! Failures on the wire: RFC 9457, with everything from a [`StorageError`] except its source.

use crate::registry::{self, MALFORMED, TOO_LARGE, problem_type};
use character_domain::{Revision, Violations};
use character_storage_port::{Applied, EntityKind, ErrorKind, Retry, StorageError};
use serde::{Deserialize, Serialize, de::IntoDeserializer};
use std::time::Duration;
use uuid::Uuid;

/// What a port with TLS answers to a request without it, which has not reached the storage.
const TLS_REQUIRED: &str = "tls-required";

/// A failure, as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The URI of the problem type.
    #[serde(rename = "type", default)]
    pub type_uri: String,
    /// The title of the problem type.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What was wrong in this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The code, for programs; see [`PROBLEMS`](crate::PROBLEMS).
    pub code: String,
    /// `conflict`: the revision that the writer expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<Revision>,
    /// `conflict`: the current revision of the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_revision: Option<Revision>,
    /// `invalid`: the faults.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub violations: Violations,
    /// How long to wait, in milliseconds, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether a repeat can help, when that differs from the default of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryAdvice>,
    /// Whether a write was certainly not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainly_not_applied: Option<bool>,
    /// The row concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<ProblemEntity>,
}

fn is_empty(violations: &Violations) -> bool {
    violations.is_empty()
}

/// The row that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemEntity {
    /// Its kind, by name: a text, so that a client can read the problems of a newer server.
    pub kind: String,
    /// Its id.
    pub id: Uuid,
}

/// [`Retry`] on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAdvice {
    /// The response would be the same.
    Never,
    /// A repeat may succeed later.
    Later,
    /// A repeat could have helped, but the server has used up its retries.
    Exhausted,
}

impl From<Retry> for RetryAdvice {
    fn from(retry: Retry) -> Self {
        match retry {
            Retry::Never => Self::Never,
            Retry::Later => Self::Later,
            Retry::Exhausted => Self::Exhausted,
        }
    }
}

impl From<RetryAdvice> for Retry {
    fn from(advice: RetryAdvice) -> Self {
        match advice {
            RetryAdvice::Never => Self::Never,
            RetryAdvice::Later => Self::Later,
            RetryAdvice::Exhausted => Self::Exhausted,
        }
    }
}

impl Problem {
    /// A problem of HTTP itself, by its code in the registry: the storage was not called.
    #[must_use]
    pub fn of_code(code: &'static str) -> Self {
        let (type_uri, title, status) = match problem_type(code) {
            Some(entry) => (entry.uri(), entry.title.to_owned(), entry.status),
            None => ("about:blank".to_owned(), String::new(), 500),
        };
        Self {
            type_uri,
            title,
            status,
            detail: None,
            code: code.to_owned(),
            expected_revision: None,
            actual_revision: None,
            violations: Violations::default(),
            retry_after_ms: None,
            retry: None,
            certainly_not_applied: Some(true),
            entity: None,
        }
    }

    /// Adds what was wrong in this request.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The value of `Retry-After`, in seconds: for 429 and 503, at least 1 when nothing is known.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        matches!(self.status, 429 | 503).then(|| self.retry_after_ms.unwrap_or(0).div_ceil(1000).max(1))
    }

    /// The error that the server had, as a failure of `operation`.
    ///
    /// An unknown code is interpreted by its status. The source is not transferred.
    #[must_use]
    pub fn into_error(self, operation: &'static str) -> StorageError {
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        let is_before_tls = self.code == TLS_REQUIRED;
        let kind = match (self.code.as_str(), self.expected_revision, self.actual_revision) {
            ("not-found", ..) => ErrorKind::NotFound,
            ("conflict", Some(expected), Some(actual)) => ErrorKind::Conflict { expected, actual },
            ("already-exists", ..) => ErrorKind::AlreadyExists,
            ("transaction-reused", ..) => ErrorKind::TransactionReused,
            ("invalid", ..) => ErrorKind::Invalid(self.violations),
            ("unauthorized", ..) => ErrorKind::Unauthorized,
            ("forbidden", ..) => ErrorKind::Forbidden,
            ("rate-limited", ..) => ErrorKind::RateLimited { retry_after },
            ("unavailable", ..) => ErrorKind::Unavailable { retry_after },
            ("circuit-open", ..) => ErrorKind::CircuitOpen { retry_after: retry_after.unwrap_or_default() },
            ("timeout", ..) => ErrorKind::Timeout,
            ("corrupt", ..) => ErrorKind::Corrupt,
            ("unsupported", ..) => ErrorKind::Unsupported,
            ("gone", ..) => ErrorKind::Gone,
            ("lease-lost", ..) => ErrorKind::LeaseLost,
            (code @ (MALFORMED | TOO_LARGE), ..) => {
                let reason = registry::problem_type(code).map_or(code, |entry| entry.title);
                ErrorKind::Invalid(Violations::one("body", reason))
            }
            (registry::UNSUPPORTED_MEDIA_TYPE, ..) => ErrorKind::Unsupported,
            (TLS_REQUIRED, ..) => ErrorKind::Unavailable { retry_after },
            _ => kind_for_status(self.status, retry_after),
        };
        let mut error = StorageError::new(kind, operation);
        if let Some(detail) = self.detail {
            error = error.with_detail(detail);
        }
        if let Some(certainly) = self.certainly_not_applied.or(is_before_tls.then_some(true)) {
            error = error.with_applied(if certainly { Applied::No } else { Applied::Unknown });
        }
        if let Some(advice) = self.retry {
            error = error.with_retry(advice.into());
        }
        if let Some((kind, id)) = self.entity.and_then(|entity| Some((entity_kind(&entity.kind)?, entity.id))) {
            error = error.with_entity(kind, id);
        }
        error
    }
}

impl From<&StorageError> for Problem {
    fn from(error: &StorageError) -> Self {
        let kind = error.kind();
        let usual = StorageError::new(kind.clone(), error.operation());
        let (expected_revision, actual_revision) = match kind {
            ErrorKind::Conflict { expected, actual } => (Some(*expected), Some(*actual)),
            _ => (None, None),
        };
        let violations = match kind {
            ErrorKind::Invalid(violations) => violations.clone(),
            _ => Violations::default(),
        };
        Self {
            detail: error.detail().map(str::to_owned),
            expected_revision,
            actual_revision,
            violations,
            retry_after_ms: error.retry_after().map(whole_milliseconds),
            retry: (error.retry() != usual.retry()).then(|| error.retry().into()),
            certainly_not_applied: Some(error.certainly_not_applied()),
            entity: error.entity().map(|(kind, id)| ProblemEntity { kind: kind.as_str().to_owned(), id }),
            ..Self::of_code(kind.code())
        }
    }
}

/// Rounded up, so that no client retries too early.
fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

pub(crate) fn entity_kind(name: &str) -> Option<EntityKind> {
    EntityKind::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(name)).ok()
}

/// The meaning of an error status without a problem of this contract, such as from a proxy.
///
/// A 404 is `Unsupported`: it never says that a row is absent. A 410 is `Corrupt`: it never says that a cursor is `Gone`.
#[must_use]
pub fn kind_for_status(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthorized,
        // 421: the storage does not answer under the host name that this client uses.
        403 | 421 => ErrorKind::Forbidden,
        404 | 405 | 501 => ErrorKind::Unsupported,
        408 | 504 => ErrorKind::Timeout,
        413 => ErrorKind::Invalid(Violations::one("body", "is larger than the storage accepts")),
        414 | 431 => ErrorKind::Invalid(Violations::one("query", "is longer than the storage accepts")),
        429 => ErrorKind::RateLimited { retry_after },
        500..=599 => ErrorKind::Unavailable { retry_after },
        _ => ErrorKind::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<ErrorKind> {
        let some = Some(Duration::from_millis(1500));
        let mut violations = Violations::one("name", "must not be empty");
        violations.push("data", "must not be nested deeper than 128 levels");
        vec![
            ErrorKind::NotFound,
            ErrorKind::Conflict { expected: Revision(3), actual: Revision(u64::MAX) },
            ErrorKind::AlreadyExists,
            ErrorKind::TransactionReused,
            ErrorKind::Invalid(violations),
            ErrorKind::Unauthorized,
            ErrorKind::Forbidden,
            ErrorKind::RateLimited { retry_after: None },
            ErrorKind::RateLimited { retry_after: some },
            ErrorKind::Unavailable { retry_after: None },
            ErrorKind::Unavailable { retry_after: some },
            ErrorKind::CircuitOpen { retry_after: Duration::from_millis(7) },
            ErrorKind::Timeout,
            ErrorKind::Corrupt,
            ErrorKind::Unsupported,
            ErrorKind::Gone,
            ErrorKind::LeaseLost,
        ]
    }

    fn told(error: &StorageError) -> impl PartialEq + std::fmt::Debug {
        (
            error.kind().clone(),
            error.operation(),
            error.entity(),
            error.retry(),
            error.certainly_not_applied(),
            error.detail().map(str::to_owned),
        )
    }

    fn travelled(error: &StorageError) -> StorageError {
        let text = serde_json::to_vec(&Problem::from(error)).expect("serializable");
        serde_json::from_slice::<Problem>(&text).expect("readable").into_error(error.operation())
    }

    #[test]
    fn every_error_travels_without_loss() {
        for kind in every_kind() {
            let plain = StorageError::new(kind.clone(), "commit");
            assert_eq!(told(&travelled(&plain)), told(&plain));
            for applied in [Applied::No, Applied::Unknown] {
                for retry in [Retry::Never, Retry::Later, Retry::Exhausted] {
                    let full = StorageError::new(kind.clone(), "character.find")
                        .with_entity(EntityKind::Character, Uuid::now_v7())
                        .with_detail("the disk is full")
                        .with_applied(applied)
                        .with_retry(retry);
                    assert_eq!(told(&travelled(&full)), told(&full));
                }
            }
        }
    }

    #[test]
    fn every_kind_comes_with_its_code_status_and_type() {
        for kind in every_kind() {
            let problem = Problem::from(&StorageError::new(kind.clone(), "commit"));
            let entry = problem_type(kind.code()).expect("registered");
            assert_eq!((problem.code.as_str(), problem.status), (entry.code, entry.status));
            assert_eq!(problem.type_uri, format!("urn:problem-type:character-storage:{}", kind.code()));
            assert!(!problem.title.is_empty());
        }
    }

    #[test]
    fn the_source_stays_at_home() {
        let error = StorageError::unavailable("commit").with_source(std::io::Error::other("secret host name"));
        let text = serde_json::to_string(&Problem::from(&error)).expect("serializable");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_problem_of_a_newer_server_is_read_by_its_status() {
        let text = r#"{"code": "quota-used-up", "status": 429, "retry_after_ms": 10, "entity": {"kind": "dragon", "id": "00000000-0000-0000-0000-000000000000"}}"#;
        let error = serde_json::from_str::<Problem>(text).expect("readable").into_error("commit");
        assert_eq!(error.kind(), &ErrorKind::RateLimited { retry_after: Some(Duration::from_millis(10)) });
        assert_eq!(error.entity(), None);
    }

    #[test]
    fn a_port_with_tls_is_unavailable_without_it_and_has_done_nothing() {
        let text = r#"{"code": "tls-required", "status": 400, "title": "t", "type": "t", "detail": "needs https://"}"#;
        let error = serde_json::from_str::<Problem>(text).expect("readable").into_error("commit");
        assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
        assert!(error.certainly_not_applied() && error.detail() == Some("needs https://"));
    }

    #[test]
    fn an_unknown_path_is_never_an_absent_row() {
        let error = Problem::of_code(registry::UNKNOWN_PATH).into_error("character.find");
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
    }

    #[test]
    fn a_conflict_without_its_revisions_is_a_broken_answer() {
        let error = Problem::of_code("conflict").into_error("commit");
        assert_eq!(error.kind(), &ErrorKind::Corrupt);
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds_in_the_header() {
        let seconds = |retry_after| {
            Problem::from(&StorageError::new(ErrorKind::RateLimited { retry_after }, "commit")).retry_after_seconds()
        };
        assert_eq!(seconds(None), Some(1));
        assert_eq!(seconds(Some(Duration::from_millis(1001))), Some(2));
        assert_eq!(Problem::of_code("timeout").retry_after_seconds(), None);
    }
}
