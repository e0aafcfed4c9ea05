//! What a relay is doing, for operators.

use crate::metrics::Counters;
use character_message_hub::{ErrorKind, HubError};
use character_storage_port::{DomainEvent, Timestamp, now};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Why the hub takes no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// It cannot be reached, or does not answer as it should.
    Unavailable,
    /// It keeps as many events as it may.
    Full,
    /// It does not accept the credentials.
    Unauthorized,
}

impl WaitReason {
    /// The reason behind an error of the hub.
    #[must_use]
    pub fn of(error: &HubError) -> Self {
        match error.kind() {
            ErrorKind::Full => Self::Full,
            ErrorKind::Unauthorized | ErrorKind::Forbidden => Self::Unauthorized,
            _ => Self::Unavailable,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// What a relay is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelayState {
    /// It has not asked for the lease yet.
    Starting,
    /// It holds the lease and publishes what is committed.
    Publishing,
    /// It holds the lease, or would take it, and the hub takes no events.
    WaitingForHub(WaitReason),
    /// The storage does not answer.
    WaitingForStorage,
    /// Another process holds the lease.
    Standby,
    /// It has ended.
    Stopped,
}

impl RelayState {
    /// Every state, for metrics.
    pub const ALL: &'static [Self] = &[
        Self::Starting,
        Self::Publishing,
        Self::WaitingForHub(WaitReason::Unavailable),
        Self::WaitingForHub(WaitReason::Full),
        Self::WaitingForHub(WaitReason::Unauthorized),
        Self::WaitingForStorage,
        Self::Standby,
        Self::Stopped,
    ];

    /// A name for metrics, such as `hub_full`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Publishing => "publishing",
            Self::WaitingForHub(WaitReason::Unavailable) => "hub_unavailable",
            Self::WaitingForHub(WaitReason::Full) => "hub_full",
            Self::WaitingForHub(WaitReason::Unauthorized) => "hub_unauthorized",
            Self::WaitingForStorage => "storage_unavailable",
            Self::Standby => "standby",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for RelayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Publishing => f.write_str("publishing"),
            Self::WaitingForHub(reason) => write!(f, "waiting for the hub: {}", reason.as_str()),
            Self::WaitingForStorage => f.write_str("waiting for the storage"),
            Self::Standby => f.write_str("standby: another process publishes"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// A relay at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RelayStatus {
    /// What it is doing.
    pub state: RelayState,
    /// Since when it has been doing that.
    pub since: Timestamp,
    /// The error behind a state of waiting.
    pub reason: Option<String>,
    /// The number of events that were read from the log and are not published yet.
    pub pending: u64,
    /// When the commit of the oldest of them was committed, by the clock of the storage.
    pub oldest_pending: Option<Timestamp>,
    /// The number of events that this process has published, duplicates included.
    pub published: u64,
    /// The number of events that this process has parked.
    pub parked: u64,
}

/// Is called when an event is parked, for reports of errors.
pub trait ParkObserver: Send + Sync {
    /// The event was parked for this reason. `error`: the last answer of the hub; `None` when the event cannot be sent to any
    /// hub.
    fn parked(&self, event: &DomainEvent, reason: &str, error: Option<&HubError>);
}

/// Reads the status of a relay, also while it runs and after it has ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RelayHandle(pub(crate) Arc<Shared>);

impl RelayHandle {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> RelayStatus {
        let Observed { state, since, reason, pending, oldest } = self.0.observed().clone();
        let (published, parked) = (self.0.counters.published.get(), self.0.counters.parked.get());
        RelayStatus { state, since, reason, pending, oldest_pending: oldest, published, parked }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    observed: Mutex<Observed>,
    pub(crate) counters: Counters,
}

#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) state: RelayState,
    since: Timestamp,
    reason: Option<String>,
    pub(crate) pending: u64,
    pub(crate) oldest: Option<Timestamp>,
}

impl Default for Shared {
    fn default() -> Self {
        let observed = Observed { state: RelayState::Starting, since: now(), reason: None, pending: 0, oldest: None };
        Self { observed: Mutex::new(observed), counters: Counters::default() }
    }
}

impl Shared {
    pub(crate) fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_pending(&self, pending: usize, oldest: Option<Timestamp>) {
        let mut observed = self.observed();
        observed.pending = pending as u64;
        observed.oldest = oldest;
    }

    /// Changes the state, and logs it when it is another one.
    pub(crate) fn enter(&self, state: RelayState, reason: Option<String>) {
        {
            let mut observed = self.observed();
            observed.reason.clone_from(&reason);
            if observed.state == state {
                return;
            }
            (observed.state, observed.since) = (state, now());
        }
        match state {
            RelayState::WaitingForHub(_) | RelayState::WaitingForStorage => {
                tracing::warn!(reason, "relay of events: {state}");
            }
            _ => tracing::info!("relay of events: {state}"),
        }
    }
}
