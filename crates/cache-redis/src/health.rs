//! Whether Redis is in use, and through which connections.

use crate::{RedisTierMetrics, connections::Connections, failure::Failure};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// The minimum time between two log lines about writes that Redis rejects.
const REFUSALS: Duration = Duration::from_secs(60);

/// Redis is out of use after the first failure, and in use again with new connections that were tested.
pub(crate) struct Health {
    state: watch::Sender<State>,
    refused: Mutex<Option<Instant>>,
    metrics: RedisTierMetrics,
}

#[derive(Default)]
struct State {
    /// The connections while Redis is in use.
    connections: Option<Arc<Connections>>,
    /// Since when it is out of use, and the logged reason.
    outage: Option<(Instant, String)>,
}

impl Health {
    pub(crate) fn new(metrics: RedisTierMetrics) -> Self {
        Self { state: watch::Sender::new(State::default()), refused: Mutex::default(), metrics }
    }

    /// The connections, while Redis is in use.
    pub(crate) fn connections(&self) -> Option<Arc<Connections>> {
        self.state.borrow().connections.clone()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state.borrow().connections.is_some()
    }

    /// Why Redis is out of use, when a failure was the cause.
    pub(crate) fn reason(&self) -> Option<String> {
        self.state.borrow().outage.as_ref().map(|(_, reason)| reason.clone())
    }

    pub(crate) async fn up(&self) {
        // It cannot end: the sender is here.
        let _ = self.state.subscribe().wait_for(|state| state.connections.is_some()).await;
    }

    pub(crate) async fn down(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.connections.is_none()).await;
    }

    /// An operation on `connections` failed, or an attempt to open some. From now on Redis is out of use.
    pub(crate) fn fail(&self, connections: Option<&Arc<Connections>>, failure: &Failure) {
        self.metrics.failures.inc();
        self.state.send_if_modified(|state| {
            // An operation that began before Redis returned to use says nothing about the connections of today.
            if let (Some(current), Some(failed)) = (&state.connections, connections)
                && !Arc::ptr_eq(current, failed)
            {
                return false;
            }
            let reason = failure.to_string();
            state.connections = None;
            self.metrics.up.set(0);
            match &mut state.outage {
                // The cause that callers met is often that of a connection which just broke; the attempts to open
                // another know better.
                Some((_, known)) => {
                    if connections.is_none() {
                        *known = reason;
                    }
                }
                None => {
                    self.metrics.outages.inc();
                    tracing::warn!(%reason, "the shared cache tier is unreachable; the service continues without it");
                    state.outage = Some((Instant::now(), reason));
                }
            }
            true
        });
    }

    /// Redis responds on these connections.
    pub(crate) fn return_to_use(&self, connections: Arc<Connections>) {
        self.state.send_modify(|state| {
            state.connections = Some(connections);
            self.metrics.up.set(1);
            if let Some((since, _)) = state.outage.take() {
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(seconds, "the shared cache tier is in use again");
            }
        });
    }

    /// Redis works but rejected a write.
    pub(crate) fn refuse(&self, reason: impl fmt::Display) {
        self.metrics.refused.inc();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_none_or(|last| last.elapsed() >= REFUSALS) {
            *refused = Some(Instant::now());
            tracing::warn!(%reason, "the shared cache tier accepts no values for now; it is still read");
        }
    }
}
