//! The circuit breaker.

use crate::verdict::Evidence;
use failsafe::{Config, Instrument, StateMachine, backoff::Constant, failure_policy};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

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

/// A circuit breaker on the state machine of `failsafe`, with its own admission, because that machine admits every
/// caller while half-open, and a late outcome from before the trip could close it.
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
    machine: StateMachine<failure_policy::ConsecutiveFailures<Constant>, Hook>,
    progress: Arc<Progress>,
    gate: Mutex<Gate>,
    recovery: Duration,
    /// The longest time after which a rejected caller should try again.
    longest_wait: Duration,
    rejected: AtomicU64,
    probes: AtomicU64,
}

/// The state changes that the machine reports. Its state cannot be queried.
struct Progress(Mutex<Phase>);

/// A state, how many there were before it, and when it began.
#[derive(Clone, Copy)]
struct Phase {
    state: BreakerState,
    epoch: u64,
    since: Instant,
}

impl Progress {
    fn get(&self) -> Phase {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Hook(Arc<Progress>);

impl Hook {
    fn to(&self, state: BreakerState) {
        let mut progress = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *progress = Phase { state, epoch: progress.epoch + 1, since: Instant::now() };
    }
}

impl Instrument for Hook {
    fn on_call_rejected(&self) {}
    fn on_open(&self) {
        self.to(BreakerState::Open);
    }
    fn on_half_open(&self) {
        self.to(BreakerState::HalfOpen);
    }
    fn on_closed(&self) {
        self.to(BreakerState::Closed);
    }
}

/// Held across every use of the machine, so that its reports arrive in the order of its changes.
#[derive(Default)]
struct Gate {
    /// The change of state whose probe is in flight, so that a probe admitted before a reset cannot release the slot of
    /// a later probe.
    probing: Option<u64>,
    failures: u32,
    opened: Option<Instant>,
    forced: Option<Forced>,
}

/// The state that an operator forces, if any.
#[derive(Clone, Copy)]
struct Forced {
    state: BreakerState,
    since: Instant,
}

/// The epoch of calls that an operator's command admits: it never matches, so their outcomes change nothing.
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

impl CircuitBreaker {
    /// Closed, with a name for metrics and logs; opens at `failures` failures in a row and admits a probe after
    /// `recovery`. A rejected caller should try again after at most `longest_wait`.
    pub(crate) fn new(name: &'static str, failures: u32, recovery: Duration, longest_wait: Duration) -> Self {
        let progress =
            Arc::new(Progress(Mutex::new(Phase { state: BreakerState::Closed, epoch: 0, since: Instant::now() })));
        let policy = failure_policy::consecutive_failures(failures, failsafe::backoff::constant(recovery));
        let machine = Config::new().failure_policy(policy).instrument(Hook(Arc::clone(&progress))).build();
        let (gate, rejected, probes) = (Mutex::default(), AtomicU64::default(), AtomicU64::default());
        Self(Arc::new(Inner { name, machine, progress, gate, recovery, longest_wait, rejected, probes }))
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name in metrics and logs: `reads` or `changes`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Admits a call or a probe; a rejected caller should try again after the returned time.
    pub(crate) fn admit(&self) -> Result<Permit, Duration> {
        let mut gate = self.gate();
        match gate.forced {
            Some(Forced { state: BreakerState::Closed, .. }) => {
                return Ok(Permit { breaker: self.clone(), epoch: BYPASSED, probe: false });
            }
            Some(_) => return Err(self.reject(&gate)),
            None if !self.0.machine.is_call_permitted() => return Err(self.reject(&gate)),
            None => {}
        }
        let Phase { state, epoch, .. } = self.0.progress.get();
        let probe = state != BreakerState::Closed;
        if probe {
            if gate.probing == Some(epoch) {
                return Err(self.reject(&gate));
            }
            gate.probing = Some(epoch);
            self.0.probes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Permit { breaker: self.clone(), epoch, probe })
    }

    fn reject(&self, gate: &Gate) -> Duration {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
        let waited = gate.opened.filter(|_| gate.forced.is_none()).map_or(Duration::ZERO, |opened| opened.elapsed());
        // While a probe is under way the recovery time is over, and an immediate repeat would only be refused again.
        let left = self.0.recovery.saturating_sub(waited).max(self.shortest_wait());
        // Only the operator who forced it open can end that.
        if gate.forced.is_some() { left } else { left.min(self.0.longest_wait) }
    }

    /// Its current state. An open breaker whose time is over stays `Open` until the next call.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.gate().forced.map_or_else(|| self.0.progress.get().state, |forced| forced.state)
    }

    /// How long it has been in this state.
    #[must_use]
    pub fn state_age(&self) -> Duration {
        self.gate().forced.map_or_else(|| self.0.progress.get().since, |forced| forced.since).elapsed()
    }

    /// Whether an operator keeps it in this state.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.gate().forced.is_some()
    }

    /// The time until it admits a probe; `None` unless failures opened it.
    #[must_use]
    pub fn time_to_probe(&self) -> Option<Duration> {
        let gate = self.gate();
        let open = gate.forced.is_none() && self.0.progress.get().state == BreakerState::Open;
        gate.opened.filter(|_| open).map(|opened| self.0.recovery.saturating_sub(opened.elapsed()))
    }

    /// Consecutive failures.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.gate().failures
    }

    /// The shortest time after which a rejected caller should try again.
    pub(crate) fn shortest_wait(&self) -> Duration {
        self.0.recovery.min(SHORTEST_WAIT)
    }

    /// The number of admitted probes.
    #[must_use]
    pub fn recovery_attempts(&self) -> u64 {
        self.0.probes.load(Ordering::Relaxed)
    }

    /// The number of rejected calls.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.0.rejected.load(Ordering::Relaxed)
    }

    /// Rejects every call until [`reset`](Self::reset), for operators.
    pub fn force_open(&self) {
        self.gate().forced = Some(Forced { state: BreakerState::Open, since: Instant::now() });
    }

    /// Admits every call, regardless of outcomes, until [`reset`](Self::reset), for operators.
    pub fn force_closed(&self) {
        self.gate().forced = Some(Forced { state: BreakerState::Closed, since: Instant::now() });
    }

    /// Closes it and clears its failures, for operators.
    pub fn reset(&self) {
        let mut gate = self.gate();
        gate.forced = None;
        self.close(&mut gate);
    }

    /// Whether it rejects calls because of failures, so that background probes can close it.
    pub(crate) fn awaits_recovery(&self) -> bool {
        let gate = self.gate();
        gate.forced.is_none() && self.0.progress.get().state != BreakerState::Closed
    }

    /// Closes it because the upstream responds again, unless it is closed or an operator forces its state. Returns
    /// whether it closed.
    pub(crate) fn recovered(&self) -> bool {
        let mut gate = self.gate();
        let closes = gate.forced.is_none() && self.0.progress.get().state != BreakerState::Closed;
        if closes {
            self.close(&mut gate);
        }
        closes
    }

    fn close(&self, gate: &mut Gate) {
        gate.failures = 0;
        gate.opened = None;
        self.0.machine.reset();
        // A closed machine ignores a reset, and would keep the failures it has counted.
        self.0.machine.on_success();
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
        let mut gate = self.breaker.gate();
        let before = self.breaker.0.progress.get();
        if self.epoch != before.epoch {
            return Settled::Unchanged;
        }
        match evidence {
            Evidence::Alive => {
                gate.failures = 0;
                self.breaker.0.machine.on_success();
            }
            Evidence::Failing => {
                gate.failures = gate.failures.saturating_add(1);
                self.breaker.0.machine.on_error();
                if self.breaker.0.progress.get().state == BreakerState::Open {
                    gate.opened = Some(Instant::now());
                }
            }
            Evidence::Nothing => {}
        }
        let after = self.breaker.0.progress.get();
        // Before the permit is dropped, which locks the gate again.
        drop(gate);
        match after.state {
            _ if after.epoch == before.epoch => Settled::Unchanged,
            BreakerState::Closed => Settled::Closed,
            BreakerState::Open | BreakerState::HalfOpen => Settled::Opened,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.probe {
            let mut gate = self.breaker.gate();
            if gate.probing == Some(self.epoch) {
                gate.probing = None;
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
mod tests {
    use super::*;

    const RECOVERY: Duration = Duration::from_millis(30);
    const MINUTE: Duration = Duration::from_secs(60);

    fn tripped() -> CircuitBreaker {
        let breaker = CircuitBreaker::new("test", 5, RECOVERY, RECOVERY);
        for _ in 0..5 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        breaker
    }

    /// Real time, because the state machine below reads the system's clock; the condition is polled, not hoped for.
    fn probe_of(breaker: &CircuitBreaker) -> Permit {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match breaker.admit() {
                Ok(permit) => return permit,
                Err(_) => assert!(Instant::now() < end, "no probe was admitted"),
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_opens_at_the_fifth_failure_in_a_row_and_not_before() {
        let breaker = CircuitBreaker::new("test", 5, MINUTE, MINUTE);
        for outcome in [false, false, false, false, true, false, false, false, false] {
            breaker.admit().ok().unwrap().settle(if outcome { Evidence::Alive } else { Evidence::Failing });
            assert_eq!(breaker.state(), BreakerState::Closed);
        }
        assert_eq!(breaker.failures(), 4);
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
        assert_eq!(breaker.state(), BreakerState::Open);
        let left = breaker.admit().err().unwrap();
        assert!(left > Duration::from_secs(59) && left <= Duration::from_secs(60), "{left:?}");
        assert_eq!(breaker.rejected(), 1);
    }

    /// Lesson 26: a recovering upstream is not met by everybody at once.
    #[test]
    fn one_probe_is_admitted_among_two_hundred_callers() {
        let breaker = tripped();
        let probe = probe_of(&breaker);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        let admitted = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..200).map(|_| scope.spawn(|| breaker.admit().is_ok())).collect();
            calls.into_iter().filter_map(|call| call.join().ok()).filter(|admitted| *admitted).count()
        });
        assert_eq!(admitted, 0);
        probe.settle(Evidence::Alive);
        assert_eq!((breaker.state(), breaker.recovery_attempts()), (BreakerState::Closed, 1));
    }

    #[test]
    fn a_failed_probe_opens_it_again() {
        let breaker = tripped();
        probe_of(&breaker).settle(Evidence::Failing);
        assert_eq!(breaker.state(), BreakerState::Open);
        probe_of(&breaker).settle(Evidence::Alive);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    /// Lesson 21: the right to probe is released, whatever happens to its holder.
    #[test]
    fn a_cancelled_or_panicked_probe_does_not_wedge_it() {
        let breaker = tripped();
        drop(probe_of(&breaker));
        let panicking = breaker.clone();
        let panicked = std::thread::spawn(move || {
            let _probe = probe_of(&panicking);
            panic!("in the middle of a probe");
        });
        assert!(panicked.join().is_err());
        probe_of(&breaker).settle(Evidence::Alive);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_straggler_from_before_the_trip_neither_closes_it_nor_counts() {
        let breaker = CircuitBreaker::new("test", 5, RECOVERY, RECOVERY);
        let stragglers: Vec<_> = (0..3).map(|_| breaker.admit().ok().unwrap()).collect();
        for _ in 0..5 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        let probe = probe_of(&breaker);
        for (straggler, outcome) in stragglers.into_iter().zip([true, false, true]) {
            straggler.settle(if outcome { Evidence::Alive } else { Evidence::Failing });
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
        }
        probe.settle(Evidence::Alive);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_reset_forgets_failures_also_while_it_is_closed() {
        let breaker = CircuitBreaker::new("test", 5, MINUTE, MINUTE);
        for _ in 0..4 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        breaker.reset();
        for _ in 0..4 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
            assert_eq!(breaker.state(), BreakerState::Closed);
        }
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
        assert_eq!((breaker.state(), breaker.failures()), (BreakerState::Open, 5));
    }

    #[test]
    fn a_probe_from_before_a_reset_neither_blocks_nor_doubles_the_next() {
        let breaker = tripped();
        let old = probe_of(&breaker);
        breaker.reset();
        for _ in 0..5 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        let new = probe_of(&breaker);
        drop(old);
        assert!(breaker.admit().is_err(), "the new probe is still under way");
        new.settle(Evidence::Alive);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    /// Lesson 28: those who are refused beside a probe do not return as a herd.
    #[test]
    fn who_is_refused_beside_a_probe_is_not_told_to_come_back_at_once() {
        let breaker = tripped();
        let _probe = probe_of(&breaker);
        assert_eq!(breaker.admit().err(), Some(RECOVERY));
    }

    #[test]
    fn an_operator_can_force_it_open_and_close_it() {
        let breaker = CircuitBreaker::new("test", 5, RECOVERY, RECOVERY);
        breaker.force_open();
        assert!(breaker.admit().is_err());
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.reset();
        breaker.admit().ok().unwrap().settle(Evidence::Alive);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn forced_closed_it_lets_everything_through_and_then_begins_anew() {
        let breaker = CircuitBreaker::new("test", 5, MINUTE, MINUTE);
        for _ in 0..4 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        breaker.force_closed();
        for _ in 0..20 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        assert_eq!((breaker.state(), breaker.is_forced()), (BreakerState::Closed, true));
        breaker.reset();
        for _ in 0..4 {
            breaker.admit().ok().unwrap().settle(Evidence::Failing);
        }
        assert_eq!((breaker.state(), breaker.is_forced()), (BreakerState::Closed, false));
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn an_operator_sees_how_long_it_has_been_open_and_when_it_will_try() {
        let breaker = CircuitBreaker::new("test", 1, MINUTE, MINUTE);
        assert_eq!(breaker.time_to_probe(), None);
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
        let left = breaker.time_to_probe().unwrap();
        assert!(left > Duration::from_secs(50) && breaker.state_age() < Duration::from_secs(10), "{left:?}");
        breaker.force_open();
        assert_eq!((breaker.time_to_probe(), breaker.is_forced()), (None, true));
    }
}
