//! The circuit breaker.

mod permit;
mod state;

pub(crate) use permit::{Permit, Settled};
pub use state::BreakerState;
pub(crate) use state::Cause;
use state::{Forced, State};
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The shortest time after which a rejected caller should try again.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// A circuit breaker. A failure policy of `failsafe` decides when it opens and for how long; the rest is one state under one
/// lock.
///
/// | state | event | next state |
/// |---|---|---|
/// | closed | success | closed, failures 0 |
/// | closed | failure, the fifth in a row | open |
/// | open | recovery time over and a call comes | half-open, the call must probe the upstream first |
/// | half-open | the probe succeeds | closed |
/// | half-open | the probe fails | open |
/// | half-open | the probe is cancelled, panics or shows nothing about the upstream | half-open, the next call probes |
/// | open or half-open | the upstream answered two background probes in a row | closed, failures 0 |
/// | closed | a call shows nothing about the upstream | closed, failures unchanged |
/// | any | outcome of a call admitted before the last change of state | unchanged |
///
/// A probe is a request of its own, never the request of a user. Clones are the same breaker.
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Inner>);

struct Inner {
    name: &'static str,
    recovery: Duration,
    /// The longest time after which a rejected caller should try again.
    longest_wait: Duration,
    state: Mutex<State>,
}

/// The epoch of calls admitted by an operator's order: no phase has it, so their outcomes change nothing.
const BYPASSED: u64 = u64::MAX;

impl CircuitBreaker {
    /// Closed, with a name for metrics and logs. Opens at `failures` failures in a row and admits a probe after `recovery`. A
    /// refused caller is asked to try again after at most `longest_wait`.
    pub(crate) fn new(name: &'static str, failures: u32, recovery: Duration, longest_wait: Duration) -> Self {
        let state = State::new(failures, recovery);
        Self(Arc::new(Inner { name, recovery, longest_wait, state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_cause(&self, cause: Option<Cause>) {
        self.lock().cause = cause;
    }

    /// The last failure of the upstream; `None` while an operator keeps the breaker open.
    pub(crate) fn cause(&self) -> Option<Cause> {
        let state = self.lock();
        state.cause.clone().filter(|_| state.forced.is_none())
    }

    /// The failure that opened it, while it is open or half-open for failures; `None` otherwise, and while an operator
    /// keeps it in a state.
    #[must_use]
    pub fn opened_by(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        let state = self.lock();
        state.cause.clone().filter(|_| state.awaits_recovery())
    }

    /// Its name in metrics and logs: `reads` or `changes`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Admits a call or a probe; a rejected caller should try again after the returned time.
    pub(crate) fn admit(&self) -> Result<Permit, Duration> {
        let mut state = self.lock();
        match state.forced {
            Some(Forced { state: BreakerState::Closed, .. }) => {
                return Ok(Permit { breaker: self.clone(), epoch: BYPASSED, probe: false });
            }
            Some(_) => return Err(self.reject(&mut state)),
            None => {}
        }
        if state.phase == BreakerState::Open {
            if Instant::now() < state.probe_at {
                return Err(self.reject(&mut state));
            }
            state.enter(BreakerState::HalfOpen);
        }
        let probe = state.phase == BreakerState::HalfOpen;
        if probe {
            if state.probing == Some(state.epoch) {
                return Err(self.reject(&mut state));
            }
            state.probing = Some(state.epoch);
            state.probes += 1;
        }
        Ok(Permit { breaker: self.clone(), epoch: state.epoch, probe })
    }

    fn reject(&self, state: &mut State) -> Duration {
        state.rejected += 1;
        if state.forced.is_some() {
            // Only the operator who forced it open can end that.
            return self.0.recovery.max(self.shortest_wait());
        }
        // While a probe is under way the recovery time is over, and an immediate repeat would only be refused again.
        let left = state.probe_at.saturating_duration_since(Instant::now());
        left.max(self.shortest_wait()).min(self.0.longest_wait)
    }

    /// Its current state. An open breaker whose time is over stays `Open` until the next call.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let state = self.lock();
        state.forced.map_or(state.phase, |forced| forced.state)
    }

    /// How long it has been in this state.
    #[must_use]
    pub fn state_age(&self) -> Duration {
        let state = self.lock();
        state.forced.map_or(state.since, |forced| forced.since).elapsed()
    }

    /// Whether an operator keeps it in this state.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.lock().forced.is_some()
    }

    /// The time until it admits a probe; `None` unless failures opened it.
    #[must_use]
    pub fn time_to_probe(&self) -> Option<Duration> {
        let state = self.lock();
        let is_open = state.forced.is_none() && state.phase == BreakerState::Open;
        is_open.then(|| state.probe_at.saturating_duration_since(Instant::now()))
    }

    /// Consecutive failures.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.lock().failures
    }

    /// The shortest time after which a rejected caller should try again.
    pub(crate) fn shortest_wait(&self) -> Duration {
        self.0.recovery.min(SHORTEST_WAIT)
    }

    /// The number of admitted probes.
    #[must_use]
    pub fn recovery_attempts(&self) -> u64 {
        self.lock().probes
    }

    /// The number of rejected calls.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.lock().rejected
    }

    /// Rejects every call until [`reset`](Self::reset), for operators.
    pub fn force_open(&self) {
        self.lock().forced = Some(Forced { state: BreakerState::Open, since: Instant::now() });
    }

    /// Admits every call, regardless of outcomes, until [`reset`](Self::reset), for operators.
    pub fn force_closed(&self) {
        self.lock().forced = Some(Forced { state: BreakerState::Closed, since: Instant::now() });
    }

    /// Closes it and clears its failures, for operators.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.forced = None;
        state.close();
    }

    /// Whether it rejects calls because of failures, so that background probes can close it.
    pub(crate) fn awaits_recovery(&self) -> bool {
        self.lock().awaits_recovery()
    }

    /// Closes it because the upstream responds again, unless it is closed or an operator forces its state. Returns
    /// whether it closed.
    pub(crate) fn recovered(&self) -> bool {
        let mut state = self.lock();
        let closes = state.awaits_recovery();
        if closes {
            state.close();
        }
        closes
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("CircuitBreaker");
        text.field("state", &self.state()).field("failures", &self.failures()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
