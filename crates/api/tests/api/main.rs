//! The API as a client sees it, over the memory storage.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is missing is to fail the test")]

mod bulk;
mod characters;
mod client;
mod failures;
mod hostile;
mod lists;
mod operations;
mod preconditions;
