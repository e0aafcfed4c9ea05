//! The limits of requests and waits.

use character_domain::size::MAX_MESSAGE;
use std::time::Duration;

/// Maximum time that a follower of the log waits for one response, whatever `wait_ms` demands: 2 seconds. A graceful
/// shutdown waits for active requests, so a follower delays it by at most this time. After an empty response a follower
/// sends the next request at once.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a request body, in bytes. Default: [`MAX_MESSAGE`].
    pub body_bytes: usize,
    /// How long a request body may take to arrive, beside the time that it takes at `body_rate`. Default: 30 seconds.
    pub body_timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second. Default: 65536.
    pub body_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: MAX_MESSAGE, body_timeout: Duration::from_secs(30), body_rate: 65536 }
    }
}
