//! Failures on the wire.

use character_message_hub::{Applied, ErrorKind, HubError};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use std::time::Duration;

/// The code of a port with TLS.
const TLS_REQUIRED: &str = "tls-required";

/// The codes of problems that are about HTTP or about an operator's request, beside those of the port.
pub const HTTP_CODES: &[&str] =
    &["malformed", "no-such-path", "method-not-allowed", "request-timeout", "unsupported-media-type", "unsupported"];

/// The HTTP status of a kind of failure.
#[must_use]
pub fn status(kind: &ErrorKind) -> u16 {
    match kind {
        ErrorKind::Unauthorized => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
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
        ErrorKind::NotFound => "What the request names does not exist",
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

/// A field of a request that the hub refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFault {
    /// The name of the attribute, member, header or parameter, such as `[3].source`.
    #[serde(default)]
    pub field: String,
    /// What is wrong with it.
    #[serde(default)]
    pub reason: String,
}

/// The faults of a problem; none when a proxy writes something else into this member.
fn faults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FieldFault>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Faults(Vec<FieldFault>),
        Other(IgnoredAny),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::Faults(faults) => faults,
        Given::Other(IgnoredAny) => Vec::new(),
    })
}

/// The maximum number of faults that the detail of an error names.
const MAX_FAULTS: usize = 10;

/// The detail with the faults behind it, each as `field: reason`.
fn with_faults(detail: Option<String>, errors: &[FieldFault]) -> Option<String> {
    if errors.is_empty() {
        return detail;
    }
    let named = errors.iter().take(MAX_FAULTS).map(|FieldFault { field, reason }| format!("{field}: {reason}"));
    let more = errors.len().saturating_sub(MAX_FAULTS);
    let more = (more > 0).then(|| format!("and {more} more"));
    let faults = named.chain(more).collect::<Vec<_>>().join("; ");
    Some(detail.map_or_else(|| faults.clone(), |detail| format!("{detail}: {faults}")))
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
        let is_before_tls = self.code.as_deref() == Some(TLS_REQUIRED);
        let kind = match self.code.as_deref() {
            // A port with TLS answers so to a request without it, which has not reached the hub.
            Some("unavailable" | TLS_REQUIRED) => ErrorKind::Unavailable { retry_after },
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
            Some("not-found") => ErrorKind::NotFound,
            Some("corrupt") => ErrorKind::Corrupt,
            _ => kind_for_status(status, retry_after),
        };
        let mut error = HubError::new(kind, operation);
        if let Some(detail) = self.detail {
            error = error.with_detail(detail);
        }
        match self.certainly_not_applied.or(is_before_tls.then_some(true)) {
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
    /// `invalid`: the fields that the hub refuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "faults")]
    pub errors: Vec<FieldFault>,
}

impl ProblemBody {
    /// The failed operation, whose detail names the fields that the hub refuses.
    #[must_use]
    pub fn into_error(self, status: u16, operation: &'static str) -> HubError {
        let Self { code, detail, certainly_not_applied, retry_after_ms, limit, size, errors } = self;
        let detail = with_faults(detail, &errors);
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
    fn a_port_with_tls_is_unavailable_without_it_and_has_done_nothing() {
        let problem: ProblemBody = serde_json::from_str(r#"{"code": "tls-required"}"#).expect("readable");
        let error = problem.into_error(400, "hub.publish");
        assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
        assert!(error.certainly_not_applied());
    }

    #[test]
    fn a_refusal_names_each_field_with_its_reason() {
        let read = |text: &str| {
            serde_json::from_str::<ProblemBody>(text).expect("readable").into_error(422, "hub.publish").to_string()
        };
        let one = r#"{"code": "invalid", "errors": [{"field": "source", "reason": "is required"}]}"#;
        assert_eq!(read(one), "hub.publish failed: invalid: source: is required");
        let two = r#"{"detail": "2 fields", "errors": [{"field": "[0].id", "reason": "a"}, {"field": "[1].id"}]}"#;
        assert_eq!(read(two), "hub.publish failed: invalid: 2 fields: [0].id: a; [1].id: ");
        let errors: Vec<_> = (0..12).map(|n| FieldFault { field: n.to_string(), reason: "x".into() }).collect();
        let many = serde_json::to_string(&ProblemBody { errors, ..ProblemBody::default() }).expect("serializable");
        let other = r#"{"code": "invalid", "errors": {"field": ["wrong"]}}"#;
        assert_eq!(read(other), "hub.publish failed: invalid", "what a proxy writes hides no code");
        assert!(read(&many).ends_with("; 9: x; and 2 more"), "{}", read(&many));
    }

    #[test]
    fn every_status_is_an_error() {
        for kind in [ErrorKind::Timeout, ErrorKind::Full, ErrorKind::NoResponder, ErrorKind::DeliveryLost] {
            assert!((400..600).contains(&status(&kind)), "{kind:?}");
        }
    }
}
