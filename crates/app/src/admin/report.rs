//! What `GET /admin/storage` answers. A part that a service does not have is left out.

use character_domain::Timestamp;
use character_error_reporter::{Chain, Remembered};
use character_storage_port::{ConsumerName, Epoch, Tick};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) service: &'static str,
    pub(crate) version: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) in_flight: InFlight,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breakers: Option<Breakers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_budget: Option<RetryBudget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<Cache>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    /// The log of commits of an own database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<Log>,
    /// The thinning of versions in an own database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) versions: Option<Versions>,
    /// The Message Hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hub: Option<Hub>,
    /// By cause, the newest first.
    pub(crate) failures: Vec<Remembered>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InFlight {
    /// Of the port, answers from the cache included.
    pub(crate) operations: i64,
    /// To the Storage Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_calls: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Breakers {
    pub(crate) reads: Breaker,
    pub(crate) changes: Breaker,
}

#[derive(Debug, Serialize)]
pub(crate) struct Breaker {
    pub(crate) state: &'static str,
    /// Whether an operator keeps it in this state.
    pub(crate) is_forced: bool,
    pub(crate) since: Timestamp,
    pub(crate) consecutive_failures: u32,
    /// The failure that opened it, and what caused that failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opened_by: Option<Chain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_to_probe: Option<f64>,
    pub(crate) probes: u64,
    pub(crate) rejected: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct RetryBudget {
    pub(crate) left: f64,
    pub(crate) capacity: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Cache {
    pub(crate) local: LocalTier,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shared: Option<SharedTier>,
    pub(crate) log: HeardLog,
}

/// What the cache has heard of the log of commits.
#[derive(Debug, Serialize)]
pub(crate) struct HeardLog {
    /// Whether cached values count as current.
    pub(crate) trusted: bool,
    pub(crate) epoch: Option<Epoch>,
    /// The tick below which every commit was received.
    pub(crate) settled: Tick,
    pub(crate) seconds_since_heard: Option<f64>,
    /// Changes that met the slot of another key in the table of last changes.
    pub(crate) change_collisions: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Log {
    /// Exact to 10,000, then estimated.
    pub(crate) entries: u64,
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) slowest_consumer: Option<ConsumerName>,
    pub(crate) slowest_consumer_behind_since: Option<Timestamp>,
    pub(crate) parked_events: u64,
    /// Whether the database notifies of commits of other processes; else it is polled. `null`: not known.
    pub(crate) notify: Option<bool>,
}

/// The job that removes versions beyond `VERSIONS_KEEP`, in all processes.
#[derive(Debug, Serialize)]
pub(crate) struct Versions {
    pub(crate) pass_active: bool,
    /// When the last complete pass ended. `null`: there was none.
    pub(crate) last_pass: Option<Timestamp>,
    /// Since the database exists.
    pub(crate) removed: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Hub {
    pub(crate) address: String,
    pub(crate) relay: Relay,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inbox: Option<Inbox>,
}

/// The relay of this process.
#[derive(Debug, Serialize)]
pub(crate) struct Relay {
    pub(crate) state: String,
    pub(crate) since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Events that were read from the log and are not published yet.
    pub(crate) pending_events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest_pending: Option<Timestamp>,
    /// Since the start of the process.
    pub(crate) published_events: u64,
    /// Since the start of the process.
    pub(crate) parked_events: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Inbox {
    pub(crate) state: String,
    pub(crate) in_flight: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct LocalTier {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct SharedTier {
    pub(crate) up: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Database {
    pub(crate) max: usize,
    pub(crate) open: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
}
