//! Beginning anew after another writer was faster.

use crate::{RepositoryError, Result};
use character_storage_port::{ErrorKind, StorageError};
use std::time::Duration;
use tokio::time::Instant;

/// How often an act is begun before it gives up.
const ATTEMPTS: u32 = 64;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How long an act is begun again. Each beginning has its own deadlines at the storage, and nobody waits for them all.
const LONGEST: Duration = Duration::from_secs(10);

/// How often an act was begun and lost its race.
#[derive(Debug)]
pub(crate) struct Race {
    lost: u32,
    begun: Instant,
}

impl Default for Race {
    fn default() -> Self {
        Self { lost: 0, begun: Instant::now() }
    }
}

impl Race {
    /// After a failed commit: returns when the act is to be begun anew, on what the winner left.
    pub(crate) async fn lost(&mut self, error: StorageError) -> Result<()> {
        match error.kind() {
            // What was read is not there any more: somebody else was faster.
            ErrorKind::Conflict { .. } | ErrorKind::NotFound => {}
            _ => return Err(error.into()),
        }
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
