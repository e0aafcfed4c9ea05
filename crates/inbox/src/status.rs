//! What an inbox is doing, for operators.

use crate::metrics::Counters;
use character_error_reporter::redacted;
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// What an inbox is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboxState {
    /// It has not subscribed yet.
    Starting,
    /// It receives events.
    Receiving,
    /// Another process receives.
    Standby,
    /// The storage does not say which process receives; the code of the error.
    WaitingForStorage(&'static str),
    /// The hub delivers nothing; the code of the error.
    WaitingForHub(&'static str),
    /// It has ended.
    Stopped,
}

impl fmt::Display for InboxState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Receiving => f.write_str("receiving"),
            Self::Standby => f.write_str("standby: another process receives"),
            Self::WaitingForStorage(code) => write!(f, "waiting for the storage: {code}"),
            Self::WaitingForHub(code) => write!(f, "waiting for the hub: {code}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// Reads the state of an inbox, also while it runs and after it has ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InboxHandle(pub(crate) Arc<Shared>);

impl InboxHandle {
    /// The state now.
    #[must_use]
    pub fn state(&self) -> InboxState {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of events that are being handled.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.0.counters.in_flight.get()
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<InboxState>,
    pub(crate) counters: Counters,
}

impl Default for Shared {
    fn default() -> Self {
        Self { state: Mutex::new(InboxState::Starting), counters: Counters::default() }
    }
}

impl Shared {
    /// Changes the state, and logs it when it is another one.
    pub(crate) fn enter(&self, state: InboxState, error: Option<&(dyn Error + 'static)>) {
        {
            let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if *current == state {
                return;
            }
            current.clone_from(&state);
        }
        self.counters.receiving.set(i64::from(state == InboxState::Receiving));
        match error {
            Some(error) => tracing::warn!(error = %redacted(error), "inbox of events: {state}"),
            None => tracing::info!("inbox of events: {state}"),
        }
    }
}
