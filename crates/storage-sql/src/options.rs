//! Settings and state of a storage, for both engines.

use character_domain::Timestamp;
use character_storage_port::ConsumerName;
use std::time::Duration;

/// Settings of a [`SqlStorage`](crate::SqlStorage).
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Maximum number of PostgreSQL connections for requests. Default 8. A storage that is followed has one more. Runtimes of
    /// one thread have parts of it, and lend what they do not use.
    pub connections: usize,
    /// Number of threads that read from SQLite, beside the one that writes. Default 3.
    pub readers: usize,
    /// How long an operation may take, waiting for a connection included. Default 5 s.
    pub timeout: Duration,
    /// How often the log is read when nothing wakes it: the longest time until a commit of another process is noticed.
    /// Default 100 ms.
    pub log_poll: Duration,
    /// How long an operation may take before it is counted and logged as slow. Default 500 ms.
    pub slow: Duration,
    /// What to do when the schema lacks a migration of this release. Default [`Migrations::Apply`].
    pub migrations: Migrations,
    /// How processes wake one another. Default [`Wakeup::Notify`].
    pub log_wakeup: Wakeup,
}

impl Default for SqlOptions {
    fn default() -> Self {
        let (timeout, log_poll) = (Duration::from_secs(5), Duration::from_millis(100));
        Self {
            connections: 8,
            readers: 3,
            timeout,
            log_poll,
            slow: Duration::from_millis(500),
            migrations: Migrations::Apply,
            log_wakeup: Wakeup::Notify,
        }
    }
}

/// What to do when the schema lacks a migration of this release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Migrations {
    /// Apply it.
    #[default]
    Apply,
    /// Refuse to open the database, and create nothing: another process applies migrations.
    Require,
}

/// How the processes that share a database wake one another after a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wakeup {
    /// By `NOTIFY` after the commit, where that works. SQLite has no such thing, and a pooler does not pass it on.
    #[default]
    Notify,
    /// Not at all: each reads the log from time to time.
    Poll,
}

/// The state of the log, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Number of entries that are kept: exact up to 10,000, then an estimate.
    pub entries: u64,
    /// When the oldest of them was committed.
    pub oldest: Option<Timestamp>,
    /// The consumer that is furthest behind, and the time of the first commit that it has not passed. `None`: there is no
    /// consumer, or none is behind.
    pub slowest: Option<(ConsumerName, Timestamp)>,
    /// Number of parked events.
    pub parked: u64,
    /// Whether processes wake one another by `NOTIFY`. `None`: not known, or not wanted.
    pub notifies: Option<bool>,
}

/// The state of the job that thins versions, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThinningStatus {
    /// Whether a pass is active, in any process.
    pub is_active: bool,
    /// When the last complete pass ended. `None`: no pass was completed.
    pub last_pass: Option<Timestamp>,
    /// Number of versions that were removed from this database.
    pub removed: u64,
}

/// How busy the connections are, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Maximum number of connections.
    pub limit: usize,
    /// Open connections.
    pub open: usize,
    /// Open connections that do nothing. 0 for SQLite, whose threads do not report it.
    pub idle: usize,
    /// Operations that wait for a connection.
    pub waiting: usize,
}
