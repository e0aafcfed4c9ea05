//! Tells failed operations to a Sentry, or to whatever speaks its envelope protocol.
//!
//! A crate of its own, because it makes HTTP requests: those of the service's work leave at the waist of
//! `character-storage-http`, and these must not, since they are needed most when that waist has nothing to give.
#![warn(missing_debug_implementations)]

mod dsn;
mod envelope;
mod sentry;

pub use dsn::{Dsn, InvalidDsn};
pub use sentry::{ConnectError, Sentry};
