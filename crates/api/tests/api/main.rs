//! The API as a client sees it, over the memory storage.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is missing is to fail the test")]

mod bulk;
mod campaign;
mod characters;
mod client;
mod conformance;
mod cors;
mod document;
mod evolution;
mod failures;
mod hostile;
mod idempotency;
mod inventory;
mod journal;
mod lists;
mod memory;
mod operations;
mod pages;
mod parameters;
mod position;
mod preconditions;
mod progress;
mod refusals;
mod sparse;
mod totals;
mod values;
