//! Hubs with one mistake each: the suite catches every one of them, and every clause catches something.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod deliveries;
mod hub;
mod mistake;

use character_message_hub_testkit::{Clause, PATIENCE, Stage, clauses, durable_clauses};
use futures_util::future::LocalBoxFuture;
use hub::WrongHub;
use mistake::{CAUGHT, Mistake};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tokio::{runtime::Builder, time::timeout};

/// Whether a hub with this mistake, or with none, keeps a clause.
fn keeps(mistake: Option<Mistake>, clause: Clause) -> bool {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let judged = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let hub = Arc::new(WrongHub::new(mistake));
            let respond = |service, handler| -> LocalBoxFuture<'_, ()> {
                hub.respond(service, handler);
                Box::pin(std::future::ready(()))
            };
            let reopen = || -> LocalBoxFuture<'_, _> { Box::pin(std::future::ready(hub.crashed())) };
            let stage = Stage::new(hub.clone(), &respond, Some(&reopen));
            timeout(PATIENCE, (clause.run)(stage)).await.unwrap();
        });
    }));
    judged.is_ok()
}

fn every_clause() -> Vec<Clause> {
    clauses().into_iter().chain(durable_clauses()).collect()
}

/// The broken clauses are expected: their panics are no news.
fn quietly<T>(call: impl FnOnce() -> T) -> T {
    std::panic::set_hook(Box::new(|_| {}));
    let returned = catch_unwind(AssertUnwindSafe(call));
    drop(std::panic::take_hook());
    returned.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
}

#[test]
fn the_hub_without_a_mistake_keeps_every_clause() {
    for clause in every_clause() {
        assert!(keeps(None, clause), "{clause:?}");
    }
}

#[test]
fn each_mistake_is_caught_by_the_clauses_that_name_it_and_each_clause_catches_one() {
    let all = every_clause();
    let named =
        |name: &str| *all.iter().find(|clause| clause.name == name).unwrap_or_else(|| panic!("no clause {name}"));
    let (missed, idle) = quietly(|| {
        let mut missed = Vec::new();
        let mut idle: BTreeSet<_> = all.iter().map(|clause| clause.name).collect();
        for (mistake, names) in CAUGHT {
            assert!(!names.is_empty());
            for name in *names {
                if keeps(Some(*mistake), named(name)) {
                    missed.push((*mistake, *name));
                }
                idle.remove(name);
            }
        }
        (missed, idle)
    });
    assert!(missed.is_empty(), "mistakes that a clause does not catch: {missed:?}");
    assert!(idle.is_empty(), "clauses without a mistake that they catch: {idle:?}");
}
