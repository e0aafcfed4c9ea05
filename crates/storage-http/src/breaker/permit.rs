//! The right to make a call, and what its outcome does to the breaker.

use super::{BreakerState, CircuitBreaker};
use crate::verdict::Evidence;

/// The effect of the outcome of a call on the state of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Unchanged,
    Opened,
    Closed,
}

/// The right to make one call, or one probe. Dropped without an outcome (cancelled, panicked) it shows nothing about the
/// upstream, and a probe releases its slot.
pub(crate) struct Permit {
    pub(super) breaker: CircuitBreaker,
    pub(super) epoch: u64,
    pub(super) probe: bool,
}

impl Permit {
    /// The breaker that admitted this.
    pub(crate) fn breaker(&self) -> CircuitBreaker {
        self.breaker.clone()
    }

    /// Whether the caller must probe the upstream with this permit, and ask for another one for its call.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe
    }

    /// Reports what the call showed about the upstream. [`Evidence::Nothing`] has the same effect as dropping the permit.
    pub(crate) fn settle(self, evidence: Evidence) -> Settled {
        let mut state = self.breaker.lock();
        if self.epoch != state.epoch {
            return Settled::Unchanged;
        }
        match evidence {
            Evidence::Alive => state.succeed(),
            Evidence::Failing => state.fail(),
            Evidence::Nothing => {}
        }
        let (phase, is_same) = (state.phase, self.epoch == state.epoch);
        // Before the permit is dropped, which locks the state again.
        drop(state);
        match phase {
            _ if is_same => Settled::Unchanged,
            BreakerState::Closed => Settled::Closed,
            BreakerState::Open | BreakerState::HalfOpen => Settled::Opened,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.probe {
            let mut state = self.breaker.lock();
            if state.probing == Some(self.epoch) {
                state.probing = None;
            }
        }
    }
}
