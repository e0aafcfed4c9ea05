//! How much and how long.

use std::time::Duration;

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes. Default: 64 MiB.
    pub body_bytes: usize,
    /// How long a request body may take to arrive. Default: 30 seconds.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 64 * 1024 * 1024, body_timeout: Duration::from_secs(30) }
    }
}
