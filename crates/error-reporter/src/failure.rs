use crate::{Cause, Chain};
use serde::Serialize;
use uuid::Uuid;

/// A failed operation: what failed, why, and what a person needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The service that failed.
    pub service: &'static str,
    /// The operation: `character.find`, `commit`.
    pub operation: &'static str,
    /// The kind of error, as a stable code: `timeout`, `corrupt`.
    pub kind: &'static str,
    /// The error and what caused it.
    pub chain: Chain,
    /// The row concerned, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// Whether a write may have taken effect all the same.
    pub outcome_unknown: bool,
    /// How often it was tried, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// What the circuit breaker did at that moment, where there is one: `closed`, `open`, `half_open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<&'static str>,
    /// The request that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// How many operations this tells of; more than one when they failed together or were held back.
    pub occurrences: u64,
    /// Whether it stands for failures of the same cause that were held back.
    pub is_summary: bool,
}

/// A row that a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its kind: `character`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
}

impl Failure {
    /// One failure of this kind in this operation; the context is filled in by who knows it.
    #[must_use]
    pub fn new(service: &'static str, operation: &'static str, kind: &'static str, chain: Chain) -> Self {
        Self {
            service,
            operation,
            kind,
            chain,
            row: None,
            outcome_unknown: false,
            attempts: None,
            breaker: None,
            request_id: None,
            trace_id: None,
            occurrences: 1,
            is_summary: false,
        }
    }

    /// What it has in common with others that need no telling of their own.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::of(self)
    }
}
