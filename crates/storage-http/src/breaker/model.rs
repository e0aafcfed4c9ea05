//! Every interleaving of the breaker, explored.
//!
//! Each operation of the breaker holds its gate from beginning to end, so whatever threads do comes down to some order of
//! whole operations. The table in the documentation of [`CircuitBreaker`](super::CircuitBreaker) is written here once
//! more, as a function without clocks or locks. All its states are walked through, and in each the breaker itself is led
//! there and must do with every operation what the table says. A recovery time of nothing and one without end stand for the
//! two answers that a clock can give.

use super::{BreakerState, CircuitBreaker, Permit};
use crate::verdict::Evidence;
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// Failures that open it; two take as many paths as five.
const FAILURES: u32 = 2;
/// Concurrent callers: a probe, a late one, and a new one.
const CALLERS: usize = 3;

/// What a caller holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holds {
    Nothing,
    /// A permit of the present state.
    Present(Admitted),
    /// A permit from before the last change of state.
    Straggler,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Admitted {
    AsOneOfMany,
    AsProbe,
}

/// Whether an opened breaker has been open for its recovery time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecoveryTime {
    IsOver,
    Lasts,
}

impl RecoveryTime {
    fn duration(self) -> Duration {
        match self {
            Self::IsOver => Duration::ZERO,
            Self::Lasts => Duration::from_secs(3600),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
    Asks(usize),
    Succeeds(usize),
    Fails(usize),
    /// Cancelled or panicked.
    Vanishes(usize),
    /// Ended for a reason of this process.
    ShowsNothing(usize),
    /// The upstream answered two background probes in a row.
    Recovered,
    ForcedOpen,
    ForcedClosed,
    Reset,
}

/// The table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Model {
    state: BreakerState,
    failures: u32,
    /// What an operator keeps it at.
    forced: Option<BreakerState>,
    callers: [Holds; CALLERS],
}

impl Model {
    const START: Self =
        Self { state: BreakerState::Closed, failures: 0, forced: None, callers: [Holds::Nothing; CALLERS] };

    fn events(self) -> Vec<Event> {
        let of = |(caller, holds): (usize, &Holds)| match holds {
            Holds::Nothing => vec![Event::Asks(caller)],
            _ => vec![
                Event::Succeeds(caller),
                Event::Fails(caller),
                Event::Vanishes(caller),
                Event::ShowsNothing(caller),
            ],
        };
        let callers = self.callers.iter().enumerate().flat_map(of);
        callers.chain([Event::Recovered, Event::ForcedOpen, Event::ForcedClosed, Event::Reset]).collect()
    }

    fn becomes(&mut self, state: BreakerState) {
        if self.state != state {
            self.state = state;
            for caller in &mut self.callers {
                if *caller != Holds::Nothing {
                    *caller = Holds::Straggler;
                }
            }
        }
    }

    /// The state after the event, and whether a new caller is admitted.
    fn after(mut self, event: Event, recovery: RecoveryTime) -> (Self, bool) {
        match event {
            Event::Asks(caller) => {
                if self.forced == Some(BreakerState::Closed) {
                    // Its outcome will count as little as that of a straggler.
                    self.callers[caller] = Holds::Straggler;
                    return (self, true);
                }
                if self.forced.is_some() || (self.state == BreakerState::Open && recovery == RecoveryTime::Lasts) {
                    return (self, false);
                }
                if self.state == BreakerState::Open {
                    self.becomes(BreakerState::HalfOpen);
                }
                let is_probe = self.state == BreakerState::HalfOpen;
                if is_probe && self.callers.contains(&Holds::Present(Admitted::AsProbe)) {
                    return (self, false);
                }
                let admitted = if is_probe { Admitted::AsProbe } else { Admitted::AsOneOfMany };
                self.callers[caller] = Holds::Present(admitted);
                return (self, true);
            }
            Event::Succeeds(caller) => {
                if let Holds::Present(_) = std::mem::replace(&mut self.callers[caller], Holds::Nothing) {
                    self.failures = 0;
                    self.becomes(BreakerState::Closed);
                }
            }
            Event::Fails(caller) => {
                if let Holds::Present(admitted) = std::mem::replace(&mut self.callers[caller], Holds::Nothing) {
                    self.failures = (self.failures + 1).min(FAILURES + 1);
                    if admitted == Admitted::AsProbe || self.failures >= FAILURES {
                        self.becomes(BreakerState::Open);
                    }
                }
            }
            Event::Vanishes(caller) | Event::ShowsNothing(caller) => self.callers[caller] = Holds::Nothing,
            Event::Recovered => {
                if self.forced.is_none() && self.state != BreakerState::Closed {
                    self.failures = 0;
                    self.becomes(BreakerState::Closed);
                }
            }
            Event::ForcedOpen => self.forced = Some(BreakerState::Open),
            Event::ForcedClosed => self.forced = Some(BreakerState::Closed),
            Event::Reset => {
                (self.forced, self.failures) = (None, 0);
                self.becomes(BreakerState::Closed);
            }
        }
        (self, false)
    }
}

/// The breaker itself, with the callers of the model.
struct Real {
    breaker: CircuitBreaker,
    permits: [Option<Permit>; CALLERS],
}

impl Real {
    fn new(recovery: Duration) -> Self {
        Self { breaker: CircuitBreaker::new("test", FAILURES, recovery, recovery), permits: [const { None }; CALLERS] }
    }

    fn does(&mut self, event: Event) -> bool {
        match event {
            Event::Asks(caller) => {
                self.permits[caller] = self.breaker.admit().ok();
                return self.permits[caller].is_some();
            }
            Event::Succeeds(caller) => drop(self.permits[caller].take().unwrap().settle(Evidence::Alive)),
            Event::Fails(caller) => drop(self.permits[caller].take().unwrap().settle(Evidence::Failing)),
            Event::Vanishes(caller) => drop(self.permits[caller].take()),
            Event::ShowsNothing(caller) => drop(self.permits[caller].take().unwrap().settle(Evidence::Nothing)),
            Event::Recovered => drop(self.breaker.recovered()),
            Event::ForcedOpen => self.breaker.force_open(),
            Event::ForcedClosed => self.breaker.force_closed(),
            Event::Reset => self.breaker.reset(),
        }
        false
    }
}

/// Every state of the table, each with a way to it.
fn reachable(recovery: RecoveryTime) -> HashMap<Model, Vec<Event>> {
    let mut ways = HashMap::from([(Model::START, Vec::new())]);
    let mut waiting = VecDeque::from([Model::START]);
    while let Some(model) = waiting.pop_front() {
        for event in model.events() {
            let (next, _) = model.after(event, recovery);
            if !ways.contains_key(&next) {
                let way = ways[&model].iter().copied().chain([event]).collect();
                ways.insert(next, way);
                waiting.push_back(next);
            }
        }
    }
    ways
}

fn explore(recovery: RecoveryTime) -> usize {
    let ways = reachable(recovery);
    for (model, way) in &ways {
        for event in model.events() {
            let mut real = Real::new(recovery.duration());
            for event in way {
                real.does(*event);
            }
            let (next, admitted) = model.after(event, recovery);
            assert_eq!(real.does(event), admitted, "{way:?} then {event:?}");
            let shown = next.forced.unwrap_or(next.state);
            assert_eq!(real.breaker.state(), shown, "{way:?} then {event:?}");
            assert_eq!(real.breaker.failures().min(FAILURES + 1), next.failures, "{way:?} then {event:?}");
        }
    }
    ways.len()
}

/// Lesson 24: the documented table is the test.
#[test]
fn the_breaker_does_what_its_table_says_in_every_state_when_its_time_is_over() {
    let states = explore(RecoveryTime::IsOver);
    assert!(states > 100, "{states} states");
}

#[test]
fn the_breaker_does_what_its_table_says_in_every_state_when_its_time_is_not_over() {
    let states = explore(RecoveryTime::Lasts);
    assert!(states > 50, "{states} states");
}

/// Lesson 22: the change to half open and the admission of the probe are one step.
#[test]
fn no_state_has_two_probes_and_none_is_a_dead_end() {
    let ways = reachable(RecoveryTime::IsOver);
    for model in ways.keys() {
        let probes = model.callers.iter().filter(|holds| **holds == Holds::Present(Admitted::AsProbe)).count();
        assert!(probes <= 1, "{model:?}");
        // Whatever happened: once those who are out have come back or gone, the next caller's success closes it.
        let mut later = Model { forced: None, ..*model };
        for caller in 0..CALLERS {
            if later.callers[caller] != Holds::Nothing {
                later = later.after(Event::Vanishes(caller), RecoveryTime::IsOver).0;
            }
        }
        let (asked, admitted) = later.after(Event::Asks(0), RecoveryTime::IsOver);
        assert!(admitted, "{model:?}");
        assert_eq!(asked.after(Event::Succeeds(0), RecoveryTime::IsOver).0.state, BreakerState::Closed, "{model:?}");
    }
}
