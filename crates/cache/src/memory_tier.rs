//! A shared tier in memory, for tests.

use crate::{Lock, Lookup, SharedTier};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a lock lasts when its owner never releases it.
const LOCK: Duration = Duration::from_secs(1);

/// A shared tier in memory: the reference implementation of [`SharedTier`]. Clones share one content and behave as the
/// tiers of different processes.
#[derive(Clone, Debug, Default)]
pub struct MemorySharedTier(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    values: HashMap<String, Bytes>,
    locks: HashMap<String, Instant>,
}

impl MemorySharedTier {
    /// An empty tier.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SharedTier for MemorySharedTier {
    async fn get(&self, name: &str) -> Lookup {
        self.state().values.get(name).cloned().map_or(Lookup::Absent, Lookup::Found)
    }

    async fn put(&self, name: &str, value: Bytes) -> bool {
        let mut state = self.state();
        state.values.insert(name.to_owned(), value);
        state.locks.remove(name);
        true
    }

    async fn lock(&self, name: &str) -> Lock {
        let now = Instant::now();
        let mut state = self.state();
        if state.locks.get(name).is_some_and(|until| *until > now) {
            return Lock::Busy;
        }
        state.locks.insert(name.to_owned(), now + LOCK);
        Lock::Taken
    }

    async fn unlock(&self, name: &str) {
        self.state().locks.remove(name);
    }

    async fn remove(&self, names: &[String]) {
        let mut state = self.state();
        names.iter().for_each(|name| drop(state.values.remove(name)));
    }

    async fn clear(&self) {
        self.state().values.clear();
    }
}
