//! Which operations of a kind run now, and which wait to be a group, which costs less than each alone. Each thread that answers
//! requests has its own queue, as it has its own connections.

use crate::{engine::Engine, fault::Fault};
use character_storage_port::{Applied, Result, StorageError};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

/// How many operations or groups run at the same time for each thread of a runtime, before others wait for them.
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
    /// Is called after a success whose caller may have gone.
    succeeded: Box<dyn Fn() + Send + Sync>,
}

impl<J: Joint> fmt::Debug for Groups<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

struct Queues<J: Joint> {
    /// By runtime.
    of: HashMap<Id, Queue<J>>,
    tickets: u64,
}

/// Nothing waits unless every slot is taken.
struct Queue<J: Joint> {
    slots: usize,
    running: Vec<Running>,
    waiting: VecDeque<Waiting<J>>,
}

/// What has a slot.
struct Running {
    ticket: u64,
    since: Instant,
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
    Later(Handle, u64, oneshot::Receiver<Result<J::Output>>),
}

impl<J: Joint> Groups<J> {
    pub(super) fn over(engine: Arc<Engine>, timeout: Duration, succeeded: impl Fn() + Send + Sync + 'static) -> Self {
        let queues = Mutex::new(Queues { of: HashMap::new(), tickets: 0 });
        Self { engine, timeout, queues, succeeded: Box::new(succeeded) }
    }

    pub(super) async fn run(self: &Arc<Self>, item: J) -> Result<J::Output> {
        match self.turn(&item) {
            Turn::Free => item.alone(&self.engine).await,
            Turn::Now(slot) => slot.hold(item.alone(&self.engine)).await,
            Turn::Later(handle, ticket, answer) => self.wait(item.name(), &handle, ticket, answer).await,
        }
    }

    async fn wait(
        self: &Arc<Self>,
        name: &'static str,
        handle: &Handle,
        ticket: u64,
        mut answer: oneshot::Receiver<Result<J::Output>>,
    ) -> Result<J::Output> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match timeout_at(deadline.min(Instant::now() + PATIENCE), &mut answer).await {
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(_)) => {
                    let error = StorageError::unavailable(name).with_applied(Applied::Unknown);
                    return Err(error.with_detail("the thread that ran it has ended"));
                }
                Err(_) if Instant::now() < deadline => self.relieve(handle),
                Err(_) => {
                    let applied = if self.withdraw(handle.id(), ticket) { Applied::No } else { Applied::Unknown };
                    return Err(Fault::late("the operation", self.timeout).into_error(name, applied));
                }
            }
        }
    }

    fn turn(self: &Arc<Self>, item: &J) -> Turn<J> {
        let can_wait = self.engine.gains_by_groups() && item.is_quick();
        let Some(handle) = Handle::try_current().ok().filter(|_| can_wait) else { return Turn::Free };
        let mut queues = self.queues();
        queues.tickets += 1;
        let ticket = queues.tickets;
        let queue = queues.of.entry(handle.id()).or_insert_with(|| Queue::with_slots_for(&handle));
        if queue.has_slot() {
            queue.running.push(Running { ticket, since: Instant::now() });
            return Turn::Now(Slot { groups: Arc::clone(self), handle, ticket, is_begun: true });
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push_back(Waiting { ticket, item: item.clone(), answer });
        Turn::Later(handle, ticket, receiver)
    }

    /// Whether it was still waiting.
    fn withdraw(&self, runtime: Id, ticket: u64) -> bool {
        let mut queues = self.queues();
        let Some(queue) = queues.of.get_mut(&runtime) else { return false };
        let place = queue.waiting.iter().position(|waiting| waiting.ticket == ticket);
        place.and_then(|place| queue.waiting.remove(place)).is_some()
    }

    /// Begins what waits behind operations that have had their slots for too long. A caller that does not poll its operation keeps
    /// no others waiting so.
    fn relieve(self: &Arc<Self>, handle: &Handle) {
        let mut begun = Vec::new();
        let mut queues = self.queues();
        queues.tickets += 1;
        let mut ticket = queues.tickets;
        let Some(queue) = queues.of.get_mut(&handle.id()) else { return };
        while queue.has_slot() {
            let group = queue.take_group();
            if group.is_empty() {
                break;
            }
            queue.running.push(Running { ticket, since: Instant::now() });
            begun.push((ticket, group));
            ticket += 1;
        }
        queues.tickets = ticket;
        drop(queues);
        for (ticket, group) in begun {
            Slot { groups: Arc::clone(self), handle: handle.clone(), ticket, is_begun: false }.begin(group);
        }
    }

    /// The group that has this slot next; none: the slot is free, or was given to others before.
    fn next(&self, runtime: Id, ticket: u64) -> Option<Vec<Waiting<J>>> {
        let mut queues = self.queues();
        let queue = queues.of.get_mut(&runtime)?;
        let place = queue.running.iter().position(|running| running.ticket == ticket)?;
        let group = queue.take_group();
        if !group.is_empty() {
            queue.running.get_mut(place)?.since = Instant::now();
            return Some(group);
        }
        queue.running.swap_remove(place);
        if queue.running.is_empty() {
            queues.of.remove(&runtime);
        }
        None
    }

    /// Forgets what waits in a runtime that has ended.
    fn forget(&self, runtime: Id) {
        let queue = self.queues().of.remove(&runtime);
        // Outside the lock, because it wakes the callers.
        drop(queue);
    }

    fn queues(&self) -> MutexGuard<'_, Queues<J>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Joint> Queue<J> {
    fn with_slots_for(runtime: &Handle) -> Self {
        let slots = SLOTS * runtime.metrics().num_workers().max(1);
        Self { slots, running: Vec::with_capacity(slots), waiting: VecDeque::new() }
    }

    /// Whether one is free, or was taken too long ago.
    fn has_slot(&mut self) -> bool {
        if self.running.len() >= self.slots {
            self.running.retain(|running| running.since.elapsed() < PATIENCE);
        }
        self.running.len() < self.slots
    }

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
    ticket: u64,
    is_begun: bool,
}

impl<J: Joint> Slot<J> {
    /// Runs the group in a task of its own.
    fn begin(mut self, group: Vec<Waiting<J>>) {
        let handle = self.handle.clone();
        handle.spawn(async move {
            self.is_begun = true;
            self.run(group).await;
        });
    }

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
        let groups = Arc::clone(&self.groups);
        if group.len() == 1 {
            let alone = async {
                for waiting in group {
                    waiting.alone(&groups).await;
                }
            };
            return self.hold(alone).await;
        }
        let items = group.iter().map(|waiting| waiting.item.clone()).collect();
        match self.hold(J::together(items, &groups.engine)).await {
            Ok(outcomes) => {
                if outcomes.iter().any(Option::is_some) {
                    (groups.succeeded)();
                }
                let mut left = Vec::new();
                for (waiting, outcome) in group.into_iter().zip(outcomes) {
                    match outcome {
                        Some(output) => waiting.answer(Ok(output)),
                        None => left.push(waiting),
                    }
                }
                join_all(left.into_iter().map(|waiting| waiting.alone(&groups))).await;
            }
            Err(error) => group.into_iter().for_each(|waiting| waiting.answer(Err(error.clone()))),
        }
    }
}

impl<J: Joint> Drop for Slot<J> {
    fn drop(&mut self) {
        let runtime = self.handle.id();
        if !self.is_begun {
            // The runtime has ended and dropped the task; it would drop each further one, too.
            return self.groups.forget(runtime);
        }
        let Some(group) = self.groups.next(runtime, self.ticket) else { return };
        let (groups, handle) = (Arc::clone(&self.groups), self.handle.clone());
        Self { groups, handle, ticket: self.ticket, is_begun: false }.begin(group);
    }
}

impl<J: Joint> Waiting<J> {
    fn answer(self, outcome: Result<J::Output>) {
        // A caller who has gone needs none.
        let _ = self.answer.send(outcome);
    }

    async fn alone(self, groups: &Groups<J>) {
        if !self.answer.is_closed() {
            let outcome = self.item.clone().alone(&groups.engine).await;
            if outcome.is_ok() {
                (groups.succeeded)();
            }
            self.answer(outcome);
        }
    }
}
