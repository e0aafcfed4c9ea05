//! A subscription that this server holds: until when it alone makes the deliveries.

use super::sessions::Session;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until this time, unless the record is renewed.
    Held(Instant),
    /// This server has given it up. What it has delivered can still be settled here.
    Released,
    /// Another server has taken it.
    Lost,
}

/// A subscription that this server holds.
#[derive(Debug)]
pub(crate) struct Holding {
    /// From when on it makes deliveries: the one before it that did not answer has stopped by then.
    from: Instant,
    state: watch::Sender<State>,
    used: Mutex<Instant>,
    /// The sessions that make deliveries by it, also those that a request alone still has.
    sessions: Mutex<Vec<Weak<Session>>>,
    /// Each delivery that can still be settled has it too.
    unsettled: Arc<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of the values behind these locks is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Holding {
    pub(super) fn new(from: Instant, until: Instant) -> Self {
        let (sessions, unsettled) = Default::default();
        Self {
            from,
            state: watch::Sender::new(State::Held(until)),
            used: Mutex::new(Instant::now()),
            sessions,
            unsettled,
        }
    }

    /// Whether this server alone makes the deliveries now. A record that was not renewed in time is perhaps renewed yet.
    pub(super) fn is_held(&self) -> bool {
        let now = Instant::now();
        matches!(*self.state.borrow(), State::Held(until) if self.from <= now && now < until)
    }

    /// Whether the holder before this one has stopped.
    pub(super) fn has_begun(&self) -> bool {
        self.from <= Instant::now()
    }

    /// Waits until this server alone makes the deliveries; for ever when the holding has ended.
    pub(super) async fn held(&self) {
        if self.is_held() {
            return;
        }
        sleep_until(self.from).await;
        let mut state = self.state.subscribe();
        let is_held = |state: &State| matches!(*state, State::Held(until) if Instant::now() < until);
        if state.wait_for(is_held).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn prolong(&self, until: Instant) {
        self.set(State::Held(until));
    }

    pub(super) fn release(&self) {
        self.set(State::Released);
    }

    pub(super) fn lose(&self) {
        self.set(State::Lost);
    }

    /// What has ended stays so.
    fn set(&self, next: State) {
        self.state.send_if_modified(|state| {
            let is_held = matches!(state, State::Held(_));
            if is_held {
                *state = next;
            }
            is_held
        });
    }

    pub(super) fn is_lost(&self) -> bool {
        *self.state.borrow() == State::Lost
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(*self.state.borrow(), State::Held(_))
    }

    /// Waits for the end of the holding.
    pub(super) async fn ended(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as `self`.
        drop(state.wait_for(|state| !matches!(state, State::Held(_))).await);
    }

    /// Notes a request.
    pub(super) fn use_at(&self, now: Instant) {
        *lock(&self.used) = now;
    }

    /// When a request has asked for it last.
    pub(super) fn used(&self) -> Instant {
        *lock(&self.used)
    }

    pub(super) fn add(&self, session: &Arc<Session>) {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        lock(&self.sessions).iter().filter_map(Weak::upgrade).collect()
    }

    /// To be kept with a delivery as long as it can be settled.
    pub(super) fn unsettled(&self) -> Arc<()> {
        Arc::clone(&self.unsettled)
    }

    /// Whether a delivery can still be settled.
    pub(super) fn is_unsettled(&self) -> bool {
        Arc::strong_count(&self.unsettled) > 1
    }
}
