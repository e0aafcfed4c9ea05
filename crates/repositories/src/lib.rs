//! Repositories: what one business act reads, checks and commits.
//!
//! They hold the port and nothing below it, and know no HTTP. A caller gets either the state after the act or
//! a [`RepositoryError`] that says why it was refused.
#![warn(missing_debug_implementations)]

mod character;
mod condition;
mod error;
mod idempotency;

pub use character::{BulkOutcome, CharacterRepository, NewCharacter};
pub use condition::Condition;
pub use error::{RepositoryError, Result};
pub use idempotency::IdempotencyKey;
