use crate::RedisTierMetrics;
use character_cache::Key;
use std::{
    collections::HashSet,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::Notify, time::Instant};

/// Invalidations that could not be delivered.
#[derive(Debug, Default)]
pub(crate) enum Undelivered {
    #[default]
    None,
    Keys(HashSet<Key>),
    /// More than are remembered, so anything.
    Everything,
}

/// Whether Redis is in use. It goes out of use at the first failure, and comes back once a heartbeat got through
/// and everything undelivered was delivered.
#[derive(Debug)]
pub(crate) struct Health {
    up: AtomicBool,
    state: Mutex<State>,
    remembered: usize,
    pub(crate) failed: Notify,
    metrics: RedisTierMetrics,
}

#[derive(Debug, Default)]
struct State {
    undelivered: Undelivered,
    /// Since when it is out of use, once it was said so in the log.
    episode: Option<Instant>,
    /// Why it is out of use.
    reason: Option<String>,
}

impl Health {
    pub(crate) fn new(remembered: usize, metrics: RedisTierMetrics) -> Self {
        Self { up: AtomicBool::new(false), state: Mutex::default(), remembered, failed: Notify::new(), metrics }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    /// Why it is out of use, when a failure was the cause.
    pub(crate) fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// Redis failed: out of use from here on, said once.
    pub(crate) fn fail(&self, reason: &dyn fmt::Display) {
        self.metrics.failures.inc();
        let mut state = self.state();
        self.up.store(false, Ordering::SeqCst);
        self.metrics.up.set(0);
        state.reason = Some(reason.to_string());
        if state.episode.is_none() {
            state.episode = Some(Instant::now());
            self.metrics.episodes.inc();
            tracing::warn!(reason = %reason, "the shared cache tier is out of reach; going on without it");
        }
        drop(state);
        self.failed.notify_one();
    }

    /// Remembers what could not be delivered. While any is left, Redis is not in use.
    pub(crate) fn remember<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        let mut state = self.state();
        self.up.store(false, Ordering::SeqCst);
        self.metrics.up.set(0);
        if let Undelivered::None = state.undelivered {
            state.undelivered = Undelivered::Keys(HashSet::new());
        }
        if let Undelivered::Keys(known) = &mut state.undelivered {
            known.extend(keys.cloned());
            self.metrics.undelivered.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
            if known.len() > self.remembered {
                state.undelivered = Undelivered::Everything;
            }
        }
    }

    pub(crate) fn remember_everything(&self) {
        let mut state = self.state();
        self.up.store(false, Ordering::SeqCst);
        self.metrics.up.set(0);
        self.metrics.undelivered.set(self.metrics.undelivered.get().max(1));
        state.undelivered = Undelivered::Everything;
    }

    /// What is to be delivered now.
    pub(crate) fn take_undelivered(&self) -> Undelivered {
        std::mem::take(&mut self.state().undelivered)
    }

    /// Redis answers: it is in use again unless something is left to be delivered. Answers whether it is.
    pub(crate) fn return_to_use(&self) -> bool {
        let mut state = self.state();
        let Undelivered::None = state.undelivered else { return false };
        self.metrics.undelivered.set(0);
        self.metrics.up.set(1);
        self.up.store(true, Ordering::SeqCst);
        state.reason = None;
        if let Some(since) = state.episode.take() {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!(seconds, "the shared cache tier is in use again");
        }
        true
    }
}
