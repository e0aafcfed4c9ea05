//! One port through which every failed operation is told, once, and the adapters that need nothing but this process.
//!
//! What is told is a [`Failure`]. Its texts can be made by a [`Redactor`] alone, so no adapter ever sees a token or the
//! contents of a character.
#![warn(missing_debug_implementations)]

mod cause;
mod chain;
mod failure;
mod fan_out;
mod log;
mod logged;
mod rate_limited;
mod recent;
mod redactor;

pub use cause::Cause;
pub use chain::Chain;
pub use failure::{Failure, Row};
pub use fan_out::FanOut;
pub use log::Log;
pub use logged::{redacted, redacted_text, without_credentials};
pub use rate_limited::{Clock, RateLimited};
pub use recent::{Recent, Remembered, WallClock};
pub use redactor::Redactor;

use std::{fmt::Debug, sync::Arc};

/// Where failed operations are told.
///
/// Called once for each failed operation, however often it was tried, in the task that failed: it must neither block nor
/// panic, and what it cannot deliver is lost.
pub trait ErrorReporter: Debug + Send + Sync + 'static {
    /// Tells of one failure.
    fn report(&self, failure: &Failure);
}

impl<R: ErrorReporter + ?Sized> ErrorReporter for Arc<R> {
    fn report(&self, failure: &Failure) {
        (**self).report(failure);
    }
}

#[cfg(test)]
mod testing;
