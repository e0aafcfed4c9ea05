//! Runs an HTTP server until a signal, and then shuts it down cleanly.

use crate::{
    admin::AdminListener,
    config::SocketConfig,
    descriptors,
    http::{self, Connections, Lanes, ListenerTls, MayBeLong, SocketLimits, Threads},
    hub_presence::{HubPresence, PresencePlan},
    hub_responder::HubResponder,
    listeners::Listeners,
    probes,
    signals::{Signals, Stop},
    watch::Watch,
};
use actix_web::{App, web::ServiceConfig};
use character_credentials::{ClientCertificates, ServerTls};
use character_http_kit::{Admission, Health, HttpMetrics, ProblemTypes, Unauthorized};
use character_live_updates::LiveUpdates;
use character_storage_sql::SqlStorage;
use futures_util::future::try_join_all;
use prometheus_client::registry::Registry;
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

/// What counts and limits the requests of the main listener. Each of them is registered.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) connections: Arc<Connections>,
    pub(crate) http_metrics: HttpMetrics,
    pub(crate) admission: Admission,
    pub(crate) unauthorized: Unauthorized,
}

/// With as many connections as the descriptors of the process allow beside those to the database.
///
/// # Errors
/// When they allow too few.
pub(crate) fn counted(
    sockets: &SocketConfig,
    max_in_flight_bytes: u64,
    problem_types: ProblemTypes,
    database: Option<&SqlStorage>,
    registry: &mut Registry,
) -> io::Result<Counted> {
    let database_connections = database.map_or(0, |database| database.pool_status().limit);
    let limits = SocketLimits {
        most: descriptors::most_connections(sockets.max_connections, database_connections)?,
        patience: sockets.client_timeout,
        keep_alive: sockets.keep_alive,
    };
    let connections = Arc::new(Connections::new(limits, problem_types));
    connections.register(registry);
    let http_metrics = HttpMetrics::default();
    http_metrics.register(registry);
    let admission = Admission::new(max_in_flight_bytes);
    admission.register(registry);
    let unauthorized = Unauthorized::default();
    unauthorized.register(registry);
    Ok(Counted { connections, http_metrics, admission, unauthorized })
}

/// Where to listen, and how to stop.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listeners: Listeners,
    /// How long requests are still accepted after SIGTERM.
    pub(crate) drain: Duration,
    /// How long active requests may take to finish after that.
    pub(crate) shutdown: Duration,
    pub(crate) may_be_long: MayBeLong,
    pub(crate) health: Arc<Health>,
    pub(crate) connections: Arc<Connections>,
    /// The streams of live updates, which end when the service stops.
    pub(crate) live: Option<LiveUpdates>,
    /// How it takes requests that arrive through the Message Hub.
    pub(crate) presence: Option<PresencePlan>,
    /// Until when requests from NATS are answered after the drain. `None`: until its beginning.
    pub(crate) left: Option<oneshot::Receiver<()>>,
    /// The types of the problems that the listener for probes answers with.
    pub(crate) problem_types: ProblemTypes,
    /// TLS of all listeners; `None`: none.
    pub(crate) tls: Option<ServerTls>,
    /// Reads changed files again.
    pub(crate) watch: Watch,
    /// The listener for a person on call.
    pub(crate) admin: Option<AdminListener>,
}

impl Server {
    /// Serves until SIGTERM or SIGINT: then it is no longer ready, each answer ends its connection, and after a while it accepts
    /// no new connections, and active requests may finish. SIGINT, and a second signal, end that while at once. SIGHUP reads
    /// changed files again. `started` is called with the address, which is another than asked for when the port was 0.
    pub(crate) async fn run(
        self,
        configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
        started: impl FnOnce(Listening),
    ) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        let tls = |clients| self.tls.clone().map(|tls| ListenerTls { tls, clients });
        let (main_tls, probes_tls) = (tls(ClientCertificates::AsConfigured), tls(ClientCertificates::NotAsked));
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let Listeners { main, admin: at_admin, probes: at_probes } = self.listeners;
        let mut beside = Vec::new();
        started(Listening { address: main.local_addr()?, scheme });
        if let Some((admin, listener)) = self.admin.zip(at_admin) {
            let (address, (what, path)) = (listener.local_addr()?, admin.shows());
            beside.push(admin.start(listener, main_tls.clone())?);
            tracing::info!("the admin listener shows the state of {what} at {scheme}://{address}{path}");
        }
        if let Some(listener) = at_probes {
            let address = listener.local_addr()?;
            beside.push(probes::start(listener, Arc::clone(&self.health), self.problem_types, probes_tls)?);
            tracing::info!(
                "additional liveness and readiness probes: {scheme}://{address}/health/live and /health/ready"
            );
        }
        let threads = Threads::of_processors(self.connections.limits.most, self.may_be_long);
        let application = move || App::new().configure(configure.clone());
        let lanes = Lanes::start(threads, &application)?;
        let (shutdown, connections) = (self.shutdown, self.connections);
        let served = Arc::clone(&connections);
        let running = http::start(main, threads, lanes.clone(), shutdown, served, main_tls, application.clone())?;
        let handle = running.handle();
        let handles_beside: Vec<_> = beside.iter().map(actix_server::Server::handle).collect();
        let presence = match self.presence {
            None => None,
            Some(PresencePlan::Registers(registration)) => Some(HubPresence::register(registration)),
            Some(PresencePlan::Answers(plan)) => {
                let responder = HubResponder::with_lanes(*plan, threads.workers(), lanes, application)?;
                Some(HubPresence::Answers(responder))
            }
        };
        let (health, live, left, drain, watch) = (self.health, self.live, self.left, self.drain, self.watch);
        tokio::spawn(async move {
            let stop = signals.stop(&watch).await;
            let drain = match stop {
                Stop::Terminate => drain,
                Stop::Interrupt => Duration::ZERO,
            };
            tracing::info!(signal = stop.name(), ?drain, "shutting down; active requests may finish");
            health.stop();
            connections.end_with_their_answers();
            if let Some(live) = live {
                live.close();
            }
            let leaving = async {
                if let Some(presence) = presence {
                    presence.stop().await;
                }
            };
            let draining = async {
                tokio::select! {
                    () = drained(&connections, drain) => {}
                    _ = signals.stop(&watch) => {}
                }
            };
            match left {
                Some(left) => {
                    draining.await;
                    health.end();
                    // A sender that is gone has left.
                    drop(left.await);
                    tokio::join!(handle.stop(true), leaving);
                }
                // Before the listener, which answers what a hub over HTTP has sent.
                None => {
                    tokio::join!(draining, leaving);
                    health.end();
                    handle.stop(true).await;
                }
            }
            // Last, so that the end can be watched.
            for beside in handles_beside {
                beside.stop(true).await;
            }
        });
        tokio::try_join!(running, try_join_all(beside))?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// How often it is looked for open connections while the server drains.
const LOOK: Duration = Duration::from_millis(50);
/// How long no connection may have been open for the server to count as unused.
const UNUSED: Duration = Duration::from_secs(1);

/// Waits for the end of `drain`, or until no client has used the server for a second.
async fn drained(connections: &Connections, drain: Duration) {
    let end = Instant::now() + drain;
    let mut unused_since = None;
    while Instant::now() < end {
        let since = match unused_since {
            Some(since) if connections.are_none() => since,
            _ => Instant::now(),
        };
        unused_since = connections.are_none().then_some(since);
        if since.elapsed() >= UNUSED {
            return;
        }
        sleep(LOOK.min(end.saturating_duration_since(Instant::now()))).await;
    }
}

/// Where a service listens. Displayed as the beginning of a URL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)
    }
}
