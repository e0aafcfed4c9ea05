//! The overhead of every call: in allocations, and in nanoseconds.

use crate::{breaker::CircuitBreaker, budget::RetryBudget, verdict::Evidence};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

fn healthy_call(breaker: &CircuitBreaker, budget: &RetryBudget) {
    budget.offered();
    breaker.admit().unwrap().settle(Evidence::Alive);
}

fn fresh() -> (CircuitBreaker, RetryBudget) {
    (CircuitBreaker::new("test", 5, Duration::from_secs(60), Duration::MAX), RetryBudget::new(10, 0.1))
}

#[test]
fn the_bookkeeping_of_a_healthy_call_allocates_nothing() {
    let (breaker, budget) = fresh();
    let counted = allocation_counter::measure(|| healthy_call(black_box(&breaker), black_box(&budget)));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn an_open_breaker_refuses_without_allocating() {
    let (breaker, _) = fresh();
    breaker.force_open();
    let counted = allocation_counter::measure(|| assert!(black_box(&breaker).admit().is_err()));
    assert_eq!(counted.count_total, 0);
}

#[test]
#[ignore = "a measurement, which `make bench` makes"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn what_the_bookkeeping_costs() {
    const CALLS: u32 = 10_000;
    let (breaker, budget) = fresh();
    let nanoseconds = |step: &dyn Fn()| {
        let round = |_| {
            let started = Instant::now();
            (0..CALLS).for_each(|_| step());
            started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        };
        (0..50).map(round).fold(f64::MAX, f64::min)
    };
    let clock = nanoseconds(&|| {
        black_box(Instant::now());
    });
    println!("  reading the clock                         {clock:>6.0} ns");
    let asked = nanoseconds(&|| {
        black_box(black_box(&breaker).admit().unwrap().settle(Evidence::Alive));
    });
    println!("  the breaker asked and told                {asked:>6.0} ns, 0 allocations");
    let paid = nanoseconds(&|| black_box(&budget).offered());
    println!("  paying into the budget of retries         {paid:>6.0} ns, 0 allocations");
    breaker.force_open();
    let refused = nanoseconds(&|| drop(black_box(black_box(&breaker).admit())));
    println!("  refused by an open breaker                {refused:>6.0} ns, 0 allocations");
}
