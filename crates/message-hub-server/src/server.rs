//! The routes of the contract over one hub.

use crate::{
    BASE,
    caller::CallerDeadline,
    config::{HubServerConfig, InvalidHubServer},
    events::{self, Holders, Passed, Pollers, Sessions},
    metrics::Metrics,
    operators,
    refusal::{Answer, Refusal, overloaded},
    routing::{self, Router, Sharing},
};
use actix_service::apply;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, header::HeaderMap},
    middleware::from_fn,
    web::{self, Data},
};
use character_http_kit::{
    AcceptedTokens, BodyLimits, Endpoint, Endpoints, FollowedToken,
    middleware::{checked, limit_requests},
};
use character_message_hub::{ErrorKind, HubError, HubOperations, MessageHub, ServiceName, SubscriptionName};
use character_message_hub_wire::{self as wire, ServicesBody};
use prometheus_client::registry::Registry;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// The routes under `/v1`, over one hub. Every request must bring an accepted bearer token. Clones share everything.
///
/// [`background`](Self::background) must run beside it, and [`stop`](Self::stop) begins its end.
#[derive(Clone)]
pub struct HubServer {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<dyn MessageHub>,
    operations: Option<Arc<dyn HubOperations>>,
    tokens: AcceptedTokens,
    config: HubServerConfig,
    sessions: Sessions,
    pollers: Pollers,
    passed: Passed,
    /// Each request that this server passes on has it too.
    passing: Arc<()>,
    router: Router,
    /// `None`: there are no other servers.
    sharing: Option<Sharing>,
    /// `None`: there are no other servers.
    holders: Option<Holders>,
    metrics: Metrics,
    stopping: watch::Sender<bool>,
}

impl fmt::Debug for HubServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubServer").field("hub", &self.inner.hub).finish_non_exhaustive()
    }
}

impl HubServer {
    /// Serves `hub` to clients that send one of `tokens`.
    ///
    /// # Errors
    /// [`InvalidHubServer`]: a setting that no server can work with, or TLS that cannot be set up for the connections to services.
    pub fn new(
        hub: Arc<dyn MessageHub>,
        tokens: AcceptedTokens,
        config: HubServerConfig,
    ) -> Result<Self, InvalidHubServer> {
        Self::open(hub, None, tokens, config)
    }

    /// The same; operators can read and change what `operations` offers.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_operations(
        hub: Arc<dyn MessageHub>,
        operations: Arc<dyn HubOperations>,
        tokens: AcceptedTokens,
        config: HubServerConfig,
    ) -> Result<Self, InvalidHubServer> {
        Self::open(hub, Some(operations), tokens, config)
    }

    fn open(
        hub: Arc<dyn MessageHub>,
        operations: Option<Arc<dyn HubOperations>>,
        tokens: AcceptedTokens,
        config: HubServerConfig,
    ) -> Result<Self, InvalidHubServer> {
        config.check()?;
        let metrics = Metrics::default();
        let router =
            Router::new(&config, metrics.clone()).map_err(|error| InvalidHubServer::Client(Box::new(error)))?;
        let (sessions, pollers) = (Sessions::of(config.peer.clone()), Pollers::default());
        let stopping = watch::Sender::new(false);
        let sharing = config.peer.clone().zip(config.peers.clone());
        let sharing = sharing.map(|(own, channel)| Sharing::new(own, channel));
        let holders = config.peer.clone().zip(config.holders.clone());
        let holders = holders.map(|(own, records)| Holders::new(own, records, sessions.clone(), metrics.held.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                hub,
                operations,
                tokens,
                config,
                sessions,
                pollers,
                passed: Passed::default(),
                passing: Arc::default(),
                router,
                sharing,
                holders,
                metrics,
                stopping,
            }),
        })
    }

    /// Shows the metrics of the server, whose names begin with `message_hub_`.
    pub fn register(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }

    /// The services with their instances.
    #[must_use]
    pub fn services(&self) -> ServicesBody {
        self.inner.router.report()
    }

    /// Asks instances for their health, drops what is not used any more, and shares registrations with the other servers, until
    /// [`stop`](Self::stop).
    pub async fn background(&self) {
        let share = async {
            if let Some(sharing) = &self.inner.sharing {
                tokio::select! {
                    () = self.stopped() => {}
                    () = sharing.run(&self.inner.router) => {}
                }
            }
        };
        tokio::join!(self.tend(), share);
    }

    /// Asks instances for their health and drops what is not used any more.
    async fn tend(&self) {
        let mut ticks = tokio::time::interval(self.inner.config.probe_every);
        loop {
            tokio::select! {
                () = self.stopped() => return,
                _ = ticks.tick() => {}
            }
            self.inner.sessions.sweep();
            self.inner.pollers.sweep();
            self.inner.passed.sweep();
            if let Some(holders) = &self.inner.holders {
                holders.sweep();
            }
            tokio::select! {
                () = self.stopped() => return,
                () = self.inner.router.probe_all() => {}
            }
        }
    }

    /// Ends long polls and streams of events, now and from now on. Other requests are answered as before.
    pub fn stop(&self) {
        self.inner.stopping.send_replace(true);
    }

    /// Stops, lets other servers make the deliveries of the subscriptions that this one holds, and returns when what it has delivered
    /// is settled and what it has passed on has ended, or after `within`.
    pub async fn leave(&self, within: Duration) {
        const LOOK: Duration = Duration::from_millis(50);
        self.stop();
        let Some(holders) = &self.inner.holders else { return };
        let end = Instant::now() + within;
        holders.leave().await;
        let is_busy = || self.inner.sessions.unsettled() > 0 || Arc::strong_count(&self.inner.passing) > 1;
        while is_busy() && Instant::now() < end {
            sleep(LOOK).await;
        }
    }

    /// The name of this server among those over one hub, and the subscriptions whose deliveries it makes. `None`: there are no
    /// others.
    #[must_use]
    pub fn held(&self) -> Option<(ServiceName, Vec<SubscriptionName>)> {
        Some((self.inner.config.peer.clone()?, self.inner.holders.as_ref()?.held()))
    }

    /// Waits for [`stop`](Self::stop).
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.inner.stopping.subscribe();
        // The sender lives as long as `self`.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    pub(crate) fn hub(&self) -> &dyn MessageHub {
        &*self.inner.hub
    }

    /// `None`: there are no other servers.
    pub(crate) fn holders(&self) -> Option<&Holders> {
        self.inner.holders.as_ref()
    }

    /// What knows the types that were asked for at any server. `None`: the hub offers nothing of the kind, and there are no other servers.
    pub(crate) fn known_types(&self) -> Option<&dyn HubOperations> {
        let holders = self.inner.config.holders.as_deref();
        self.operations().or(holders.map(|records| records as &dyn HubOperations))
    }

    /// `None`: the hub offers none.
    pub(crate) fn operations(&self) -> Option<&dyn HubOperations> {
        self.inner.operations.as_deref()
    }

    /// The token of a request whose response lasts.
    pub(crate) fn follow(&self, headers: &HeaderMap) -> FollowedToken {
        self.inner.tokens.follow(headers)
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    pub(crate) fn pollers(&self) -> &Pollers {
        &self.inner.pollers
    }

    /// What other servers have passed on to this one.
    pub(crate) fn passed(&self) -> &Passed {
        &self.inner.passed
    }

    /// Held as long as a request that this server passes on.
    pub(crate) fn passing(&self) -> Arc<()> {
        Arc::clone(&self.inner.passing)
    }

    pub(crate) fn router(&self) -> &Router {
        &self.inner.router
    }

    /// `None`: there are no other servers.
    pub(crate) fn sharing(&self) -> Option<&Sharing> {
        self.inner.sharing.as_ref()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The limits of a body of at most this number of bytes.
    pub(crate) fn body_limits(&self, bytes: usize) -> BodyLimits {
        self.inner.config.of_bodies(bytes)
    }

    /// The limits of the body of a request to a service.
    pub(crate) fn routed_limits(&self) -> BodyLimits {
        self.body_limits(self.inner.config.max_request_bytes)
    }

    /// Serves the contract and nothing else.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let service = self.service(config, Endpoints::default());
        config.default_service(service);
    }

    /// The contract, and other endpoints beside it, which need no token. It is to be the default service of the application
    /// that `config` configures; more may be wrapped around it.
    pub fn service(
        &self,
        config: &mut web::ServiceConfig,
        beside: Endpoints,
    ) -> impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>
    {
        let mut endpoints = beside;
        register(&mut endpoints);
        config.app_data(Data::new(self.clone()));
        let limited = limit_requests(self.inner.config.requests.clone(), is_limited, overloaded);
        let tokens = self.inner.tokens.clone();
        let authenticated = checked(move |request| {
            // The path as the endpoints read it: `/%761` is `/v1`.
            let is_open = !is_below_base(request.match_info().unprocessed()) || tokens.accept(request.headers());
            if is_open { Ok(()) } else { Err(Refusal::unauthorized()) }
        });
        apply(from_fn(authenticated), apply(from_fn(limited), endpoints))
    }
}

/// Adds the paths of the contract.
fn register(endpoints: &mut Endpoints) {
    for endpoint in [
        Endpoint::at(wire::EVENTS).post(events::publish).get_alone(events::deliver).delete(events::leave),
        Endpoint::at(wire::SETTLE).post(events::settle),
        Endpoint::at(wire::SERVICES).get_alone(routing::services),
        Endpoint::at(wire::INSTANCE).put(routing::register).delete(routing::deregister).polled(),
        routed(wire::ROUTED),
        routed(wire::ROUTED_ROOT),
        Endpoint::at(wire::SUBSCRIPTIONS).get_alone(operators::subscriptions),
        Endpoint::at(wire::SUBSCRIPTION).delete(operators::remove),
        Endpoint::at(wire::REJECTED).get_alone(operators::rejected),
        Endpoint::at(wire::PROBE).get_alone(probe).polled(),
    ] {
        endpoint.register(endpoints);
    }
}

fn routed(path: &'static str) -> Endpoint {
    let endpoint = Endpoint::at(path).get(routing::forward).post(routing::forward).put(routing::forward);
    endpoint.patch(routing::forward).delete(routing::forward).others(routing::forward)
}

async fn probe(request: HttpRequest, server: Data<HubServer>) -> Answer {
    const LIMIT: Duration = Duration::from_millis(950);
    let caller = CallerDeadline::of(request.headers())?;
    let (limit, length) = caller.or_shorter("the limit of a probe", LIMIT);
    let late = |_| HubError::new(ErrorKind::Timeout, wire::PROBE).within(limit, length);
    let end = caller.or_earlier(Instant::now() + LIMIT);
    tokio::time::timeout_at(end, server.hub().probe()).await.map_err(late)??;
    Ok(HttpResponse::NoContent().finish())
}

/// Whether a request counts among those that the hub handles at the same time. A request that waits for events does not, nor does
/// one to a service, which has a limit of its own, or one that keeps an instance registered.
fn is_limited(method: &Method, path: &str) -> bool {
    let is_of_services = path.strip_prefix(wire::SERVICES).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match path {
        wire::EVENTS => !method.is_safe(),
        wire::PROBE => false,
        path => is_below_base(path) && !is_of_services,
    }
}

fn is_below_base(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}
