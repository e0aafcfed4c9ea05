//! Which commits run now, and which wait to be a group. Each thread that answers requests has its own queue, as it has its own
//! connections.

use super::alone;
use crate::{
    commit::{Checked, CommitGroup},
    engine::Engine,
};
use character_storage_port::{Applied, COMMIT, Committed, ErrorKind, Result, StorageError};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::{Handle, Id, RuntimeFlavor},
    sync::oneshot,
};

/// How many commits or groups of a thread run at the same time, before others wait for them.
const SLOTS: usize = 2;
/// A commit or group that takes longer keeps no others waiting: another transaction may hold it up.
const PATIENCE: Duration = Duration::from_millis(20);
/// The maximum number of commits in a group.
const MAX_GROUP: usize = 32;

#[derive(Debug)]
pub(super) struct Groups {
    engine: Arc<Engine>,
    /// How long a commit may wait and run.
    timeout: Duration,
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    /// By runtime of one thread; all others share one.
    of: HashMap<Option<Id>, Queue>,
    tickets: u64,
}

/// Nothing waits unless every slot is taken.
#[derive(Debug, Default)]
struct Queue {
    running: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    item: Arc<Checked>,
    answer: oneshot::Sender<Result<Committed>>,
}

enum Turn {
    /// It runs beside the slots.
    Free,
    Now(Slot),
    Later(Option<Id>, u64, oneshot::Receiver<Result<Committed>>),
}

impl Groups {
    pub(super) fn over(engine: Arc<Engine>, timeout: Duration) -> Self {
        Self { engine, timeout, queues: Mutex::default() }
    }

    pub(super) async fn commit(self: &Arc<Self>, item: Arc<Checked>) -> Result<Committed> {
        match self.turn(&item) {
            Turn::Free => alone(&self.engine, item).await,
            Turn::Now(slot) => slot.hold(alone(&self.engine, item)).await,
            Turn::Later(runtime, ticket, mut answer) => match tokio::time::timeout(self.timeout, &mut answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(StorageError::unavailable(COMMIT)
                    .with_applied(Applied::Unknown)
                    .with_detail("the thread that commits has ended")),
                Err(_) => {
                    let applied = if self.withdraw(runtime, ticket) { Applied::No } else { Applied::Unknown };
                    let detail = format!("the operation took longer than the timeout of {:?}", self.timeout);
                    Err(StorageError::new(ErrorKind::Timeout, COMMIT).with_applied(applied).with_detail(detail))
                }
            },
        }
    }

    fn turn(self: &Arc<Self>, item: &Arc<Checked>) -> Turn {
        let Some(handle) = Handle::try_current().ok().filter(|_| item.fits_into_a_group()) else { return Turn::Free };
        let runtime = (handle.runtime_flavor() == RuntimeFlavor::CurrentThread).then(|| handle.id());
        let mut queues = self.queues();
        queues.tickets += 1;
        let ticket = queues.tickets;
        let queue = queues.of.entry(runtime).or_default();
        if queue.running < SLOTS {
            queue.running += 1;
            return Turn::Now(Slot { groups: Arc::clone(self), handle, runtime });
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push_back(Waiting { ticket, item: Arc::clone(item), answer });
        Turn::Later(runtime, ticket, receiver)
    }

    /// Whether it was still waiting.
    fn withdraw(&self, runtime: Option<Id>, ticket: u64) -> bool {
        let mut queues = self.queues();
        let Some(queue) = queues.of.get_mut(&runtime) else { return false };
        let place = queue.waiting.iter().position(|waiting| waiting.ticket == ticket);
        place.and_then(|place| queue.waiting.remove(place)).is_some()
    }

    /// The group that has a slot next; none: the slot is free.
    fn next(&self, runtime: Option<Id>) -> Option<Vec<Waiting>> {
        let mut queues = self.queues();
        let queue = queues.of.get_mut(&runtime)?;
        let group = queue.take_group();
        if !group.is_empty() {
            return Some(group);
        }
        queue.running -= 1;
        if queue.running == 0 {
            queues.of.remove(&runtime);
        }
        None
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The first that have nothing in common, without those whose callers have gone.
    fn take_group(&mut self) -> Vec<Waiting> {
        let (mut group, mut touched, mut rest) = (Vec::new(), HashSet::new(), VecDeque::new());
        while group.len() < MAX_GROUP
            && let Some(next) = self.waiting.pop_front()
        {
            if next.answer.is_closed() {
                continue;
            }
            if next.item.touches().any(|id| touched.contains(&id)) {
                rest.push_back(next);
            } else {
                touched.extend(next.item.touches());
                group.push(next);
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        group
    }
}

/// The right to run one commit or one group. What waits has it afterwards.
struct Slot {
    groups: Arc<Groups>,
    handle: Handle,
    runtime: Option<Id>,
}

impl Slot {
    /// Runs it, and keeps the slot no longer than others have patience.
    async fn hold<T>(self, running: impl Future<Output = T>) -> T {
        let mut running = pin!(running);
        match tokio::time::timeout(PATIENCE, &mut running).await {
            Ok(outcome) => outcome,
            Err(_) => {
                drop(self);
                running.await
            }
        }
    }

    async fn run(self, group: Vec<Waiting>) {
        let engine = Arc::clone(&self.groups.engine);
        let items: Vec<_> = group.iter().map(|waiting| Arc::clone(&waiting.item)).collect();
        if let [item] = items.as_slice() {
            let outcome = self.hold(alone(&engine, Arc::clone(item))).await;
            return group.into_iter().for_each(|waiting| waiting.answer(outcome.clone()));
        }
        match self.hold(engine.write(COMMIT, CommitGroup::of(items))).await {
            Ok(outcomes) => {
                let mut left = Vec::new();
                for (waiting, outcome) in group.into_iter().zip(outcomes) {
                    match outcome {
                        Some(committed) => waiting.answer(Ok(committed)),
                        None => left.push(waiting),
                    }
                }
                join_all(left.into_iter().map(|waiting| waiting.alone(&engine))).await;
            }
            Err(error) => group.into_iter().for_each(|waiting| waiting.answer(Err(error.clone()))),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(group) = self.groups.next(self.runtime) else { return };
        let slot = Self { groups: Arc::clone(&self.groups), handle: self.handle.clone(), runtime: self.runtime };
        // In a runtime that has ended, the task is dropped, and the next one after it, until nobody waits.
        self.handle.spawn(slot.run(group));
    }
}

impl Waiting {
    fn answer(self, outcome: Result<Committed>) {
        // A caller who has gone needs none.
        let _ = self.answer.send(outcome);
    }

    async fn alone(self, engine: &Engine) {
        if !self.answer.is_closed() {
            let outcome = alone(engine, Arc::clone(&self.item)).await;
            self.answer(outcome);
        }
    }
}
