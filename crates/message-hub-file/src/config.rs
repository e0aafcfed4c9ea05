//! Where the file is, and what it may hold.

use std::{io, path::PathBuf, time::Duration};

/// The shortest time that events are kept: message ids are recognised as long as their events are kept.
const SHORTEST_AGE: Duration = Duration::from_secs(600);

/// Where the file is, and what it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHubConfig {
    /// The file. It is created when it is absent; its folder must exist. A second file with the suffix `-lock` shows that a
    /// process uses it.
    pub path: PathBuf,
    /// How long an event is kept, settled or not. At least 10 minutes. Default: 7 days.
    pub max_age: Duration,
    /// The maximum number of events. Default: 10,000,000.
    pub max_events: u64,
    /// The maximum size of all events, in bytes of their JSON. Default: 10 GiB.
    pub max_bytes: u64,
    /// The maximum number of subscriptions. Default: 1,000.
    pub max_subscriptions: usize,
    /// The maximum number of rejected events that are kept for operators; the oldest are dropped. Default: 10,000.
    pub max_rejected: u64,
}

impl FileHubConfig {
    /// The file at `path`, with the defaults that each field names.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_age: Duration::from_secs(7 * 24 * 3600),
            max_events: 10_000_000,
            max_bytes: 10 * 1024 * 1024 * 1024,
            max_subscriptions: 1_000,
            max_rejected: 10_000,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if self.max_age < SHORTEST_AGE {
            return Err(OpenError::Setting { setting: "max_age", reason: "must be at least 10 minutes" });
        }
        for (setting, value) in [("max_events", self.max_events), ("max_bytes", self.max_bytes)] {
            if value == 0 {
                return Err(OpenError::Setting { setting, reason: "must not be 0" });
            }
        }
        Ok(())
    }
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting outside of its range.
    #[error("{setting} {reason}")]
    Setting {
        /// The field of [`FileHubConfig`].
        setting: &'static str,
        /// What is wrong with it, as the end of a sentence.
        reason: &'static str,
    },
    /// Another process uses the file.
    #[error("another process uses the file of the hub {0}: stop it first, or choose another file")]
    InUse(PathBuf),
    /// The file is of another program, or of a newer version of this one.
    #[error(
        "the file {path} is not a file of this hub: its schema has the version {found}, and this hub reads {expected}"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The version that this hub reads.
        expected: i64,
    },
    /// The file cannot be created, locked or synced.
    #[error("the file of the hub {path} cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// SQLite cannot read or write the file.
    #[error("the file of the hub {path} cannot be read")]
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
}
