//! The circuit breaker.

use crate::verdict::Evidence;
use failsafe::{
    FailurePolicy,
    backoff::{Constant, constant},
    failure_policy::{ConsecutiveFailures, consecutive_failures},
};
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
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
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

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

struct State {
    policy: ConsecutiveFailures<Constant>,
    /// Failures in a row.
    failures: u32,
    phase: BreakerState,
    /// The number of phases before this one. Outcomes of calls admitted in an earlier phase change nothing.
    epoch: u64,
    /// When the phase began.
    since: Instant,
    /// When an open breaker admits a probe.
    probe_at: Instant,
    /// The epoch whose probe is in flight, so that a probe admitted before a reset cannot release the slot of a later probe.
    probing: Option<u64>,
    forced: Option<Forced>,
    /// The last failure.
    cause: Option<Cause>,
    rejected: u64,
    probes: u64,
}

/// Why the upstream counts as failing.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

/// The state in which an operator keeps the breaker.
#[derive(Clone, Copy)]
struct Forced {
    state: BreakerState,
    since: Instant,
}

/// The epoch of calls admitted by an operator's order: no phase has it, so their outcomes change nothing.
const BYPASSED: u64 = u64::MAX;

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
    breaker: CircuitBreaker,
    epoch: u64,
    probe: bool,
}

impl State {
    fn enter(&mut self, phase: BreakerState) {
        (self.phase, self.epoch, self.since) = (phase, self.epoch + 1, Instant::now());
    }

    fn succeed(&mut self) {
        self.failures = 0;
        if self.phase == BreakerState::Closed {
            self.policy.record_success();
        } else {
            self.close();
        }
    }

    fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if let Some(time) = self.policy.mark_dead_on_failure() {
            self.enter(BreakerState::Open);
            self.probe_at = self.since + time;
        }
    }

    fn close(&mut self) {
        self.failures = 0;
        self.policy.revived();
        if self.phase != BreakerState::Closed {
            self.enter(BreakerState::Closed);
        }
    }

    fn awaits_recovery(&self) -> bool {
        self.forced.is_none() && self.phase != BreakerState::Closed
    }
}

impl CircuitBreaker {
    /// Closed, with a name for metrics and logs. Opens at `failures` failures in a row and admits a probe after `recovery`. A
    /// refused caller is asked to try again after at most `longest_wait`.
    pub(crate) fn new(name: &'static str, failures: u32, recovery: Duration, longest_wait: Duration) -> Self {
        let now = Instant::now();
        let state = State {
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
        };
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
