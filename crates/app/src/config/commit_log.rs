//! What a database of this process keeps: its log of commits and the versions of characters.

use super::{
    Variable,
    variables::{Reader, number},
};
use std::{num::NonZeroU32, time::Duration};

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
pub(super) const VERSIONS_KEEP: Variable = Variable::new(
    "VERSIONS_KEEP",
    "versions of each character that are kept: all, or the number of the newest ones, beside labelled ones, the first one and the last one of each day (UTC)",
    "all",
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

/// The value of [`VERSIONS_KEEP`]; `None`: all are kept.
pub(super) fn versions_keep(text: &str) -> Result<Option<NonZeroU32>, String> {
    if text == "all" {
        return Ok(None);
    }
    let newest = number(1, 1_000_000)(text).map_err(|reason| format!("must be all, or a number: {reason}"))?;
    Ok(u32::try_from(newest).ok().and_then(NonZeroU32::new))
}
