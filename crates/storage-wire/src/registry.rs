//! The one list of problem types.

/// The request is not JSON, or its body could not be read.
pub const MALFORMED: &str = "malformed";
/// The path does not exist; a missing row is `not-found`.
pub const UNKNOWN_PATH: &str = "unknown-path";
/// The path does not support this method.
pub const METHOD_NOT_ALLOWED: &str = "method-not-allowed";
/// The body did not arrive in time.
pub const REQUEST_TIMEOUT: &str = "request-timeout";
/// The body is larger than the server accepts.
pub const TOO_LARGE: &str = "too-large";
/// The body is not `application/json`.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "unsupported-media-type";

/// One type of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// The stable name, which is the last part of the URI.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The title: the same words for every occurrence.
    pub title: &'static str,
}

impl ProblemType {
    /// The `type` of RFC 9457.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("urn:problem-type:character-storage:{}", self.code)
    }
}

const fn entry(code: &'static str, status: u16, title: &'static str) -> ProblemType {
    ProblemType { code, status, title }
}

/// Every problem type: those of [`ErrorKind`](character_storage_port::ErrorKind) first, then those of HTTP itself.
pub const PROBLEMS: &[ProblemType] = &[
    entry("not-found", 404, "The row does not exist"),
    entry("conflict", 409, "The row is at another revision"),
    entry("already-exists", 409, "The row exists already"),
    entry("transaction-reused", 422, "The transaction id belongs to another transaction"),
    entry("invalid", 422, "The request breaks a rule"),
    entry("unauthorized", 401, "The credentials are missing or not accepted"),
    entry("forbidden", 403, "The credentials do not permit this"),
    entry("rate-limited", 429, "Too many requests"),
    entry("unavailable", 503, "The storage is unavailable now"),
    entry("circuit-open", 503, "The circuit breaker is open: the storage is not called now"),
    entry("timeout", 504, "The storage did not respond in time"),
    entry("corrupt", 500, "The storage holds something that cannot be read"),
    entry("unsupported", 501, "The storage does not offer this"),
    entry("gone", 410, "The log cannot continue from this cursor"),
    entry("lease-lost", 409, "The lease of the consumer is not current"),
    entry(MALFORMED, 400, "The request cannot be read"),
    entry(UNKNOWN_PATH, 404, "The path does not exist"),
    entry(METHOD_NOT_ALLOWED, 405, "The path does not support this method"),
    entry(REQUEST_TIMEOUT, 408, "The body did not arrive in time"),
    entry(TOO_LARGE, 413, "The body is too large"),
    entry(UNSUPPORTED_MEDIA_TYPE, 415, "The media type of the body is not application/json"),
];

/// The problem type with this code.
#[must_use]
pub fn problem_type(code: &str) -> Option<&'static ProblemType> {
    PROBLEMS.iter().find(|entry| entry.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::ErrorKind;
    use std::collections::HashSet;

    #[test]
    fn every_kind_of_error_has_its_problem_type() {
        let codes: Vec<_> = PROBLEMS.iter().take(ErrorKind::CODES.len()).map(|entry| entry.code).collect();
        assert_eq!(codes, ErrorKind::CODES);
    }

    #[test]
    fn no_code_is_listed_twice_and_every_status_is_an_error() {
        let codes: HashSet<_> = PROBLEMS.iter().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), PROBLEMS.len());
        assert!(PROBLEMS.iter().all(|entry| (400..600).contains(&entry.status)));
    }
}
