//! Waits at the start for a database that is down, and answers probes meanwhile.

use crate::{
    config::StorageServiceConfig,
    http::{self, Connections, ListenerTls, SocketLimits, Threads},
    probes,
};
use actix_server::ServerHandle;
use actix_service::apply;
use actix_web::{App, dev::ServiceRequest, middleware::from_fn};
use character_credentials::ClientCertificates;
use character_error_reporter::redacted;
use character_http_kit::{Endpoints, Health, HealthCheck, HttpMetrics, Problem, ProblemTypes, health, middleware};
use character_storage_port::StorageError;
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage, may_come_back};
use futures_util::FutureExt;
use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// What the service waits for, in its answers.
const DATABASE: &str = "its database";

/// The pause after the first attempt; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Probes, and requests that are refused at once.
const LIMITS: SocketLimits =
    SocketLimits { most: 256, patience: Duration::from_secs(5), keep_alive: Duration::from_secs(5) };

/// How long an active request may take when the database is there.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Opens the database. While it is down, tries again, and answers at the addresses of the service: `/health/live` with 200,
/// `/health` with the cause, and everything else with 503. `None`: SIGTERM or SIGINT came first.
///
/// # Errors
/// When the database cannot be opened for a reason that does not end by itself, or an address cannot be listened at.
pub(crate) async fn open(
    config: &StorageServiceConfig,
    location: DatabaseLocation,
    options: SqlOptions,
) -> Result<Option<SqlStorage>, Box<dyn Error + Send + Sync>> {
    let first = match SqlStorage::open(location.clone(), options.clone()).await {
        Err(error) if may_come_back(&error) => error,
        outcome => return Ok(Some(outcome?)),
    };
    let cause = Arc::new(Mutex::new(first.to_string()));
    let servers = Servers::start(config, waiting(&cause))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let opened = tokio::select! {
        opened = try_until_open(first, &cause, location, options) => opened.map(Some),
        _ = terminate.recv() => Ok(None),
        _ = interrupt.recv() => Ok(None),
    };
    servers.stop().await;
    match &opened {
        Ok(Some(_)) => tracing::info!("the database can be reached; the service starts"),
        Ok(None) => tracing::info!("stopped while waiting for the database"),
        Err(_) => {}
    }
    Ok(opened?)
}

async fn try_until_open(
    first: StorageError,
    cause: &Mutex<String>,
    location: DatabaseLocation,
    options: SqlOptions,
) -> Result<SqlStorage, StorageError> {
    let (mut error, mut pause) = (first, FIRST_PAUSE);
    loop {
        let next_attempt_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(error = %redacted(&error), next_attempt_ms, "the database cannot be reached; the service is not ready");
        *cause.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        error = match SqlStorage::open(location.clone(), options.clone()).await {
            Err(error) if may_come_back(&error) => error,
            outcome => return outcome,
        };
    }
}

/// Not ready, with the last failure as the state of the database.
fn waiting(cause: &Arc<Mutex<String>>) -> Arc<Health> {
    let cause = Arc::clone(cause);
    let probe = move || {
        let cause = cause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        std::future::ready(Err(cause)).boxed()
    };
    let check = HealthCheck { name: "database", critical: true, probe: Arc::new(probe) };
    Arc::new(Health::new(env!("CARGO_PKG_VERSION"), vec![check]).waiting_for(DATABASE))
}

/// The listeners of the service as long as it waits.
struct Servers(Vec<ServerHandle>);

impl Servers {
    fn start(config: &StorageServiceConfig, health: Arc<Health>) -> std::io::Result<Self> {
        let tls = |clients| config.tls.clone().map(|tls| ListenerTls { tls, clients });
        let mut servers = vec![listen(config.listen, Arc::clone(&health), tls(ClientCertificates::AsConfigured))?];
        if let Some(address) = config.sockets.health {
            let tls = tls(ClientCertificates::NotAsked);
            servers.push(probes::listen(address, health, ProblemTypes::BLANK, tls)?.0);
        }
        let handles = servers.iter().map(actix_server::Server::handle).collect();
        for server in servers {
            tokio::spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(error = %redacted(&error), "a listener ended before the service started");
                }
            });
        }
        Ok(Self(handles))
    }

    async fn stop(self) {
        for server in self.0 {
            server.stop(true).await;
        }
    }
}

fn listen(address: SocketAddr, health: Arc<Health>, tls: Option<ListenerTls>) -> std::io::Result<actix_server::Server> {
    let listener = http::bind(address, LIMITS)?;
    let application = move || {
        let mut endpoints = Endpoints::default();
        health::register_states(&mut endpoints, &health);
        // A path of the contract must not be answered 404, which would mean that the row does not exist.
        let is_state = |request: &ServiceRequest| match request.path() {
            "/health" | "/health/live" | "/health/ready" => Ok(()),
            _ => Err(Problem::starting(DATABASE)),
        };
        let refused = apply(from_fn(middleware::checked(is_state)), endpoints);
        // These metrics are not shown: the service has not started.
        let accounted = middleware::account(ProblemTypes::BLANK, HttpMetrics::default());
        App::new().default_service(apply(from_fn(accounted), refused))
    };
    let connections = Arc::new(Connections::new(LIMITS, ProblemTypes::BLANK));
    http::start(listener, Threads::ONE, None, SHUTDOWN, connections, tls, application)
}
