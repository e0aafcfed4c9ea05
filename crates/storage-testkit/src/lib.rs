//! The conformance suite of the storage port, and what tests of code above the port need.
//!
//! The clauses are those of the port's `CONTRACT.md`, one test each. To run them over an adapter:
//!
//! ```toml
//! [dev-dependencies]
//! character-storage-testkit = { git = "…" }   # the same source as the port
//! ```
//!
//! ```
//! // tests/conformance.rs
//! use character_storage_port::{MemoryStorage, StoragePort};
//! use character_storage_testkit::{Harness, storage_conformance};
//! use std::sync::Arc;
//!
//! struct InMemory;
//!
//! impl Harness for InMemory {
//!     type Guard = ();
//!     async fn fresh() -> ((), Arc<dyn StoragePort>) {
//!         ((), Arc::new(MemoryStorage::new()))
//!     }
//! }
//!
//! storage_conformance!(in_memory, InMemory);
//! ```
//!
//! That makes tests such as `in_memory::a_commit_applies_every_write`; each begins with [`Harness::fresh`], has a
//! runtime of its own and ends within [`PATIENCE`] or fails. `cargo test in_memory::a_lease` runs those that
//! begin so. A clause about rows of whatever kind is a test for each kind: `in_memory::reads_follow_a_row::Quest`.
//!
//! A storage that keeps what it has acknowledged has a [`DurableHarness`] too, which opens it again, and
//! [`storage_durability!`] beside.
//!
//! Beside the suite there are [`ScriptedFaults`], which fails, delays, holds and counts the calls of another storage as a test
//! decides, and [`MockStorage`], which gets every answer from the test, per kind of row:
//! `mock.expect_find::<Character>()`. `tests/wrong/` holds adapters with one mistake each, which prove that the suite notices.
//!
//! For tests only: most of this crate panics.
#![warn(missing_debug_implementations)]
#![expect(clippy::expect_used, reason = "a clause judges by panicking")]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod clauses;
mod faults;
mod harness;
mod history;
pub mod kinds;
mod mock;
pub mod sample;
pub mod unreadable;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Matches arguments of a [`MockStorage`], and orders its calls.
pub use mockall::{Sequence, predicate};

#[doc(hidden)]
pub use character_storage_port;
pub use clauses::{Clause, DurableClause, clauses, durable_clauses, sentence};
pub use faults::{Course, Fault, Gate, Operation, SCRIPTED_CAUSE, ScriptedFaults};
pub use harness::{DurableHarness, Harness, PATIENCE, Reopen, run, run_durable};
pub use mock::MockStorage;
