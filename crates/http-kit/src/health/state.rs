//! What a service depends on, and whether it accepts requests.

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};
use utoipa::ToSchema;

/// How long one probe may take. One second.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a result is reused, so that health checks are no load on the dependency.
const KEPT: Duration = Duration::from_secs(1);

/// The detail of a dependency that does not answer within [`PROBE_TIMEOUT`].
#[must_use]
pub fn no_answer() -> String {
    format!("no answer within {} s", PROBE_TIMEOUT.as_secs())
}

/// Asks one dependency whether it works; the error is a sentence for an operator, without secrets.
pub type ProbeFn = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A dependency and how to ask it.
#[derive(Clone)]
pub struct HealthCheck {
    /// The name, such as `storage` or `redis`.
    pub name: &'static str,
    /// `true`: requests fail without it. `false`: they are slower.
    pub critical: bool,
    /// Probes it. A probe may take one second.
    pub probe: ProbeFn,
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck")
            .field("name", &self.name)
            .field("critical", &self.critical)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Checked {
    check: HealthCheck,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Checked {
    /// One probe at a time, and at most one in [`KEPT`]. A caller that arrives meanwhile gets its result.
    async fn outcome(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, outcome)) = last.as_ref()
            && at.elapsed() < KEPT
        {
            return outcome.clone();
        }
        let late = |_| Err(no_answer());
        let outcome = tokio::time::timeout(PROBE_TIMEOUT, (self.check.probe)()).await.unwrap_or_else(late);
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

/// What the service depends on, and whether it wants requests.
#[derive(Debug)]
pub struct Health {
    version: &'static str,
    checks: Vec<Checked>,
    stopping: AtomicBool,
    /// What the service waits for before it accepts requests.
    pub(super) waits_for: Option<&'static str>,
    ending: watch::Sender<bool>,
}

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "status": "degraded", "version": "0.1.0",
    "dependencies": { "storage": { "status": "down", "critical": true, "detail": "no answer within 1 s" } },
}))]
pub struct HealthBody {
    /// `ok`, or `degraded` when a dependency is down.
    pub status: HealthStatus,
    /// The version of the service.
    pub version: &'static str,
    /// Each dependency by name.
    pub dependencies: BTreeMap<&'static str, DependencyBody>,
}

/// Whether a dependency is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Every dependency works.
    Ok,
    /// A dependency is down.
    Degraded,
}

/// Whether a dependency works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DependencyStatus {
    /// It responds.
    Up,
    /// It does not respond, or fails.
    Down,
}

impl DependencyStatus {
    /// The word in the response: `up` or `down`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// The state of a dependency.
#[derive(Debug, Serialize, ToSchema)]
pub struct DependencyBody {
    /// `up` or `down`.
    pub status: DependencyStatus,
    /// `true`: requests fail without it. `false`: they are slower.
    pub critical: bool,
    /// The error, when it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

impl Health {
    /// Of a service of this version, with these dependencies.
    #[must_use]
    pub fn new(version: &'static str, checks: Vec<HealthCheck>) -> Self {
        let checks = checks.into_iter().map(|check| Checked { check, last: Mutex::new(None) }).collect();
        Self { version, checks, stopping: AtomicBool::new(false), ending: watch::Sender::new(false), waits_for: None }
    }

    /// The same of a service that has not started yet, since it waits for something, such as `its database`:
    /// `/health/ready` answers 503.
    #[must_use]
    pub fn waiting_for(self, what: &'static str) -> Self {
        Self { waits_for: Some(what), ..self }
    }

    /// The version of the service.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// From now on `/health/ready` answers 503, so that no new requests are sent here.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// From now on no new requests are accepted: see [`ended`](Self::ended).
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Waits for [`end`](Self::end): what never ends by itself, such as a stream of events, ends then.
    pub async fn ended(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// Reports whether the service accepts requests. It stops accepting them when it shuts down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waits_for.is_none() && !self.stopping.load(Ordering::Relaxed)
    }

    /// Asks every dependency, all at once.
    pub async fn report(&self) -> HealthBody {
        let outcomes = join_all(self.checks.iter().map(Checked::outcome)).await;
        let dependencies: BTreeMap<_, _> = self
            .checks
            .iter()
            .zip(outcomes)
            .map(|(checked, outcome)| {
                let status = if outcome.is_ok() { DependencyStatus::Up } else { DependencyStatus::Down };
                let HealthCheck { name, critical, .. } = checked.check;
                (name, DependencyBody { status, critical, detail: outcome.err() })
            })
            .collect();
        let down = dependencies.values().any(|dependency| dependency.status == DependencyStatus::Down);
        HealthBody {
            status: if down { HealthStatus::Degraded } else { HealthStatus::Ok },
            version: self.version,
            dependencies,
        }
    }
}
