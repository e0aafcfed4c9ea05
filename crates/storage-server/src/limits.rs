//! The limits of requests and waits.

use character_domain::size::MAX_MESSAGE;
use character_http_kit::{BodyLimits, InvalidBodyLimits};
use std::time::Duration;

/// Maximum time that a follower of the log waits for one response, whatever `wait_ms` demands: 2 seconds. A graceful
/// shutdown waits for active requests, so a follower delays it by at most this time. After an empty response a follower
/// sends the next request at once.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a request body, in bytes, at least 1. Default: [`MAX_MESSAGE`].
    pub body_bytes: usize,
    /// How long a request body may take to arrive, beside the time that it takes at `body_rate`. At least 1 ms. Default: 30 seconds.
    pub body_timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second, at least 1. Default: 65536.
    pub body_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: MAX_MESSAGE, body_timeout: Duration::from_secs(30), body_rate: 65536 }
    }
}

impl Limits {
    /// Refuses limits with which no body could be read. [`StorageServer::new`](crate::StorageServer::new) does it first.
    ///
    /// # Errors
    /// The first such limit, with its value.
    pub fn check(&self) -> Result<(), InvalidBodyLimits> {
        self.of_bodies().check().map_err(|mut refused| {
            // The names of the fields here.
            refused.limit = match refused.limit {
                "bytes" => "body_bytes",
                "timeout" => "body_timeout",
                _ => "body_rate",
            };
            refused
        })
    }

    pub(crate) fn of_bodies(self) -> BodyLimits {
        BodyLimits { bytes: self.body_bytes, timeout: self.body_timeout, rate: self.body_rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_with_which_no_body_could_be_read_is_refused() {
        let default = Limits::default();
        assert_eq!(default.check(), Ok(()));
        for (wrong, limit) in [
            (Limits { body_bytes: 0, ..default }, "body_bytes"),
            (Limits { body_timeout: Duration::ZERO, ..default }, "body_timeout"),
            (Limits { body_rate: 0, ..default }, "body_rate"),
        ] {
            assert_eq!(wrong.check().map_err(|refused| refused.limit), Err(limit));
        }
    }
}
