//! Whether what concurrent clients saw can have happened one after another.
//!
//! Clients record each operation with the times of its call and its return; an operation whose outcome is unknown may
//! have happened at any time after its call, or never. The search is that of Wing and Gong with Lowe's memory of
//! places already visited; it runs for each key alone, since keys are independent of each other.

mod counter;
mod register;
mod search;

pub use counter::{Count, Counter};
pub use register::{Register, Seen, Touch};

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What an object does when it is used by one client at a time.
pub trait Model: Clone + Debug {
    /// Everything that later answers depend on.
    type State: Clone + Eq + Hash + Debug;
    /// What a client asks for.
    type Call: Clone + PartialEq + Debug;
    /// The answers that it gets.
    type Answer: Clone + PartialEq + Debug;

    /// What can be learned from the whole history before the search, so that it need not try what cannot be.
    fn of(operations: &[Operation<Self>]) -> Self;

    /// The state before the first operation.
    fn first(&self) -> Self::State;

    /// The state after this call; `None` when it cannot be answered so in this state. Without an answer, the state
    /// that the call leads to when it has its effect.
    fn step(&self, state: &Self::State, call: &Self::Call, answer: Option<&Self::Answer>) -> Option<Self::State>;

    /// Whether it cannot be known which of two unanswered calls has happened, so that only one of them need be tried.
    fn alike(&self, one: &Self::Call, other: &Self::Call) -> bool {
        one == other
    }
}

/// One operation of one client.
#[derive(Debug, Clone)]
pub struct Operation<M: Model> {
    /// What was asked.
    pub call: M::Call,
    /// What was answered; `None`: nothing certain.
    pub answer: Option<M::Answer>,
    /// When it was asked, since the begin of the history.
    pub called: Duration,
    /// When it was answered; without an answer it may still happen.
    pub returned: Duration,
}

/// The operations of many clients on many keys.
#[derive(Debug)]
pub struct History<M: Model> {
    begin: Instant,
    keys: Arc<Mutex<BTreeMap<String, Vec<Operation<M>>>>>,
}

impl<M: Model> Default for History<M> {
    fn default() -> Self {
        Self { begin: Instant::now(), keys: Arc::default() }
    }
}

impl<M: Model> Clone for History<M> {
    fn clone(&self) -> Self {
        Self { begin: self.begin, keys: Arc::clone(&self.keys) }
    }
}

/// An operation on its way. Dropped without an outcome, its outcome is unknown.
#[derive(Debug)]
pub struct Pending<M: Model> {
    history: History<M>,
    key: String,
    call: Option<M::Call>,
    called: Duration,
}

/// Why a history cannot have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key whose operations contradict each other.
    pub key: String,
    /// How far the longest explanation goes and what comes next in time.
    pub explanation: String,
}

/// What a history that can have happened consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Keys with operations.
    pub keys: usize,
    /// Operations with an answer.
    pub certain: usize,
    /// Operations without one.
    pub unknown: usize,
}

impl<M: Model> History<M> {
    /// Records the begin of an operation.
    pub fn call(&self, key: &str, call: M::Call) -> Pending<M> {
        Pending { history: self.clone(), key: key.to_owned(), call: Some(call), called: self.begin.elapsed() }
    }

    /// Looks for an order in which each key answers as it did.
    ///
    /// # Errors
    /// For the first key that has none.
    pub fn check(&self) -> Result<Checked, Violation> {
        let keys = self.keys();
        let mut checked = Checked { keys: keys.len(), ..Checked::default() };
        for (key, operations) in keys.iter() {
            let certain = operations.iter().filter(|operation| operation.answer.is_some()).count();
            checked.certain += certain;
            checked.unknown += operations.len() - certain;
            search::explain(operations).map_err(|explanation| Violation { key: key.clone(), explanation })?;
        }
        Ok(checked)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Operation<M>>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, key: &str, operation: Operation<M>) {
        self.keys().entry(key.to_owned()).or_default().push(operation);
    }
}

impl<M: Model> Pending<M> {
    /// It was answered.
    pub fn answered(mut self, answer: M::Answer) {
        self.end(Some(answer));
    }

    /// It certainly had no effect, and told nothing.
    pub fn refused(mut self) {
        self.call = None;
    }

    /// It may have had its effect, may still have it, or never.
    pub fn unknown(mut self) {
        self.end(None);
    }

    fn end(&mut self, answer: Option<M::Answer>) {
        if let Some(call) = self.call.take() {
            let returned = if answer.is_some() { self.history.begin.elapsed() } else { Duration::MAX };
            self.history.record(&self.key, Operation { call, answer, called: self.called, returned });
        }
    }
}

impl<M: Model> Drop for Pending<M> {
    fn drop(&mut self) {
        self.end(None);
    }
}
