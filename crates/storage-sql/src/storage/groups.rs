//! Which operations of a kind run now, and which wait to be a group, which costs less than each alone. Each thread that answers
//! requests has its own queue, as it has its own connections.

use crate::engine::Engine;
use character_storage_port::{Applied, ErrorKind, Result, StorageError};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::{Handle, Id, RuntimeFlavor},
    sync::oneshot,
};
use uuid::Uuid;

/// How many operations or groups of a thread run at the same time, before others wait for them.
const SLOTS: usize = 2;
/// An operation or group that takes longer keeps no others waiting: another transaction may hold it up.
const PATIENCE: Duration = Duration::from_millis(20);
/// The maximum number of operations in a group.
const MAX_GROUP: usize = 32;

/// An operation that can be done together with others of its kind.
pub(super) trait Joint: Clone + Send + Sync + 'static {
    type Output: Send + 'static;

    fn name(&self) -> &'static str;

    /// Whether it is quick enough to be in a group.
    fn is_quick(&self) -> bool;

    /// Whether it can be in the group of `first`.
    fn suits(&self, first: &Self) -> bool;

    /// What no other operation of its group may touch.
    fn touches(&self) -> impl Iterator<Item = Uuid>;

    fn alone(self, engine: &Engine) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The outcome of each; `None`: it is to be done alone.
    fn together(items: Vec<Self>, engine: &Engine) -> impl Future<Output = Result<Vec<Option<Self::Output>>>> + Send;
}

pub(super) struct Groups<J: Joint> {
    engine: Arc<Engine>,
    /// How long an operation may wait and run.
    timeout: Duration,
    queues: Mutex<Queues<J>>,
}

impl<J: Joint> fmt::Debug for Groups<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

struct Queues<J: Joint> {
    /// By runtime of one thread; all others share one.
    of: HashMap<Option<Id>, Queue<J>>,
    tickets: u64,
}

/// Nothing waits unless every slot is taken.
struct Queue<J: Joint> {
    running: usize,
    waiting: VecDeque<Waiting<J>>,
}

struct Waiting<J: Joint> {
    ticket: u64,
    item: J,
    answer: oneshot::Sender<Result<J::Output>>,
}

enum Turn<J: Joint> {
    /// It runs beside the slots.
    Free,
    Now(Slot<J>),
    Later(Option<Id>, u64, oneshot::Receiver<Result<J::Output>>),
}

impl<J: Joint> Groups<J> {
    pub(super) fn over(engine: Arc<Engine>, timeout: Duration) -> Self {
        Self { engine, timeout, queues: Mutex::new(Queues { of: HashMap::new(), tickets: 0 }) }
    }

    pub(super) async fn run(self: &Arc<Self>, item: J) -> Result<J::Output> {
        let name = item.name();
        match self.turn(&item) {
            Turn::Free => item.alone(&self.engine).await,
            Turn::Now(slot) => slot.hold(item.alone(&self.engine)).await,
            Turn::Later(runtime, ticket, mut answer) => match tokio::time::timeout(self.timeout, &mut answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(StorageError::unavailable(name)
                    .with_applied(Applied::Unknown)
                    .with_detail("the thread that ran it has ended")),
                Err(_) => {
                    let applied = if self.withdraw(runtime, ticket) { Applied::No } else { Applied::Unknown };
                    let detail = format!("the operation took longer than the timeout of {:?}", self.timeout);
                    Err(StorageError::new(ErrorKind::Timeout, name).with_applied(applied).with_detail(detail))
                }
            },
        }
    }

    fn turn(self: &Arc<Self>, item: &J) -> Turn<J> {
        let can_wait = self.engine.gains_by_groups() && item.is_quick();
        let Some(handle) = Handle::try_current().ok().filter(|_| can_wait) else { return Turn::Free };
        let runtime = (handle.runtime_flavor() == RuntimeFlavor::CurrentThread).then(|| handle.id());
        let mut queues = self.queues();
        queues.tickets += 1;
        let ticket = queues.tickets;
        let queue = queues.of.entry(runtime).or_insert_with(|| Queue { running: 0, waiting: VecDeque::new() });
        if queue.running < SLOTS {
            queue.running += 1;
            return Turn::Now(Slot { groups: Arc::clone(self), handle, runtime });
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push_back(Waiting { ticket, item: item.clone(), answer });
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
    fn next(&self, runtime: Option<Id>) -> Option<Vec<Waiting<J>>> {
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

    fn queues(&self) -> MutexGuard<'_, Queues<J>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Joint> Queue<J> {
    /// The first that have nothing in common, without those whose callers have gone.
    fn take_group(&mut self) -> Vec<Waiting<J>> {
        let (mut group, mut touched, mut rest) = (Vec::<Waiting<J>>::new(), HashSet::new(), VecDeque::new());
        while group.len() < MAX_GROUP
            && let Some(next) = self.waiting.pop_front()
        {
            if next.answer.is_closed() {
                continue;
            }
            let suits = group.first().is_none_or(|first| next.item.suits(&first.item));
            if !suits || next.item.touches().any(|id| touched.contains(&id)) {
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

/// The right to run one operation or one group. What waits has it afterwards.
struct Slot<J: Joint> {
    groups: Arc<Groups<J>>,
    handle: Handle,
    runtime: Option<Id>,
}

impl<J: Joint> Slot<J> {
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

    async fn run(self, group: Vec<Waiting<J>>) {
        let engine = Arc::clone(&self.groups.engine);
        if group.len() == 1 {
            let alone = async {
                for waiting in group {
                    waiting.alone(&engine).await;
                }
            };
            return self.hold(alone).await;
        }
        let items = group.iter().map(|waiting| waiting.item.clone()).collect();
        match self.hold(J::together(items, &engine)).await {
            Ok(outcomes) => {
                let mut left = Vec::new();
                for (waiting, outcome) in group.into_iter().zip(outcomes) {
                    match outcome {
                        Some(output) => waiting.answer(Ok(output)),
                        None => left.push(waiting),
                    }
                }
                join_all(left.into_iter().map(|waiting| waiting.alone(&engine))).await;
            }
            Err(error) => group.into_iter().for_each(|waiting| waiting.answer(Err(error.clone()))),
        }
    }
}

impl<J: Joint> Drop for Slot<J> {
    fn drop(&mut self) {
        let Some(group) = self.groups.next(self.runtime) else { return };
        let slot = Self { groups: Arc::clone(&self.groups), handle: self.handle.clone(), runtime: self.runtime };
        // In a runtime that has ended, the task is dropped, and the next one after it, until nobody waits.
        self.handle.spawn(slot.run(group));
    }
}

impl<J: Joint> Waiting<J> {
    fn answer(self, outcome: Result<J::Output>) {
        // A caller who has gone needs none.
        let _ = self.answer.send(outcome);
    }

    async fn alone(self, engine: &Engine) {
        if !self.answer.is_closed() {
            let outcome = self.item.clone().alone(engine).await;
            self.answer(outcome);
        }
    }
}
