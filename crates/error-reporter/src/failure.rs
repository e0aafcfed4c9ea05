//! A failed operation.

use crate::{Cause, Chain};
use serde::Serialize;
use uuid::Uuid;

/// A failed operation: what failed, why, and the ids to find it in the logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub row: Option<Row>,
    /// Whether a write may have taken effect.
    pub outcome_unknown: bool,
    /// The number of attempts, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub attempts: Option<u32>,
    /// The state of the circuit breaker at that moment, when there is one: `closed`, `open` or `half_open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub breaker: Option<&'static str>,
    /// The request that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub request_id: Option<String>,
    /// The trace that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub trace_id: Option<String>,
    /// The number of operations in this report; more than one when they failed together or were held back.
    pub occurrences: u64,
    /// Whether it stands for failures of the same cause that were held back.
    pub is_summary: bool,
}

/// A row that a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = FailureRow))]
pub struct Row {
    /// Its kind: `character`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
}

impl Failure {
    /// One failure of this kind in this operation; callers add the context that they know.
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

    /// The cause, by which failures are grouped.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::of(self)
    }
}
