//! One instance of a service: where it is, how it is, and how much it has to do.

use crate::config::InstanceUrl;
use character_message_hub_wire::InstanceState;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How long an instance is set aside after its first failure. Each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An instance of a service.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) url: InstanceUrl,
    state: Mutex<State>,
    in_flight: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// When its registration ends; `None`: it is of the configuration.
    lease: Option<Instant>,
    /// Until when it is set aside.
    aside: Option<Instant>,
    /// Failures of connections since the last success.
    failures: u32,
    /// Whether its last health probe failed. Kept apart from the failures of connections, because an instance that is not ready
    /// may still reply.
    unready: bool,
}

impl Instance {
    pub(super) fn new(id: String, url: InstanceUrl, ttl: Option<Duration>) -> Self {
        let lease = ttl.map(|ttl| Instant::now() + ttl);
        let state = Mutex::new(State { lease, aside: None, failures: 0, unready: false });
        Self { id, url, state, in_flight: AtomicUsize::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of it is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its registration holds.
    pub(super) fn is_registered(&self, now: Instant) -> bool {
        self.state().lease.is_none_or(|until| until > now)
    }

    pub(super) fn is_of_configuration(&self) -> bool {
        self.state().lease.is_none()
    }

    pub(super) fn prolong(&self, ttl: Duration) {
        self.state().lease = Some(Instant::now() + ttl);
    }

    /// Prolongs its registration, unless it holds for longer.
    pub(super) fn prolong_to_at_least(&self, ttl: Duration) {
        let mut state = self.state();
        state.lease = state.lease.max(Some(Instant::now() + ttl));
    }

    pub(super) fn is_healthy(&self, now: Instant) -> bool {
        let state = self.state();
        !state.unready && state.aside.is_none_or(|until| until <= now)
    }

    pub(super) fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// It replied to a request. It is as ready as its last health probe found it.
    pub(super) fn replied(&self) {
        let mut state = self.state();
        (state.aside, state.failures) = (None, 0);
    }

    /// Its health probe succeeded.
    pub(super) fn became_ready(&self) {
        let mut state = self.state();
        (state.aside, state.failures, state.unready) = (None, 0, false);
    }

    /// Its health probe failed: it is set aside until one succeeds.
    pub(super) fn became_unready(&self) {
        self.state().unready = true;
    }

    /// It could not be reached, or broke a connection off. Returns for how long it is set aside.
    pub(super) fn failed(&self) -> Duration {
        let mut state = self.state();
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(10)).min(LONGEST_PAUSE);
        state.failures = state.failures.saturating_add(1);
        state.aside = Some(Instant::now() + pause);
        pause
    }

    pub(super) fn report(&self, now: Instant) -> InstanceState {
        let ttl_ms = self.state().lease.map(|until| until.saturating_duration_since(now));
        InstanceState {
            id: self.id.clone(),
            url: self.url.as_str().to_owned(),
            healthy: self.is_healthy(now),
            in_flight: self.load(),
            ttl_ms: ttl_ms.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// One request in flight at an instance, from before it is sent to the last byte of the reply.
#[derive(Debug)]
pub(super) struct Loaded(Arc<Instance>);

impl Loaded {
    pub(super) fn new(instance: &Arc<Instance>) -> Self {
        instance.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(instance))
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_fails_is_set_aside_for_longer_each_time_and_a_success_ends_it() {
        let instance = Instance::new("a".into(), "http://127.0.0.1:1".parse().unwrap(), None);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(instance.failed(), Duration::from_secs(seconds));
            assert!(!instance.is_healthy(Instant::now()));
            tokio::time::advance(Duration::from_secs(seconds)).await;
            assert!(instance.is_healthy(Instant::now()));
        }
        instance.replied();
        assert_eq!(instance.failed(), FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_is_not_ready_is_set_aside_until_a_probe_succeeds() {
        let instance = Instance::new("a".into(), "http://127.0.0.1:1".parse().unwrap(), None);
        instance.became_unready();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(!instance.is_healthy(Instant::now()), "no time ends it");
        instance.failed();
        instance.replied();
        assert!(!instance.is_healthy(Instant::now()), "a reply ends failures of connections alone");
        instance.became_ready();
        assert!(instance.is_healthy(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_registration_ends_unless_it_is_repeated() {
        let ttl = Duration::from_secs(30);
        let instance = Instance::new("a".into(), "http://127.0.0.1:1".parse().unwrap(), Some(ttl));
        tokio::time::advance(ttl / 2).await;
        instance.prolong(ttl);
        tokio::time::advance(ttl - Duration::from_secs(1)).await;
        assert!(instance.is_registered(Instant::now()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!instance.is_registered(Instant::now()));
    }
}
