//! The state of a breaker and its changes.

use failsafe::{
    FailurePolicy,
    backoff::{Constant, constant},
    failure_policy::{ConsecutiveFailures, consecutive_failures},
};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The state of the breaker. Closed means that calls pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are rejected.
    Open,
    /// One call is admitted to test whether the upstream has recovered; the others are rejected.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Closed, Self::Open, Self::HalfOpen];

    /// A stable name: `closed`, `open`, `half_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

pub(super) struct State {
    pub(super) policy: ConsecutiveFailures<Constant>,
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) phase: BreakerState,
    /// The number of phases before this one. Outcomes of calls admitted in an earlier phase change nothing.
    pub(super) epoch: u64,
    /// When the phase began.
    pub(super) since: Instant,
    /// When an open breaker admits a probe.
    pub(super) probe_at: Instant,
    /// The epoch whose probe is in flight, so that a probe admitted before a reset cannot release the slot of a later probe.
    pub(super) probing: Option<u64>,
    pub(super) forced: Option<Forced>,
    /// The last failure.
    pub(super) cause: Option<Cause>,
    pub(super) rejected: u64,
    pub(super) probes: u64,
}

/// Why the upstream counts as failing.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

/// The state in which an operator keeps the breaker.
#[derive(Clone, Copy)]
pub(super) struct Forced {
    pub(super) state: BreakerState,
    pub(super) since: Instant,
}

impl State {
    pub(super) fn new(failures: u32, recovery: Duration) -> Self {
        let now = Instant::now();
        Self {
            policy: consecutive_failures(failures, constant(recovery)),
            failures: 0,
            phase: BreakerState::Closed,
            epoch: 0,
            since: now,
            probe_at: now,
            probing: None,
            forced: None,
            cause: None,
            rejected: 0,
            probes: 0,
        }
    }

    pub(super) fn enter(&mut self, phase: BreakerState) {
        (self.phase, self.epoch, self.since) = (phase, self.epoch + 1, Instant::now());
    }

    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        if self.phase == BreakerState::Closed {
            self.policy.record_success();
        } else {
            self.close();
        }
    }

    pub(super) fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if let Some(time) = self.policy.mark_dead_on_failure() {
            self.enter(BreakerState::Open);
            self.probe_at = self.since + time;
        }
    }

    pub(super) fn close(&mut self) {
        self.failures = 0;
        self.policy.revived();
        if self.phase != BreakerState::Closed {
            self.enter(BreakerState::Closed);
        }
    }

    pub(super) fn awaits_recovery(&self) -> bool {
        self.forced.is_none() && self.phase != BreakerState::Closed
    }
}
