//! How large requests and how long waits may be.

use character_domain::size::MAX_MESSAGE;
use std::time::Duration;

/// The longest that a follower of the log waits for one answer, whatever `wait_ms` asks for. A graceful shutdown waits for
/// the requests under way, so this is also the longest that a waiting follower holds it up. A follower whose answer is empty
/// asks again at once. 2 seconds.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes. Default: [`MAX_MESSAGE`].
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
