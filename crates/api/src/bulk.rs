//! Bulk requests: reads the rows of a request, and reports the outcome of each.

use crate::{
    Problem, ProblemBody,
    body::{self, UnreadableBody},
    object::Object,
    texts::Texts,
};
use actix_web::http::StatusCode;
use character_domain::{Violations, json, size};
use character_repositories::{Atomicity, RepositoryError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Maximum number of rows in one bulk.
pub(crate) const MOST: usize = 1000;

/// The rows of an atomic bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkCreated<T> {
    /// In the order of the request.
    pub items: Vec<T>,
}

/// The outcome of each row of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcome<T> {
    /// In the order of the request.
    pub results: Vec<BulkResult<T>>,
}

/// The outcome of one row of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkResult<T> {
    /// The index in the request, from 0.
    pub index: usize,
    /// The status that a `POST` of this one alone would have had.
    pub status: u16,
    /// The row, when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub item: Option<T>,
    /// Why it was not created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemBody>,
}

impl<T> BulkOutcome<T> {
    /// The outcomes of rows that were each created on its own.
    pub(crate) fn of<E: Into<T>>(outcomes: Vec<Result<E, RepositoryError>>) -> Self {
        let result = |(index, outcome): (usize, Result<E, RepositoryError>)| match outcome.map_err(Problem::from) {
            Ok(row) => {
                BulkResult { index, status: StatusCode::CREATED.as_u16(), item: Some(row.into()), problem: None }
            }
            Err(problem) => {
                BulkResult { index, status: problem.status().as_u16(), item: None, problem: Some(problem.item_body()) }
            }
        };
        Self { results: outcomes.into_iter().enumerate().map(result).collect() }
    }
}

/// The rows of a bulk that stored all of them.
pub(crate) fn created<E, T: From<E>>(outcome: character_repositories::BulkOutcome<E>) -> Result<Vec<T>, Problem> {
    Ok(outcome.into_iter().map(|row| row.map(T::from)).collect::<Result<_, _>>()?)
}

/// The parts of the request. Each row is still the text that the client sent, so that one unreadable row is one fault.
pub(crate) struct Bulk<'a> {
    pub(crate) atomicity: Atomicity,
    name: &'a str,
    rows: Vec<&'a RawValue>,
    /// What is wrong beside the rows.
    faults: Violations,
}

impl<'a> Bulk<'a> {
    /// Reads `{"atomic": …, "<name>": […]}`. Nothing of it is copied.
    pub(crate) fn read(body: &'a [u8], name: &'a str) -> Result<Self, Problem> {
        if json::values(body) > size::MAX_BULK_VALUES {
            return Err(Problem::field(name, size::too_many_values(size::MAX_BULK_VALUES)));
        }
        let Texts(given) = body::parse(body).map_err(|error| {
            if error.is_data() {
                return Problem::field("body", "must be an object");
            }
            Problem::malformed(error.to_string())
        })?;
        let mut faults = Violations::default();
        let mut members: BTreeMap<String, &RawValue> = BTreeMap::new();
        for (name, text) in given {
            let shown: String = name.chars().take(100).collect();
            if members.insert(name, text).is_some() {
                faults.push(shown, "must not be given twice");
            }
        }
        let atomic = members.remove("atomic").filter(|text| text.get() != "null");
        let atomic = atomic.map_or(Some(true), |text| body::parse(text.get().as_bytes()).ok());
        if atomic.is_none() {
            faults.push("atomic", "must be true or false");
        }
        let rows = members.remove(name);
        let rows = match rows.map(|text| body::parse::<Vec<&RawValue>>(text.get().as_bytes())) {
            None => {
                faults.push(name, "is required");
                Vec::new()
            }
            Some(Err(_)) => {
                faults.push(name, "must be an array");
                Vec::new()
            }
            Some(Ok(rows)) => {
                if (1..=MOST).contains(&rows.len()) {
                    rows
                } else {
                    faults.push(name, format!("must have 1 to {MOST} items"));
                    Vec::new()
                }
            }
        };
        for name in members.keys() {
            faults.push(name.chars().take(100).collect::<String>(), "is not a field of this request");
        }
        let atomicity = if atomic == Some(false) { Atomicity::EachOnItsOwn } else { Atomicity::AllOrNone };
        Ok(Self { atomicity, name, rows, faults })
    }

    /// Each row as `read` reads it, one at a time: parsed, a row may take many times the memory of its text. None may be larger than `limit` bytes.
    ///
    /// # Errors
    /// Something beside the rows is at fault; with every fault of the rows.
    pub(crate) fn rows<T>(
        self,
        limit: usize,
        read: impl Fn(Object) -> Result<T, Violations>,
    ) -> Result<Vec<Result<T, Violations>>, Problem> {
        let row = |text: &RawValue| {
            if text.get().len() > limit {
                return Err(Violations::one("", format!("must not be larger than {limit} bytes")));
            }
            let members = body::character(text.get().as_bytes()).map_err(|refusal| match refusal {
                UnreadableBody::Syntax(error) => Violations::one("", format!("must be JSON: {error}")),
                UnreadableBody::Invalid(violations) => violations,
            })?;
            read(members)
        };
        let Self { name, rows, mut faults, .. } = self;
        if faults.is_empty() {
            return Ok(rows.into_iter().map(row).collect());
        }
        for (index, text) in rows.into_iter().enumerate() {
            if let Err(broken) = row(text) {
                faults.append(broken.under(&format!("{name}[{index}]")));
            }
        }
        Err(Problem::invalid(faults))
    }
}
