//! Runs an HTTP server until a signal, and then shuts it down cleanly.

use crate::{
    admin::AdminListener,
    config::SocketConfig,
    descriptors,
    http::{self, Connections, ListenerTls, MayBeLong, SocketLimits, Threads},
    hub_presence::{HubPresence, PresencePlan},
    probes,
    watch::Watch,
};
use actix_web::{App, web::ServiceConfig};
use character_credentials::{ClientCertificates, ServerTls};
use character_http_kit::{Admission, Health, HttpMetrics, ProblemTypes, Unauthorized};
use character_live_updates::LiveUpdates;
use character_storage_sql::SqlStorage;
use futures_util::future::try_join_all;
use prometheus_client::registry::Registry;
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    database: Option<&SqlStorage>,
    registry: &mut Registry,
) -> io::Result<Counted> {
    let database_connections = database.map_or(0, |database| database.pool_status().limit);
    let connections = Arc::new(Connections::new(SocketLimits {
        most: descriptors::most_connections(sockets.max_connections, database_connections)?,
        patience: sockets.client_timeout,
        keep_alive: sockets.keep_alive,
    }));
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
    pub(crate) listen: SocketAddr,
    pub(crate) shutdown: Duration,
    pub(crate) may_be_long: MayBeLong,
    pub(crate) health: Arc<Health>,
    pub(crate) connections: Arc<Connections>,
    /// The streams of live updates, which end when the service stops.
    pub(crate) live: Option<LiveUpdates>,
    /// How it takes requests that arrive through the Message Hub.
    pub(crate) presence: Option<PresencePlan>,
    /// The types of the problems that the listener for probes answers with.
    pub(crate) problem_types: ProblemTypes,
    /// TLS of all listeners; `None`: none.
    pub(crate) tls: Option<ServerTls>,
    /// Reads changed files again.
    pub(crate) watch: Watch,
    /// The listener for probes alone.
    pub(crate) probes: Option<SocketAddr>,
    /// The listener for a person on call.
    pub(crate) admin: Option<AdminListener>,
}

impl Server {
    /// Serves until SIGTERM or SIGINT: then it accepts no new connections, and active requests may finish. SIGHUP reads
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
        let listener = http::bind(self.listen, self.connections.limits)
            .map_err(|error| not_bound("LISTEN_ADDR", self.listen, &error));
        let admin = self.admin.map(|admin| {
            let (address, shows) = (admin.address, admin.shows());
            let bound = admin.bind(main_tls.clone()).map_err(|error| not_bound("ADMIN_ADDR", address, &error));
            bound.map(|bound| (bound, shows))
        });
        let probes = self.probes.map(|address| {
            probes::listen(address, Arc::clone(&self.health), self.problem_types, probes_tls.clone())
                .map_err(|error| not_bound("HEALTH_ADDR", address, &error))
        });
        let (listener, admin, probes) = all_bound(listener, admin.transpose(), probes.transpose())?;
        let address = listener.local_addr()?;
        started(Listening { address, scheme });
        let threads = Threads::of_processors(self.connections.limits.most, self.may_be_long);
        let application = move || App::new().configure(configure.clone());
        let limits = self.connections.limits;
        let inner = match &self.presence {
            Some(plan) if main_tls.is_some() && plan.needs_inner_listener() => {
                let listener = http::bind(INNER, limits)?;
                let (address, connections) = (listener.local_addr()?, Arc::new(Connections::new(limits)));
                let server = http::start(listener, threads, self.shutdown, connections, None, application.clone())?;
                Some((server, address))
            }
            _ => None,
        };
        let running = http::start(listener, threads, self.shutdown, self.connections, main_tls, application)?;
        let handle = running.handle();
        if let Some(((_, address), (what, path))) = &admin {
            tracing::info!("the admin listener shows the state of {what} at {scheme}://{address}{path}");
        }
        let admin = admin.map(|(bound, _)| bound);
        if let Some((_, address)) = &probes {
            tracing::info!(
                "additional liveness and readiness probes: {scheme}://{address}/health/live and /health/ready"
            );
        }
        let inner_address = inner.as_ref().map(|(_, address)| *address);
        let beside: Vec<_> = inner.into_iter().chain(admin).chain(probes).map(|(server, _)| server).collect();
        let handles_beside: Vec<_> = beside.iter().map(actix_server::Server::handle).collect();
        let presence = self
            .presence
            .map(|plan| HubPresence::start(plan, address, inner_address))
            .transpose()
            .map_err(io::Error::other)?;
        let (health, live, watch) = (self.health, self.live, self.watch);
        tokio::spawn(async move {
            let name = signals.stop(&watch).await;
            tracing::info!(signal = name, "shutting down; active requests may finish");
            health.stop();
            if let Some(live) = live {
                live.close();
            }
            // Before the listener, which answers what the hub has sent.
            if let Some(presence) = presence.flatten() {
                presence.stop().await;
            }
            handle.stop(true).await;
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

/// Where the listener for requests that the hub has sent is, when the main listener has TLS: on this machine alone.
const INNER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

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

/// The signals that a service handles.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: (Signal, Signal),
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: (signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?),
        })
    }

    /// Waits for a signal that ends the service, and handles the others.
    async fn stop(&mut self, watch: &Watch) -> &'static str {
        loop {
            let ignored = tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    watch.read_now();
                    continue;
                }
                _ = self.user.0.recv() => "SIGUSR1",
                _ = self.user.1.recv() => "SIGUSR2",
            };
            tracing::info!(signal = ignored, "the signal has no meaning here and is ignored");
        }
    }
}

/// From now on SIGHUP, SIGUSR1 and SIGUSR2 do not end the process, also while it starts.
///
/// # Errors
/// When the system refuses.
pub(crate) fn outlive_signals() -> io::Result<()> {
    for kind in [SignalKind::hangup(), SignalKind::user_defined1(), SignalKind::user_defined2()] {
        // A handler stays when the stream of its signals is gone.
        drop(signal(kind)?);
    }
    Ok(())
}

/// The listeners, or why they cannot be bound: every reason in one run.
fn all_bound<A, B, C>(first: io::Result<A>, second: io::Result<B>, third: io::Result<C>) -> io::Result<(A, B, C)> {
    match (first, second, third) {
        (Ok(first), Ok(second), Ok(third)) => Ok((first, second, third)),
        (first, second, third) => {
            let errors: Vec<_> = [first.err(), second.err(), third.err()].into_iter().flatten().collect();
            let kind = errors.first().map_or(io::ErrorKind::Other, io::Error::kind);
            let reasons: Vec<_> = errors.iter().map(io::Error::to_string).collect();
            Err(io::Error::new(kind, reasons.join("; ")))
        }
    }
}

/// Why an address cannot be listened at, with the address.
fn not_bound(variable: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another process listens there",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have the address",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{variable} {address}: {error}{hint}"))
}
