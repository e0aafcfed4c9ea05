//! The port that reports every failed operation once, and its adapters within this process.
//!
//! A report is a [`Failure`]. Only a [`Redactor`] can create its texts, so no adapter ever receives a token or the
//! contents of a character.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod cause;
mod chain;
mod failure;
mod fan_out;
mod log;
mod logged;
mod one_side_tls;
mod rate_limited;
mod recent;
mod redactor;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// When a [`Remembered`] failure was reported.
pub use jiff::Timestamp;
/// What a [`Redactor`] removes.
pub use secrecy::SecretString;
/// The id of a [`Row`].
pub use uuid::Uuid;

pub use cause::Cause;
pub use chain::Chain;
pub use failure::{Failure, Row};
pub use fan_out::FanOut;
pub use log::Log;
pub use logged::{redacted, redacted_text, without_credentials};
pub use one_side_tls::tls_of_one_side;
pub use rate_limited::{Clock, RateLimited};
pub use recent::{Recent, Remembered, WallClock};
pub use redactor::Redactor;

use std::{fmt::Debug, sync::Arc};

/// A receiver of reports about failed operations.
///
/// Called once for each failed operation, regardless of retries, in the task that failed. It must neither block nor
/// panic; a report that it cannot deliver is lost.
pub trait ErrorReporter: Debug + Send + Sync + 'static {
    /// Reports one failure.
    fn report(&self, failure: &Failure);
}

impl<R: ErrorReporter + ?Sized> ErrorReporter for Arc<R> {
    fn report(&self, failure: &Failure) {
        (**self).report(failure);
    }
}

#[cfg(test)]
mod testing;
