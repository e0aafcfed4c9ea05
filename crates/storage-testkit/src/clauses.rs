//! The clauses, by the invariant they belong to. Each takes an empty storage and panics when it is broken.

use crate::Reopen;
use character_storage_port::{EntityKind, StoragePort};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use std::sync::Arc;

pub mod atomicity;
pub mod batches;
pub mod cancellation;
pub mod concurrency;
pub mod consumers;
pub mod contents;
pub mod counts;
pub mod deletion;
pub mod documents;
pub mod durability;
pub mod fields;
pub mod filters;
pub mod halves;
pub mod imports;
pub mod judgements;
pub mod leases;
pub mod limits;
mod list;
pub mod lists;
pub mod log;
pub mod log_entries;
pub mod log_order;
pub mod log_waits;
pub mod long_lists;
mod macros;
pub mod orders;
pub mod outcomes;
pub mod pages;
pub mod parking;
pub mod races;
pub mod repetition;
pub mod row_verbs;
pub mod rows;
pub mod snapshots;
pub mod together;
pub mod values;
pub mod verbs;
pub mod visibility;

/// A clause of the contract as a value, for those who run the suite by a program of their own.
#[derive(Clone, Copy, Debug)]
pub struct Clause {
    /// Its name in `CONTRACT.md`.
    pub name: &'static str,
    /// The kind of row that it judges here; `None`: it judges all that it is about at once.
    pub kind: Option<EntityKind>,
    /// Panics when the storage breaks it. The storage must be empty.
    pub run: fn(Arc<dyn StoragePort>) -> BoxFuture<'static, ()>,
}

/// Every clause of the suite.
#[must_use]
pub fn clauses() -> Vec<Clause> {
    crate::__each_clause!(__as_values)
}

/// A clause about what a storage keeps, for those adapters that promise to keep anything.
#[derive(Clone, Copy, Debug)]
pub struct DurableClause {
    /// Its name in `CONTRACT.md`.
    pub name: &'static str,
    /// Panics when the storage breaks it. The storage must be empty.
    pub run: for<'a> fn(Arc<dyn StoragePort>, Reopen<'a>) -> LocalBoxFuture<'a, ()>,
}

/// Every clause about what a storage keeps.
#[must_use]
pub fn durable_clauses() -> Vec<DurableClause> {
    crate::__each_durable_clause!(__as_durable_values)
}

/// What the contract says under the name of a clause.
#[must_use]
pub fn sentence(name: &str) -> Option<&'static str> {
    let contract = include_str!("../../storage-port/CONTRACT.md");
    contract.lines().find_map(|line| line.strip_prefix("- `")?.strip_prefix(name)?.strip_prefix("`: "))
}
