//! `/health`, `/health/live`, `/health/ready` and `/metrics`.
//!
//! *Live* means that the process responds. *Ready* means that it accepts requests: until it shuts down. An outage of
//! the storage does not make it unready, because it still serves cached values, and because taking every instance out
//! of service would only hide the cause; `/health` reports it as `degraded`.

mod prometheus_text;

use crate::{Endpoint, Endpoints, Problem};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    http::header::{ACCEPT, CACHE_CONTROL, VARY},
};
use futures_util::future::{BoxFuture, join_all};
use prometheus_client::registry::Registry;
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

/// How long one probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a result is reused, so that health checks are no load on the dependency.
const KEPT: Duration = Duration::from_secs(1);

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
        let late = |_| Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs()));
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
    waits_for: Option<&'static str>,
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

/// The response of a probe that succeeds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ProbeBody {
    /// Always `ok`.
    status: ProbeStatus,
}

/// The state of a process that accepts requests.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProbeStatus {
    /// The probe succeeded.
    Ok,
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

/// Which paths one listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthPaths {
    /// `/health`, `/health/live`, `/health/ready` and `/metrics`.
    All,
    /// `/health`, `/health/live` and `/health/ready`, none of which names a dependency or the version; what they leave out is
    /// served elsewhere.
    ProbesOnly,
}

/// These paths, for any service.
pub fn register(endpoints: &mut Endpoints, paths: HealthPaths, health: &Arc<Health>, registry: &Arc<Registry>) {
    if paths == HealthPaths::ProbesOnly {
        // Liveness probes ask for this path, whatever else is public.
        Endpoint::at("/health").get(live).polled().register(endpoints);
        register_probes(endpoints, health);
    } else {
        register_states(endpoints, health);
        let shown = Arc::clone(registry);
        Endpoint::at("/metrics").get(move |request| metrics(request, Arc::clone(&shown))).polled().register(endpoints);
    }
}

/// `/health`, `/health/live` and `/health/ready`, without metrics.
pub fn register_states(endpoints: &mut Endpoints, health: &Arc<Health>) {
    let reported = Arc::clone(health);
    Endpoint::at("/health").get(move || report(Arc::clone(&reported))).polled().register(endpoints);
    register_probes(endpoints, health);
}

/// `/health/live` and `/health/ready` alone.
pub fn register_probes(endpoints: &mut Endpoints, health: &Arc<Health>) {
    let asked = Arc::clone(health);
    Endpoint::at("/health/live").get(live).polled().register(endpoints);
    Endpoint::at("/health/ready").get(move || ready(Arc::clone(&asked))).polled().register(endpoints);
}

/// Returns the state of the service and its dependencies.
///
/// The HTTP status is 200 also when a dependency is down: read `status`.
#[utoipa::path(get, path = "/health", operation_id = "getHealth", tag = "operations", responses((status = 200, description = "The state of the service", body = HealthBody)))]
pub async fn report(health: Arc<Health>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(health.report().await)
}

/// Reports whether the process responds.
///
/// It says nothing about dependencies.
#[utoipa::path(get, path = "/health/live", operation_id = "getLiveness", tag = "operations", responses((status = 200, description = "The process responds", body = ProbeBody)))]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(ProbeBody { status: ProbeStatus::Ok })
}

/// Reports whether the service accepts requests.
///
/// It stops accepting them when it shuts down.
#[utoipa::path(get, path = "/health/ready", operation_id = "getReadiness", tag = "operations", responses(
    (status = 200, description = "The service accepts requests", body = ProbeBody),
    (status = 503, description = "`stopping`: the service is shutting down; `starting`: it waits for its database", body = ref("#/components/schemas/ProblemBody"), content_type = "application/problem+json"),
))]
pub async fn ready(health: Arc<Health>) -> Result<HttpResponse, Problem> {
    if health.is_ready() {
        return Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(ProbeBody { status: ProbeStatus::Ok }));
    }
    Err(match health.waits_for {
        Some(what) => Problem::starting(what),
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "The service is stopping"),
    })
}

/// Returns the metrics of the service.
///
/// They are OpenMetrics text when the client accepts that, otherwise the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "operations", responses(
    (status = 200, description = "The metrics", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    )),
))]
pub async fn metrics(request: HttpRequest, registry: Arc<Registry>) -> Result<HttpResponse, Problem> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).map_err(|_| {
        tracing::error!("the metrics cannot be written");
        Problem::internal()
    })?;
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let (media_type, text) = if accepted.any(|value| value.contains("application/openmetrics-text")) {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", prometheus_text::of_open_metrics(&text))
    };
    Ok(HttpResponse::Ok().content_type(media_type).insert_header((VARY, "accept")).body(text))
}
