//! The scripted adapter: passes calls on to another storage, in the way and at the time that a test decides.

mod course;
mod operation;
mod port;
#[cfg(test)]
mod tests;

use character_storage_port::{Applied, ErrorKind, Result, StorageError, StoragePort};
pub use course::{Course, Fault, Gate};
pub use operation::Operation;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::pending,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// The text of the cause of every scripted failure. An answer to a client must not contain it.
pub const SCRIPTED_CAUSE: &str = "scripted-storage.internal:5432";

/// Passes every call on to another storage, but for the faults and delays that a test has scripted, and counts the calls.
///
/// A clone shares script and counters: keep one, and give the other away as `Arc<dyn StoragePort>`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use character_storage_port::{Commit, ErrorKind, MemoryStorage, Transaction};
/// use character_storage_testkit::{Fault, Operation, ScriptedFaults};
/// use std::sync::Arc;
///
/// let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
/// storage.next(Fault::LoseAnswer(ErrorKind::Timeout));
/// let error = storage.commit(Transaction::new()).await.unwrap_err();
/// assert!(!error.certainly_not_applied());
/// assert!(storage.commit(Transaction::new()).await.is_ok());
/// assert_eq!(storage.calls(Operation::Commit), 2);
/// # }
/// ```
///
/// A [`Course`] holds a call where the test wants it:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use character_storage_port::{Commit, MemoryStorage, Transaction};
/// use character_storage_testkit::{Course, Gate, Operation, ScriptedFaults};
/// use std::sync::Arc;
///
/// let (storage, gate) = (ScriptedFaults::new(Arc::new(MemoryStorage::new())), Gate::closed());
/// storage.next_of(Operation::Commit, Course::default().before(gate.pass()));
/// let held = tokio::spawn({
///     let storage = storage.clone();
///     async move { storage.commit(Transaction::new()).await }
/// });
/// storage.called(Operation::Commit, 1).await;
/// let overtakes = storage.commit(Transaction::new()).await.unwrap();
/// gate.open();
/// assert!(held.await.unwrap().unwrap().tick > overtakes.tick);
/// # }
/// ```
pub struct ScriptedFaults<S: ?Sized = dyn StoragePort> {
    script: Arc<Mutex<Script>>,
    calls: watch::Sender<HashMap<Operation, usize>>,
    follow_limit: usize,
    follow_wait: Duration,
    batches: Batches,
    inner: Arc<S>,
}

type Director = dyn Fn(Operation) -> Course + Send + Sync;

#[derive(Default)]
struct Script {
    next: VecDeque<(Option<Operation>, Course)>,
    director: Option<Arc<Director>>,
}

/// How the transactions of one `commit_each` reach the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batches {
    Together,
    OneByOne,
}

impl<S: ?Sized> Clone for ScriptedFaults<S> {
    fn clone(&self) -> Self {
        Self { script: Arc::clone(&self.script), calls: self.calls.clone(), inner: Arc::clone(&self.inner), ..*self }
    }
}

impl<S: ?Sized> fmt::Debug for ScriptedFaults<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.script();
        let mut shown = formatter.debug_struct("ScriptedFaults");
        shown.field("next", &script.next).field("calls", &*self.calls.borrow()).finish_non_exhaustive()
    }
}

impl<S: ?Sized> ScriptedFaults<S> {
    /// Over `inner`, with an empty script.
    #[must_use]
    pub fn new(inner: Arc<S>) -> Self {
        let (script, calls, batches) = (Arc::default(), watch::Sender::default(), Batches::Together);
        Self { script, calls, follow_limit: usize::MAX, follow_wait: Duration::MAX, batches, inner }
    }

    /// A `follow` answers with at most `limit` commits and waits at most `wait`, whatever its caller allows.
    #[must_use]
    pub fn following(self, limit: usize, wait: Duration) -> Self {
        Self { follow_limit: limit, follow_wait: wait, ..self }
    }

    /// `commit_each` makes a call of `commit` for each transaction, so that each has a course of its own.
    #[must_use]
    pub fn committing_one_by_one(self) -> Self {
        Self { batches: Batches::OneByOne, ..self }
    }

    /// Adds a fault or course for the next call of any operation that no earlier entry of the script is used up by.
    pub fn next(&self, course: impl Into<Course>) {
        self.script().next.push_back((None, course.into()));
    }

    /// Adds a fault or course for the next call of this operation; other operations pass it by.
    pub fn next_of(&self, operation: Operation, course: impl Into<Course>) {
        self.script().next.push_back((Some(operation), course.into()));
    }

    /// From now on every call that the script has nothing for has this fault, until [`heal`](Self::heal).
    pub fn break_down(&self, fault: Fault) {
        self.direct(move |_| fault.clone().into());
    }

    /// From now on every call that the script has nothing for goes as `director` says, until [`heal`](Self::heal). The
    /// director runs in the task of the caller, before anything else of the call.
    pub fn direct(&self, director: impl Fn(Operation) -> Course + Send + Sync + 'static) {
        self.script().director = Some(Arc::new(director));
    }

    /// From now on calls go through; the rest of the script is forgotten.
    pub fn heal(&self) {
        *self.script() = Script::default();
    }

    /// How many calls of this operation were made so far, failed ones included.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.calls.borrow().get(&operation).copied().unwrap_or_default()
    }

    /// Waits until this number of calls of the operation were made.
    pub async fn called(&self, operation: Operation, calls: usize) {
        let mut made = self.calls.subscribe();
        // The sender is in this value, so it cannot be gone.
        drop(made.wait_for(|made| made.get(&operation).copied().unwrap_or_default() >= calls).await);
    }

    /// How many entries of the script are left.
    #[must_use]
    pub fn scripted(&self) -> usize {
        self.script().next.len()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and takes the course that is meant for it.
    fn take_course(&self, operation: Operation) -> Course {
        self.calls.send_modify(|calls| *calls.entry(operation).or_default() += 1);
        let mut script = self.script();
        let meant = |(of, _): &(Option<Operation>, Course)| of.is_none_or(|of| of == operation);
        let scripted = script.next.iter().position(meant).and_then(|place| script.next.remove(place));
        let director = script.director.clone();
        drop(script);
        scripted.map(|(_, course)| course).or_else(|| director.map(|director| director(operation))).unwrap_or_default()
    }

    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.call_named(operation, operation.name(), call).await
    }

    async fn call_named<T>(
        &self,
        operation: Operation,
        name: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let failure = |kind| StorageError::new(kind, name).with_source(io::Error::other(SCRIPTED_CAUSE));
        let lost = |kind: ErrorKind| failure(kind).with_applied(Applied::Unknown);
        let course = self.take_course(operation);
        if let Some(before) = course.before {
            before.await;
        }
        let answer = match course.fault {
            Fault::Pass => call.await,
            Fault::FailBefore(kind) => return Err(failure(kind)),
            Fault::LoseAnswer(kind) => {
                let _lost = call.await;
                Err(lost(kind))
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                call.await
            }
            Fault::Hang => pending().await,
        };
        match course.after {
            Some(after) => after.await.map_err(lost).and(answer),
            None => answer,
        }
    }
}
