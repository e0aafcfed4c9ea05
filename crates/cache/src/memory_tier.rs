use crate::{Fence, Invalidations, Key, LastKnown, Lease, Lookup, Settlement, SharedTier};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// How long a placeholder holds when its owner is never heard of again.
const LEASE: Duration = Duration::from_secs(60);

/// Nothing gets lost on the way from one handle to another, so they hear each other for good.
const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A shared tier in memory: what the words of [`SharedTier`] mean, small enough to be read. Handles made by
/// [`another`](Self::another) share one content and behave as the tiers of different processes.
#[derive(Debug, Default)]
pub struct MemorySharedTier {
    handle: Mutex<Option<usize>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Key, Slot>,
    sinks: Vec<Arc<dyn Invalidations>>,
}

#[derive(Debug, Default)]
struct Slot {
    value: Option<(Bytes, Instant)>,
    current: bool,
    placeholder: Option<(Uuid, Instant)>,
    /// Whether the value was current when the writer came.
    restorable: bool,
    /// Whether the placeholder is a writer's.
    written: bool,
    /// Whether another writer's placeholder was replaced, so that none of them knows the value.
    contended: bool,
}

impl MemorySharedTier {
    /// An empty tier.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same tier, as another process sees it.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { handle: Mutex::default(), state: Arc::clone(&self.state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sinks of all but this handle.
    fn others(&self, state: &State) -> Vec<Arc<dyn Invalidations>> {
        let own = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let others = state.sinks.iter().enumerate().filter(|(index, _)| Some(*index) != own);
        others.map(|(_, sink)| Arc::clone(sink)).collect()
    }

    fn tell<'a>(&self, state: &State, keys: impl Iterator<Item = &'a Key> + Clone) {
        for sink in self.others(state) {
            keys.clone().for_each(|key| sink.invalidate(key));
        }
    }
}

impl Slot {
    fn is_held_by(&self, token: Uuid) -> bool {
        self.placeholder.is_some_and(|(holder, _)| holder == token)
    }

    fn last(&self) -> Option<LastKnown> {
        self.value.as_ref().map(|(value, at)| LastKnown { value: value.clone(), age: at.elapsed() })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SharedTier for MemorySharedTier {
    async fn get_or_lease(&self, key: &Key, fresh: Duration) -> Lookup {
        let mut state = self.state();
        let slot = state.slots.entry(key.clone()).or_default();
        if let Some((value, at)) = slot.value.as_ref().filter(|(_, at)| slot.current && at.elapsed() <= fresh) {
            return Lookup::Hit { value: value.clone(), age: at.elapsed() };
        }
        let now = Instant::now();
        if slot.placeholder.is_some_and(|(_, until)| until > now) {
            let last = slot.last();
            return if slot.written { Lookup::Busy { last } } else { Lookup::Loading { last } };
        }
        let token = Uuid::new_v4();
        slot.placeholder = Some((token, now + LEASE));
        (slot.written, slot.contended) = (false, false);
        Lookup::Leased { lease: Lease(token), last: slot.last() }
    }

    async fn fill(&self, key: &Key, lease: Lease, value: Option<Bytes>) -> bool {
        let mut state = self.state();
        if !state.slots.get(key).is_some_and(|slot| slot.is_held_by(lease.0)) {
            return false;
        }
        match value {
            Some(value) => {
                let slot = Slot { value: Some((value, Instant::now())), current: true, ..Slot::default() };
                state.slots.insert(key.clone(), slot);
            }
            None => drop(state.slots.remove(key)),
        }
        true
    }

    async fn release(&self, key: &Key, lease: Lease) {
        let mut state = self.state();
        if let Some(slot) = state.slots.get_mut(key).filter(|slot| slot.is_held_by(lease.0)) {
            slot.placeholder = None;
        }
    }

    async fn fence(&self, keys: &[Key]) -> Fence {
        let mut state = self.state();
        let token = Uuid::new_v4();
        for key in keys {
            let slot = state.slots.entry(key.clone()).or_default();
            let now = Instant::now();
            slot.contended = slot.written && slot.placeholder.is_some_and(|(_, until)| until > now);
            slot.restorable = slot.current && !slot.contended;
            (slot.current, slot.written) = (false, true);
            slot.placeholder = Some((token, now + LEASE));
        }
        self.tell(&state, keys.iter());
        Fence(token)
    }

    async fn settle(&self, fence: Fence, keys: Vec<(Key, Settlement)>) {
        let mut state = self.state();
        for (key, settlement) in &keys {
            let own = state.slots.get(key).is_some_and(|slot| slot.is_held_by(fence.0));
            let alone = own && state.slots.get(key).is_some_and(|slot| !slot.contended);
            match settlement {
                Settlement::Store(value) if alone => {
                    let slot = Slot { value: Some((value.clone(), Instant::now())), current: true, ..Slot::default() };
                    state.slots.insert(key.clone(), slot);
                }
                Settlement::Store(_) | Settlement::Remove => drop(state.slots.remove(key)),
                Settlement::Restore => {
                    if own && let Some(slot) = state.slots.get_mut(key) {
                        (slot.placeholder, slot.current) = (None, slot.restorable);
                    }
                }
                Settlement::Doubt => {
                    if let Some(slot) = state.slots.get_mut(key) {
                        slot.current = false;
                        let writing = slot.written && slot.placeholder.is_some_and(|(_, until)| until > Instant::now());
                        if writing && !own {
                            (slot.contended, slot.restorable) = (true, false);
                        } else {
                            // A load's, too: it may have read before the write arrived.
                            slot.placeholder = None;
                        }
                    }
                }
            }
        }
        self.tell(&state, keys.iter().map(|(key, _)| key));
    }

    async fn remove(&self, keys: &[Key]) {
        let mut state = self.state();
        for key in keys {
            state.slots.remove(key);
        }
        self.tell(&state, keys.iter());
    }

    async fn clear(&self) {
        let mut state = self.state();
        state.slots.clear();
        for sink in self.others(&state) {
            sink.invalidate_all();
        }
    }

    fn attach(&self, sink: Arc<dyn Invalidations>) {
        let mut state = self.state();
        let index = state.sinks.len();
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(index);
        state.sinks.push(Arc::clone(&sink));
        drop(state);
        sink.channel_heard(Instant::now() + FOR_GOOD);
    }
}
