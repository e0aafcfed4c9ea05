//! Waits at the start for a database that is down, and answers probes, scrapes and operators meanwhile.

use crate::{
    admin::AdminListener,
    config::StorageServiceConfig,
    http::{self, Connections, ListenerTls, SocketLimits, Threads},
    listeners::Listeners,
    probes,
    state_metrics::{show_health, show_readiness},
};
use actix_server::{Server, ServerHandle};
use actix_service::apply;
use actix_web::{App, dev::ServiceRequest, middleware::from_fn};
use character_credentials::ClientCertificates;
use character_error_reporter::redacted;
use character_http_kit::{
    BrowserGuard, Endpoints, Health, HealthCheck, HttpMetrics, Problem, ProblemTypes, Unauthorized, health, middleware,
};
use character_storage_port::StorageError;
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage, may_come_back};
use futures_util::FutureExt;
use prometheus_client::registry::Registry;
use std::{
    error::Error,
    io,
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

/// Probes, scrapes, and requests that are refused at once.
const LIMITS: SocketLimits =
    SocketLimits { most: 256, patience: Duration::from_secs(5), keep_alive: Duration::from_secs(5) };

/// How long an active request may take when the database is there.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Why the last attempt to open the database failed.
#[derive(Clone, Debug)]
pub(crate) struct LastFailure(Arc<Mutex<String>>);

impl LastFailure {
    fn new(error: &StorageError) -> Self {
        Self(Arc::new(Mutex::new(redacted(error).to_string())))
    }

    fn replace(&self, error: &StorageError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = redacted(error).to_string();
    }

    /// The error with its causes, without secrets.
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// 503, with what the service waits for and why.
    pub(crate) fn problem(&self) -> Problem {
        Problem::starting(DATABASE).with_detail(format!("it waits for {DATABASE}: {}", self.text()))
    }
}

/// A database that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) database: SqlStorage,
    /// The sockets at which the service has answered while it waited; `None`: it did not have to wait.
    pub(crate) listeners: Option<Listeners>,
}

/// Opens the database. While it is down, tries again, and answers at the addresses of the service: `/health/live` with
/// 200, `/health` with the cause, `/metrics` with those of `registry`, and everything else with 503. `None`: SIGTERM or
/// SIGINT came first.
///
/// # Errors
/// When the database cannot be opened for a reason that does not end by itself, or an address cannot be listened at.
pub(crate) async fn open(
    config: &StorageServiceConfig,
    location: DatabaseLocation,
    options: SqlOptions,
    guard: BrowserGuard,
    registry: Registry,
) -> Result<Option<Opened>, Box<dyn Error + Send + Sync>> {
    let first = match SqlStorage::open(location.clone(), options.clone()).await {
        Err(error) if may_come_back(&error) => error,
        outcome => return Ok(Some(Opened { database: outcome?, listeners: None })),
    };
    let failure = LastFailure::new(&first);
    let listeners = Listeners::bind(config.listen, &config.sockets, config.admin.as_ref())?;
    let servers = Servers::start(config, listeners.try_clone()?, guard, registry, &failure)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let opened = tokio::select! {
        opened = try_until_open(first, &failure, location, options) => opened.map(Some),
        _ = terminate.recv() => Ok(None),
        _ = interrupt.recv() => Ok(None),
    };
    servers.stop().await;
    match &opened {
        Ok(Some(_)) => tracing::info!("the database can be reached; the service starts"),
        Ok(None) => tracing::info!("stopped while waiting for the database"),
        Err(_) => {}
    }
    Ok(opened?.map(|database| Opened { database, listeners: Some(listeners) }))
}

async fn try_until_open(
    first: StorageError,
    failure: &LastFailure,
    location: DatabaseLocation,
    options: SqlOptions,
) -> Result<SqlStorage, StorageError> {
    let (mut error, mut pause) = (first, FIRST_PAUSE);
    loop {
        let next_attempt_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(error = %redacted(&error), next_attempt_ms, "the database cannot be reached; the service is not ready");
        failure.replace(&error);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        error = match SqlStorage::open(location.clone(), options.clone()).await {
            Err(error) if may_come_back(&error) => error,
            outcome => return outcome,
        };
    }
}

/// Not ready, with the last failure as the state of the database.
fn waiting(failure: &LastFailure) -> Arc<Health> {
    let failure = failure.clone();
    let probe = move || std::future::ready(Err(failure.text())).boxed();
    let check = HealthCheck { name: "database", critical: true, probe: Arc::new(probe) };
    Arc::new(Health::new(env!("CARGO_PKG_VERSION"), vec![check]).waiting_for(DATABASE))
}

/// The servers of the service as long as it waits.
struct Servers(Vec<ServerHandle>);

impl Servers {
    fn start(
        config: &StorageServiceConfig,
        listeners: Listeners,
        guard: BrowserGuard,
        mut registry: Registry,
        failure: &LastFailure,
    ) -> io::Result<Self> {
        let tls = |clients| config.tls.clone().map(|tls| ListenerTls { tls, clients });
        let health = waiting(failure);
        show_readiness(&health, &mut registry);
        show_health(&health, &mut registry);
        let unauthorized = Unauthorized::default();
        unauthorized.register(&mut registry);
        let registry = Arc::new(registry);
        let mut servers = Vec::new();
        if let Some(listener) = listeners.probes {
            let tls = tls(ClientCertificates::NotAsked);
            servers.push(probes::start(listener, Arc::clone(&health), ProblemTypes::BLANK, tls)?);
        }
        if let Some((admin, listener)) = config.admin.as_ref().zip(listeners.admin) {
            let (health, registry, hosts) = (Arc::clone(&health), Arc::clone(&registry), config.hosts.clone());
            let types = ProblemTypes::BLANK;
            let admin = AdminListener::new(admin, hosts, failure.clone(), health, registry, unauthorized, types);
            servers.push(admin.start(listener, tls(ClientCertificates::AsConfigured))?);
        }
        let paths = config.health_paths;
        let application = move || {
            let mut endpoints = Endpoints::default();
            health::register(&mut endpoints, paths, &health, &registry);
            // A path of the contract must not be answered 404, which would mean that the row does not exist.
            let is_state = |request: &ServiceRequest| match request.path() {
                "/health" | "/health/live" | "/health/ready" | "/metrics" => Ok(()),
                _ => Err(Problem::starting(DATABASE)),
            };
            let refused = apply(from_fn(middleware::checked(is_state)), endpoints);
            let guarded = apply(from_fn(guard.clone().middleware()), refused);
            // These metrics are not shown: the service has not started.
            let accounted = middleware::account(ProblemTypes::BLANK, HttpMetrics::default());
            let accounted = apply(from_fn(accounted), guarded);
            App::new().default_service(apply(from_fn(middleware::security_headers), accounted))
        };
        let connections = Arc::new(Connections::new(LIMITS, ProblemTypes::BLANK));
        let tls = tls(ClientCertificates::AsConfigured);
        servers.push(http::start(listeners.main, Threads::ONE, None, SHUTDOWN, connections, tls, application)?);
        let handles = servers.iter().map(Server::handle).collect();
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
