//! `/health`, `/health/live`, `/health/ready` and `/metrics`.
//!
//! *Live* means that the process responds. *Ready* means that it accepts requests: until it shuts down. An outage of
//! the storage does not make it unready, because it still serves cached values, and because taking every instance out
//! of service would only hide the cause; `/health` reports it as `degraded`.

mod prometheus_text;
mod state;

pub use state::{
    DependencyBody, DependencyStatus, Health, HealthBody, HealthCheck, HealthStatus, PROBE_TIMEOUT, ProbeFn, no_answer,
};

use crate::{Endpoint, Endpoints, Problem};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    http::header::{ACCEPT, CACHE_CONTROL, VARY},
};
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

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
