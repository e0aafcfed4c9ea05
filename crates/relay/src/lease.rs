//! The lease that this process holds, by its own clock.

use character_storage_port::LeaseToken;
use std::time::Duration;
use tokio::time::Instant;

/// A lease of the consumer. Its times count from the moment of the question, so that it never seems longer to this process
/// than to the storage.
#[derive(Clone, Debug)]
pub(crate) struct HeldLease {
    pub(crate) token: LeaseToken,
    /// When it is to be prolonged.
    pub(crate) prolong_at: Instant,
    /// When work must have stopped: the end of the lease, less the headroom.
    pub(crate) work_until: Instant,
}

impl HeldLease {
    pub(crate) fn new(token: LeaseToken, asked: Instant, lease: Duration, headroom: Duration) -> Self {
        Self { token, prolong_at: asked + lease / 3, work_until: asked + lease.saturating_sub(headroom) }
    }

    /// Whether work may start now. A process that was stopped for a while finds out here.
    pub(crate) fn permits_work(&self) -> bool {
        Instant::now() < self.work_until
    }
}
