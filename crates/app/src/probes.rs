//! Liveness and readiness on a listener with a thread of its own, which the load of the API cannot delay.

use crate::http::{self, Connections, ListenerTls, SocketLimits, Threads};
use actix_server::Server;
use actix_service::apply;
use actix_web::{App, middleware::from_fn};
use character_http_kit::{Endpoints, Health, HttpMetrics, ProblemTypes, health, middleware};
use std::{net::TcpListener, sync::Arc, time::Duration};

/// Probes come one after the other.
pub(crate) const LIMITS: SocketLimits =
    SocketLimits { most: 16, patience: Duration::from_secs(2), keep_alive: Duration::from_secs(75) };

/// How long an active probe may take at a shutdown.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// A server of `/health/live` and `/health/ready`.
pub(crate) fn start(
    listener: TcpListener,
    health: Arc<Health>,
    types: ProblemTypes,
    tls: Option<ListenerTls>,
) -> std::io::Result<Server> {
    let application = move || {
        let mut endpoints = Endpoints::default();
        health::register_probes(&mut endpoints, &health);
        // These metrics are not shown: probes are no load.
        App::new().default_service(apply(from_fn(middleware::account(types, HttpMetrics::default())), endpoints))
    };
    let connections = Arc::new(Connections::new(LIMITS, types));
    http::start(listener, Threads::ONE, None, SHUTDOWN, connections, tls, application)
}
