//! How often, and for how long, an act is retried after a conflict with another writer.

use crate::{RepositoryError, Result};
use std::time::Duration;
use tokio::time::Instant;

/// The maximum number of attempts of one act.
const ATTEMPTS: u32 = 64;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// How long an act is retried. Each attempt has its own deadlines at the storage, and no caller waits for all of them.
const LONGEST: Duration = Duration::from_secs(10);

/// The attempts of one act that failed with a conflict.
#[derive(Debug)]
pub(crate) struct ConflictRetry {
    lost: u32,
    begun: Instant,
}

impl Default for ConflictRetry {
    fn default() -> Self {
        Self { lost: 0, begun: Instant::now() }
    }
}

impl ConflictRetry {
    /// The number of failed attempts so far.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// After a conflict: waits, and returns when the act may start again.
    ///
    /// # Errors
    /// `Contended` when the attempts or the time are used up.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        self.lost += 1;
        if self.lost >= ATTEMPTS || self.begun.elapsed() >= LONGEST {
            return Err(RepositoryError::Contended(self.lost));
        }
        // Writers that lost against each other must not meet again in step.
        let most = LONGEST_PAUSE.min(Duration::from_millis(u64::from(self.lost)));
        tokio::time::sleep(most.mul_f64(rand::random_range(0.1..=1.0))).await;
        Ok(())
    }
}
