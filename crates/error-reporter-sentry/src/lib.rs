//! Reports failed operations to a Sentry, or to any server with its envelope protocol.
//!
//! It is a separate crate because it sends HTTP requests outside of the transport stack of `character-storage-http`:
//! reports are needed most when that stack fails.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod dsn;
mod envelope;
mod sentry;

pub use dsn::{Dsn, InvalidDsn};
pub use sentry::{ConnectError, Sentry};
