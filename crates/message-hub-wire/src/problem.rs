//! Failures on the wire.

use character_message_hub::{Applied, ErrorKind, HubError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The codes of problems that are about HTTP or about an operator's request, beside those of the port.
pub const HTTP_CODES: &[&str] = &[
    "malformed",
    "no-such-path",
    "method-not-allowed",
    "request-timeout",
    "unsupported-media-type",
    "not-found",
    "unsupported",
];

/// The HTTP status of a kind of failure.
#[must_use]
pub fn status(kind: &ErrorKind) -> u16 {
    match kind {
        ErrorKind::Unauthorized => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::DeliveryLost => 409,
        ErrorKind::TooLarge { .. } => 413,
        ErrorKind::Invalid => 422,
        ErrorKind::Corrupt => 500,
        ErrorKind::Timeout => 504,
        ErrorKind::Full => 507,
        // `Unavailable` and `NoResponder`, and a kind that is newer than this crate.
        _ => 503,
    }
}

/// The title of a kind of failure: the same words for every occurrence.
#[must_use]
pub fn title(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "The credentials are missing or not accepted",
        ErrorKind::Forbidden => "The credentials do not permit this",
        ErrorKind::DeliveryLost => "The delivery was settled before, or belongs to another subscriber now",
        ErrorKind::TooLarge { .. } => "The message is larger than the hub takes",
        ErrorKind::Invalid => "The hub refuses the message",
        ErrorKind::Corrupt => "The hub holds or received something that cannot be read",
        ErrorKind::Timeout => "No answer in time",
        ErrorKind::Full => "The hub keeps the maximum of events",
        ErrorKind::NoResponder => "No instance of the service is reachable",
        _ => "The hub is unavailable now",
    }
}

/// A failure, without the place where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: Option<String>,
    /// A sentence for a person.
    pub detail: Option<String>,
    /// Whether the operation certainly had no effect.
    pub certainly_not_applied: Option<bool>,
    /// How long to wait before a repeat, in milliseconds, rounded up.
    pub retry_after_ms: Option<u64>,
    /// `too-large`: the maximum size, in bytes.
    pub limit: Option<u64>,
    /// `too-large`: the size of the message, in bytes.
    pub size: Option<u64>,
}

impl From<&HubError> for Failure {
    fn from(error: &HubError) -> Self {
        let (limit, size) = match error.kind() {
            ErrorKind::TooLarge { limit, size } => (Some(*limit), Some(*size)),
            _ => (None, None),
        };
        Self {
            code: Some(error.kind().code().to_owned()),
            detail: error.detail().map(str::to_owned),
            certainly_not_applied: Some(error.certainly_not_applied()),
            retry_after_ms: error.retry_after().map(whole_milliseconds),
            limit,
            size,
        }
    }
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl Failure {
    /// The error of `operation`. An unknown code is read by the HTTP status.
    #[must_use]
    pub fn of_status(self, status: u16, operation: &'static str) -> HubError {
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        let kind = match self.code.as_deref() {
            Some("unavailable") => ErrorKind::Unavailable { retry_after },
            Some("timeout") => ErrorKind::Timeout,
            Some("no-responder") => ErrorKind::NoResponder,
            Some("full") => ErrorKind::Full,
            Some("too-large") => {
                ErrorKind::TooLarge { limit: self.limit.unwrap_or_default(), size: self.size.unwrap_or_default() }
            }
            Some("unauthorized") => ErrorKind::Unauthorized,
            Some("forbidden") => ErrorKind::Forbidden,
            Some("invalid" | "malformed" | "unsupported-media-type") => ErrorKind::Invalid,
            Some("delivery-lost") => ErrorKind::DeliveryLost,
            Some("corrupt") => ErrorKind::Corrupt,
            _ => kind_for_status(status, retry_after),
        };
        let mut error = HubError::new(kind, operation);
        if let Some(detail) = self.detail {
            error = error.with_detail(detail);
        }
        match self.certainly_not_applied {
            Some(true) => error.with_applied(Applied::No),
            Some(false) => error.with_applied(Applied::Unknown),
            None => error,
        }
    }
}

/// The meaning of an error status without a code of this contract, such as from a proxy.
#[must_use]
pub fn kind_for_status(status: u16, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthorized,
        403 | 421 => ErrorKind::Forbidden,
        408 | 504 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge { limit: 0, size: 0 },
        400 | 414 | 415 | 422 | 431 => ErrorKind::Invalid,
        429 | 500..=599 => ErrorKind::Unavailable { retry_after },
        _ => ErrorKind::Corrupt,
    }
}

/// A problem document, as far as a client reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// The code.
    #[serde(default)]
    pub code: Option<String>,
    /// A sentence for a person.
    #[serde(default)]
    pub detail: Option<String>,
    /// Whether the operation certainly had no effect.
    #[serde(default)]
    pub certainly_not_applied: Option<bool>,
    /// How long to wait before a repeat, in milliseconds.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// `too-large`: the maximum size, in bytes.
    #[serde(default)]
    pub limit: Option<u64>,
    /// `too-large`: the size of the message, in bytes.
    #[serde(default)]
    pub size: Option<u64>,
}

impl ProblemBody {
    /// The failed operation.
    #[must_use]
    pub fn into_error(self, status: u16, operation: &'static str) -> HubError {
        let Self { code, detail, certainly_not_applied, retry_after_ms, limit, size } = self;
        Failure { code, detail, certainly_not_applied, retry_after_ms, limit, size }.of_status(status, operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_a_newer_hub_is_read_by_its_status() {
        let problem: ProblemBody =
            serde_json::from_str(r#"{"code": "quota", "retry_after_ms": 10}"#).expect("readable");
        let error = problem.into_error(429, "hub.publish");
        assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: Some(Duration::from_millis(10)) });
        assert!(!error.certainly_not_applied());
    }

    #[test]
    fn every_status_is_an_error() {
        for kind in [ErrorKind::Timeout, ErrorKind::Full, ErrorKind::NoResponder, ErrorKind::DeliveryLost] {
            assert!((400..600).contains(&status(&kind)), "{kind:?}");
        }
    }
}
