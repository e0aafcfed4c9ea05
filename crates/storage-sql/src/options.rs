//! Settings and state of a storage, for both engines.

use character_domain::Timestamp;
use std::time::Duration;

/// Settings of a [`SqlStorage`](crate::SqlStorage).
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// At most so many PostgreSQL connections. Default 8.
    pub connections: usize,
    /// So many threads read from SQLite, beside the one that writes. Default 3.
    pub readers: usize,
    /// How long an operation may take, waiting for a connection included. Default 5 s.
    pub timeout: Duration,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self { connections: 8, readers: 3, timeout: Duration::from_secs(5) }
    }
}

/// What waits in the outbox, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events that wait to be published: exact up to 10 000, then the span of their positions.
    pub events: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

/// How busy the connections are, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// At most so many connections.
    pub limit: usize,
    /// Open connections.
    pub open: usize,
    /// Open connections that do nothing. 0 for SQLite, whose threads do not tell.
    pub idle: usize,
    /// Operations that wait for a connection.
    pub waiting: usize,
}
