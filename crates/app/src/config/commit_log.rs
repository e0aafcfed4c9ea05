//! The log of commits of a database of this process: how long it is kept, and how often it is polled.

use super::{
    Variable,
    variables::{Reader, number},
};
use std::time::Duration;

pub(super) const COMMIT_LOG_RETENTION_HOURS: Variable = Variable::new(
    "COMMIT_LOG_RETENTION_HOURS",
    "hours that commits, transaction ids and idempotency keys are kept; at least 24",
    "168",
);
pub(super) const COMMIT_LOG_BOUND_HOURS: Variable = Variable::new(
    "COMMIT_LOG_BOUND_HOURS",
    "hours after which commits are removed from the log, even when a consumer has not read them",
    "336",
);
pub(super) const COMMIT_LOG_POLL_MS: Variable = Variable::new(
    "COMMIT_LOG_POLL_MS",
    "milliseconds between polls for commits of other processes, when the database does not notify of them",
    "100",
);

/// How long the log of commits is kept, and how often it is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitLogConfig {
    /// How long commits are kept.
    pub retention: Duration,
    /// Maximum time that commits are kept for a consumer that has not read them.
    pub bound: Duration,
    /// The time between two polls for commits of other processes.
    pub poll: Duration,
}

pub(super) fn commit_log_config(reader: &mut Reader<'_>) -> Option<CommitLogConfig> {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let retention = reader.read(&COMMIT_LOG_RETENTION_HOURS, number(24, 24 * 366)).map(hours);
    let bound = reader.read(&COMMIT_LOG_BOUND_HOURS, number(24, 24 * 366)).map(hours);
    let poll = reader.read(&COMMIT_LOG_POLL_MS, number(1, 60_000)).map(Duration::from_millis);
    if let (Some(retention), Some(bound)) = (retention, bound)
        && bound < retention
    {
        reader.faults.push("COMMIT_LOG_BOUND_HOURS: must not be less than COMMIT_LOG_RETENTION_HOURS".to_owned());
        return None;
    }
    Some(CommitLogConfig { retention: retention?, bound: bound?, poll: poll? })
}
