//! Where the file is, and what it may hold.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

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
    /// The maximum number of events, at least 1. Default: 10,000,000.
    pub max_events: u64,
    /// The maximum size of all events, in bytes of their JSON, at least 1. Default: 10 GiB.
    pub max_bytes: u64,
    /// The maximum number of subscriptions, at least 1. Default: 1,000.
    pub max_subscriptions: usize,
    /// The maximum number of rejected events that are kept for operators; the oldest are dropped. Default: 10,000.
    /// Zero: none is kept.
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
            let found = format!("{:?}", self.max_age);
            return Err(OpenError::Setting { setting: "max_age", found, range: "at least 10 minutes" });
        }
        let subscriptions = self.max_subscriptions as u64;
        for (setting, value) in
            [("max_events", self.max_events), ("max_bytes", self.max_bytes), ("max_subscriptions", subscriptions)]
        {
            if value == 0 {
                return Err(OpenError::Setting { setting, found: value.to_string(), range: "at least 1" });
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
    #[error("the setting {setting} of the file hub is {found}: it must be {range}")]
    Setting {
        /// The field of [`FileHubConfig`].
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        range: &'static str,
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
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn database(path: &Path, source: rusqlite::Error) -> Self {
        Self::Database { path: path.to_owned(), source: Box::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_outside_of_its_range_is_refused_with_its_value() {
        let config = || FileHubConfig::at("hub.sqlite");
        assert!(config().check().is_ok());
        assert!(FileHubConfig { max_rejected: 0, ..config() }.check().is_ok());
        for (wrong, expected) in [
            (FileHubConfig { max_age: Duration::from_secs(599), ..config() }, "max_age of the file hub is 599s"),
            (FileHubConfig { max_events: 0, ..config() }, "max_events of the file hub is 0"),
            (FileHubConfig { max_bytes: 0, ..config() }, "max_bytes of the file hub is 0"),
            (FileHubConfig { max_subscriptions: 0, ..config() }, "max_subscriptions of the file hub is 0"),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the setting {expected}: ")), "{refused}");
        }
    }
}
