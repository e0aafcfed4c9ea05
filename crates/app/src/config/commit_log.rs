//! How long the log of commits of an own database is kept, and how it is read.

use super::{
    Variable,
    variables::{Reader, number},
};
use std::time::Duration;

pub(super) const COMMIT_LOG_RETENTION_HOURS: Variable = Variable::new(
    "COMMIT_LOG_RETENTION_HOURS",
    "hours that commits are kept in the log, and ids of transactions and idempotency keys are remembered; at least 24",
    "168",
);
pub(super) const COMMIT_LOG_BOUND_HOURS: Variable = Variable::new(
    "COMMIT_LOG_BOUND_HOURS",
    "hours after which commits leave the log although a consumer has not passed them",
    "336",
);
pub(super) const COMMIT_LOG_POLL_MS: Variable = Variable::new(
    "COMMIT_LOG_POLL_MS",
    "milliseconds between looks for commits of other processes, where the database does not notify of them",
    "100",
);

/// How long the log of commits is kept, and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitLogConfig {
    /// How long commits are kept.
    pub retention: Duration,
    /// How long they are kept for a consumer that has not passed them.
    pub bound: Duration,
    /// The time between two looks for commits of other processes.
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
