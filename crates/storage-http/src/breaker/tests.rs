//! What the breaker does, on a paused clock.

use super::*;
use crate::verdict::Evidence;

const RECOVERY: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

fn tripped() -> CircuitBreaker {
    let breaker = CircuitBreaker::new("test", 5, RECOVERY, RECOVERY);
    for _ in 0..5 {
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
    }
    breaker
}

/// After the time for which it is open, on a paused clock.
async fn probe_of(breaker: &CircuitBreaker) -> Permit {
    tokio::time::advance(RECOVERY).await;
    let permit = breaker.admit().ok().unwrap();
    assert!(permit.is_probe());
    permit
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
#[tokio::test(start_paused = true)]
async fn one_probe_is_admitted_among_two_hundred_callers() {
    let breaker = tripped();
    let probe = probe_of(&breaker).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let admitted = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..200).map(|_| scope.spawn(|| breaker.admit().is_ok())).collect();
        calls.into_iter().filter_map(|call| call.join().ok()).filter(|admitted| *admitted).count()
    });
    assert_eq!(admitted, 0);
    probe.settle(Evidence::Alive);
    assert_eq!((breaker.state(), breaker.recovery_attempts()), (BreakerState::Closed, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again() {
    let breaker = tripped();
    probe_of(&breaker).await.settle(Evidence::Failing);
    assert_eq!(breaker.state(), BreakerState::Open);
    probe_of(&breaker).await.settle(Evidence::Alive);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// Lesson 21: the right to probe is released, whatever happens to its holder.
#[tokio::test(start_paused = true)]
async fn a_cancelled_or_panicked_probe_does_not_wedge_it() {
    let breaker = tripped();
    drop(probe_of(&breaker).await);
    let probe = probe_of(&breaker).await;
    let panicked = std::thread::spawn(move || {
        let _probe = probe;
        panic!("in the middle of a probe");
    });
    assert!(panicked.join().is_err());
    probe_of(&breaker).await.settle(Evidence::Alive);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_straggler_from_before_the_trip_neither_closes_it_nor_counts() {
    let breaker = CircuitBreaker::new("test", 5, RECOVERY, RECOVERY);
    let stragglers: Vec<_> = (0..3).map(|_| breaker.admit().ok().unwrap()).collect();
    for _ in 0..5 {
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
    }
    let probe = probe_of(&breaker).await;
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

#[tokio::test(start_paused = true)]
async fn a_probe_from_before_a_reset_neither_blocks_nor_doubles_the_next() {
    let breaker = tripped();
    let old = probe_of(&breaker).await;
    breaker.reset();
    for _ in 0..5 {
        breaker.admit().ok().unwrap().settle(Evidence::Failing);
    }
    let new = probe_of(&breaker).await;
    drop(old);
    assert!(breaker.admit().is_err(), "the new probe is still under way");
    new.settle(Evidence::Alive);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// Lesson 28: those who are refused beside a probe do not return as a herd.
#[tokio::test(start_paused = true)]
async fn who_is_refused_beside_a_probe_is_not_told_to_come_back_at_once() {
    let breaker = tripped();
    let _probe = probe_of(&breaker).await;
    assert_eq!(breaker.admit().err(), Some(SHORTEST_WAIT));
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
