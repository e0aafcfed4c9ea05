//! The meaning of the end of an attempt: for the breaker, for retries, for metrics, and for the caller.

use crate::{ApiResponse, RequestSize, TransportError, TransportErrorKind};
use character_domain::Violations;
use character_storage_port::ErrorKind;

/// What an attempt shows about the upstream. The circuit breaker counts this and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The upstream responded, with any response.
    Alive,
    /// The upstream did not respond, or an intermediary reported that.
    Failing,
    /// Nothing: the attempt ended for a reason of this process.
    Nothing,
}

/// Whether an attempt may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Always: the request did not reach the upstream.
    Always,
    /// When the request is idempotent or was not sent.
    WhenHarmless,
    /// Never: the outcome would be the same.
    Never,
}

/// The meaning of one [`TransportErrorKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The name in metrics, also the reason of a retry.
    pub(crate) label: &'static str,
    pub(crate) evidence: Evidence,
    pub(crate) repeat: Repeat,
    /// What the caller of the port gets.
    pub(crate) error: ErrorKind,
    /// The same as a sentence.
    pub(crate) detail: &'static str,
}

impl TransportErrorKind {
    /// The table. Every variant has a line of its own, so a new one does not compile without a verdict.
    pub(crate) fn verdict(self) -> Verdict {
        use Evidence::{Alive, Failing, Nothing};
        use Repeat::{Always, Never, WhenHarmless};
        let verdict = |label, evidence, repeat, error, detail| Verdict { label, evidence, repeat, error, detail };
        let unavailable = ErrorKind::Unavailable { retry_after: None };
        match self {
            Self::Connect => verdict("connect", Failing, Always, unavailable, "the storage cannot be reached"),
            Self::Timeout => {
                verdict("timeout", Failing, WhenHarmless, ErrorKind::Timeout, "the storage did not answer in time")
            }
            // How long a caller waits shows nothing about the upstream.
            Self::CallerDeadline => {
                verdict("caller_deadline", Nothing, Never, ErrorKind::Timeout, "the caller waits no longer")
            }
            Self::Interrupted => {
                verdict("interrupted", Failing, WhenHarmless, unavailable, "the connection to the storage broke")
            }
            Self::CircuitOpen { retry_after } => verdict(
                "circuit_open",
                Nothing,
                Never,
                ErrorKind::CircuitOpen { retry_after },
                "the storage is not asked for a while",
            ),
            Self::ResponseTooLarge => {
                verdict("too_large", Alive, Never, ErrorKind::Corrupt, "the answer of the storage is too large")
            }
            Self::OutOfResources => verdict(
                "out_of_resources",
                Nothing,
                WhenHarmless,
                unavailable,
                "there is no descriptor, port or memory left for a connection, or for a large answer",
            ),
            Self::RequestTooLarge { limit } => verdict(
                "request_too_large",
                Nothing,
                Never,
                ErrorKind::Invalid(Violations::one(
                    "body",
                    format!(
                        "needs a request to the storage of more than {limit} bytes, which is the most that reaches it"
                    ),
                )),
                "the request is larger than what reaches the storage",
            ),
            Self::NotSendable => verdict(
                "not_sendable",
                Nothing,
                Never,
                ErrorKind::Invalid(Violations::one("query", "is too long to be sent to the storage")),
                "the request cannot be written as HTTP",
            ),
        }
    }
}

/// What the end of an attempt shows about the upstream.
pub(crate) fn evidence(size: RequestSize, attempt: &Result<ApiResponse, TransportError>) -> Evidence {
    match attempt {
        Ok(response) => evidence_of_answer(size, response),
        Err(error) => evidence_of_error(size, error),
    }
}

/// A complete response shows a live upstream, also when it is a rejection, an unreadable row, or a defect (500). 502,
/// 503 and 504 report a missing response; 503 and 504 to a large request may be due to its size.
pub(crate) fn evidence_of_answer(size: RequestSize, response: &ApiResponse) -> Evidence {
    match (response.status, size) {
        (502, _) | (503 | 504, RequestSize::Ordinary) => Evidence::Failing,
        (503 | 504, RequestSize::Large) => Evidence::Nothing,
        _ => Evidence::Alive,
    }
}

/// Of the failures of a large request, only the one to connect has nothing to do with its size.
pub(crate) fn evidence_of_error(size: RequestSize, error: &TransportError) -> Evidence {
    match (error.kind.verdict().evidence, size) {
        (Evidence::Failing, RequestSize::Large) if error.kind != TransportErrorKind::Connect => Evidence::Nothing,
        (evidence, _) => evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sent;
    use std::time::Duration;

    const OPEN: TransportErrorKind = TransportErrorKind::CircuitOpen { retry_after: Duration::from_secs(7) };

    /// The variants by their place in the match, so that a forgotten one does not compile.
    fn place(kind: TransportErrorKind) -> usize {
        match kind {
            TransportErrorKind::Connect => 0,
            TransportErrorKind::Timeout => 1,
            TransportErrorKind::Interrupted => 2,
            TransportErrorKind::CircuitOpen { .. } => 3,
            TransportErrorKind::ResponseTooLarge => 4,
            TransportErrorKind::OutOfResources => 5,
            TransportErrorKind::NotSendable => 6,
            TransportErrorKind::RequestTooLarge { .. } => 7,
            TransportErrorKind::CallerDeadline => 8,
        }
    }

    #[test]
    fn every_transport_error_has_the_verdict_of_this_table() {
        use Evidence::{Alive, Failing, Nothing};
        use Repeat::{Always, Never, WhenHarmless};
        let table = [
            (TransportErrorKind::Connect, Failing, Always, "unavailable"),
            (TransportErrorKind::Timeout, Failing, WhenHarmless, "timeout"),
            (TransportErrorKind::Interrupted, Failing, WhenHarmless, "unavailable"),
            (OPEN, Nothing, Never, "circuit-open"),
            (TransportErrorKind::ResponseTooLarge, Alive, Never, "corrupt"),
            (TransportErrorKind::OutOfResources, Nothing, WhenHarmless, "unavailable"),
            (TransportErrorKind::NotSendable, Nothing, Never, "invalid"),
            (TransportErrorKind::RequestTooLarge { limit: 1 }, Nothing, Never, "invalid"),
            (TransportErrorKind::CallerDeadline, Nothing, Never, "timeout"),
        ];
        for (index, (kind, evidence, repeat, code)) in table.into_iter().enumerate() {
            assert_eq!(place(kind), index, "the table lists every variant once");
            let error = TransportError::of_attempt(kind, "test", Sent::Perhaps);
            let large = if evidence == Failing && kind != TransportErrorKind::Connect { Nothing } else { evidence };
            assert_eq!(super::evidence(RequestSize::Ordinary, &Err(error.clone())), evidence, "{kind:?}");
            assert_eq!(super::evidence(RequestSize::Large, &Err(error)), large, "{kind:?}");
            let verdict = kind.verdict();
            assert_eq!((verdict.evidence, verdict.repeat, verdict.error.code()), (evidence, repeat, code), "{kind:?}");
        }
        let labels: std::collections::BTreeSet<_> = table.iter().map(|(kind, ..)| kind.verdict().label).collect();
        assert_eq!(labels.len(), table.len(), "each has a label of its own");
    }

    #[test]
    fn of_all_statuses_three_are_evidence_against_the_upstream_and_one_for_a_large_request() {
        for status in 100..=999 {
            let response = ApiResponse::of_status(status);
            let (ordinary, large) = match status {
                502 => (Evidence::Failing, Evidence::Failing),
                503 | 504 => (Evidence::Failing, Evidence::Nothing),
                _ => (Evidence::Alive, Evidence::Alive),
            };
            let answer = Ok(response);
            assert_eq!(evidence(RequestSize::Ordinary, &answer), ordinary, "{status}");
            assert_eq!(evidence(RequestSize::Large, &answer), large, "{status}");
        }
    }
}
