//! Settings and state of a storage, for both engines.

use character_domain::{Timestamp, Violations};
use character_storage_port::{ConsumerName, Result, StorageError};
use std::time::Duration;

/// The operation name of opening a storage.
const OPEN: &str = "connect";
/// PostgreSQL counts in milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);
/// A limit of PostgreSQL is a number of 31 bits.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 24 * 3_600);

/// Settings of a [`SqlStorage`](crate::SqlStorage).
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Maximum number of PostgreSQL connections for requests, at least 1. Default 8. A storage that is followed has one more. Runtimes of
    /// one thread have parts of it, and lend what they do not use.
    pub connections: usize,
    /// Number of threads that read from SQLite, beside the one that writes, at least 1. Default 3.
    pub readers: usize,
    /// How long an operation may take, waiting for a connection included: 1 ms to 24 days. Default 5 s.
    pub timeout: Duration,
    /// How often the log is read when nothing wakes it: the longest time until a commit of another process is noticed.
    /// At least 1 ms, default 100 ms.
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

impl SqlOptions {
    /// Rejects settings with which no operation could succeed, or that an engine would take for no limit at all, as PostgreSQL does
    /// with a limit of zero. Opening a storage does it first.
    ///
    /// # Errors
    /// `Invalid`, with each setting at fault.
    pub fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        for (setting, number) in [("connections", self.connections), ("readers", self.readers)] {
            if number == 0 {
                violations.push(setting, "must be at least 1");
            }
        }
        if !(SHORTEST..=LONGEST_TIMEOUT).contains(&self.timeout) {
            violations.push("timeout", "must be from 1 ms to 24 days");
        }
        if self.log_poll < SHORTEST {
            violations.push("log_poll", "must be at least 1 ms");
        }
        violations.into_result().map_err(|violations| StorageError::invalid(violations, OPEN))
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

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::ErrorKind;

    #[test]
    fn a_setting_with_which_nothing_could_succeed_is_named() {
        let day = Duration::from_secs(24 * 3_600);
        let default = SqlOptions::default();
        default.check().unwrap();
        SqlOptions { timeout: 24 * day, connections: 1, readers: 1, log_poll: SHORTEST, ..default.clone() }
            .check()
            .unwrap();
        for (setting, options) in [
            ("connections", SqlOptions { connections: 0, ..default.clone() }),
            ("readers", SqlOptions { readers: 0, ..default.clone() }),
            ("timeout", SqlOptions { timeout: Duration::ZERO, ..default.clone() }),
            ("timeout", SqlOptions { timeout: Duration::from_micros(999), ..default.clone() }),
            ("timeout", SqlOptions { timeout: 25 * day, ..default.clone() }),
            ("log_poll", SqlOptions { log_poll: Duration::ZERO, ..default }),
        ] {
            let error = options.check().unwrap_err();
            let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
            assert_eq!(violations.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [setting]);
        }
    }
}
