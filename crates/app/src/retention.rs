//! What a database of this process no longer keeps: old commits, and versions of characters.

use crate::config::CommitLogConfig;
use character_error_reporter::redacted;
use character_storage_sql::{SqlStorage, Thinned};
use std::{num::NonZeroU32, time::Duration};

/// How often old commits leave the log.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// How often it is asked whether a pass over the versions is due.
const THIN_EVERY: Duration = Duration::from_secs(3600);
/// When another process has the job, which it may leave unfinished.
const THIN_AFTER_OTHERS: Duration = Duration::from_secs(10);
const THIN_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Removes, now and every hour, commits from the log that are old enough. Needs a Tokio runtime.
pub fn forget_old_commits(database: &SqlStorage, config: CommitLogConfig) {
    let database = database.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(PURGE_EVERY);
        loop {
            ticks.tick().await;
            match database.purge(config.retention, config.bound).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old commits were removed from the log"),
                Err(error) => {
                    tracing::warn!(error = %redacted(&error), "old commits could not be removed from the log; the next attempt is in an hour")
                }
            }
        }
    });
}

/// Removes, once a day, versions of characters beyond the `newest` of each; `None`: none is removed. Of several processes
/// over one database, one does it. Needs a Tokio runtime.
pub fn thin_versions(database: &SqlStorage, newest: Option<NonZeroU32>) {
    let Some(newest) = newest else { return };
    let database = database.clone();
    tokio::spawn(async move {
        loop {
            let pause = match database.thin_versions(newest).await {
                Ok(Thinned::Complete { removed }) => {
                    tracing::info!(removed, "the versions of all characters were thinned");
                    THIN_EVERY
                }
                Ok(Thinned::Rested) => THIN_EVERY,
                Ok(Thinned::Held) => THIN_AFTER_OTHERS,
                Err(error) => {
                    tracing::warn!(error = %redacted(&error), "versions could not be thinned; the next attempt is in a minute");
                    THIN_AFTER_FAILURE
                }
            };
            tokio::time::sleep(pause).await;
        }
    });
}
