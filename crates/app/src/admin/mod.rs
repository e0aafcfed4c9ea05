//! `/admin/storage`, for a person on call: what state the storage is in, and a few acts. Served on a listener of its own,
//! so that a client of the API cannot use it, with the metrics and the state of health beside it.

mod access;
mod acts;
mod events;
#[cfg(feature = "message-hub")]
mod hub;
mod operator;
mod report;

pub(crate) use access::AdminAccess;
#[cfg(feature = "message-hub")]
pub(crate) use hub::HubOperator;
pub(crate) use operator::{Operator, TransportHandle};

#[cfg(feature = "storage-service")]
use crate::waiting::LastFailure;
use crate::{
    config::AdminConfig,
    http::{self, Connections, ListenerTls, SocketLimits, Threads},
};
use actix_service::apply;
use actix_web::{
    App, Error, HttpResponse,
    body::BoxBody,
    dev::{Server, ServiceRequest, ServiceResponse},
    http::{StatusCode, header::CACHE_CONTROL},
    middleware::{Next, from_fn},
    web::{Data, JsonConfig, QueryConfig, ServiceConfig},
};
use character_http_kit::{
    AllowedHosts, BrowserGuard, Endpoint, Endpoints, Health, HealthPaths, HostNames, HttpMetrics, Problem,
    ProblemTypes, Unauthorized, health,
    middleware::{self, answered},
};
use prometheus_client::registry::Registry;
use std::{net::TcpListener, sync::Arc, time::Duration};
use tokio::time::timeout;

/// A person, their dashboards and their scripts need no more.
pub(crate) const LIMITS: SocketLimits =
    SocketLimits { most: 16, patience: Duration::from_secs(10), keep_alive: Duration::from_secs(75) };

/// The first page about the storage.
const STORAGE: &str = "/admin/storage";

/// How long an active request may take at a shutdown.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Maximum time of an order, from its head to its answer.
const LONGEST_TIME: Duration = Duration::from_secs(30);

/// No order is longer, in bytes: the ids of as many events as one order may name.
const LONGEST_ORDER: usize = 64 * 1024;

/// Gives up an order whose body does not arrive.
async fn in_time(order: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let late =
        |_| answered(&Problem::new(StatusCode::REQUEST_TIMEOUT, "order-timeout", "The admin request took too long"));
    timeout(LONGEST_TIME, next.call(order)).await.map_err(late)?
}

/// The listener for a person on call, before it is started.
#[derive(Clone, Debug)]
pub(crate) struct AdminListener {
    access: AdminAccess,
    guard: BrowserGuard,
    pages: AdminPages,
    health: Arc<Health>,
    registry: Arc<Registry>,
    unauthorized: Unauthorized,
    types: ProblemTypes,
}

/// What the listener shows.
#[derive(Clone, Debug)]
pub(crate) enum AdminPages {
    /// The state of the storage of a service.
    Storage(Arc<Operator>),
    /// What the service waits for before it starts.
    #[cfg(feature = "storage-service")]
    Waiting(LastFailure),
    /// The state of the Message Hub.
    #[cfg(feature = "message-hub")]
    Hub(Arc<HubOperator>),
}

impl From<Arc<Operator>> for AdminPages {
    fn from(operator: Arc<Operator>) -> Self {
        Self::Storage(operator)
    }
}

#[cfg(feature = "storage-service")]
impl From<LastFailure> for AdminPages {
    fn from(failure: LastFailure) -> Self {
        Self::Waiting(failure)
    }
}

#[cfg(feature = "message-hub")]
impl From<Arc<HubOperator>> for AdminPages {
    fn from(operator: Arc<HubOperator>) -> Self {
        Self::Hub(operator)
    }
}

impl AdminListener {
    /// As configured; it answers under the host names given, beside its address, with
    /// problems of these types.
    pub(crate) fn new(
        config: &AdminConfig,
        names: HostNames,
        pages: impl Into<AdminPages>,
        health: Arc<Health>,
        registry: Arc<Registry>,
        unauthorized: Unauthorized,
        types: ProblemTypes,
    ) -> Self {
        let access = config.accepted.clone().map_or(AdminAccess::RequestedBy, AdminAccess::Token);
        let hosts = Some(AllowedHosts::new(config.listen.ip(), names));
        let guard = BrowserGuard { hosts, ..BrowserGuard::default() };
        Self { access, guard, pages: pages.into(), health, registry, unauthorized, types }
    }

    /// What the listener shows, and the path of its first page.
    pub(crate) fn shows(&self) -> (&'static str, &'static str) {
        match self.pages {
            AdminPages::Storage(_) => ("the storage", STORAGE),
            #[cfg(feature = "storage-service")]
            AdminPages::Waiting(_) => ("the storage", STORAGE),
            #[cfg(feature = "message-hub")]
            AdminPages::Hub(_) => ("the hub", hub::PATH),
        }
    }

    /// The server.
    pub(crate) fn start(self, listener: TcpListener, tls: Option<ListenerTls>) -> std::io::Result<Server> {
        let types = self.types;
        let application = move || App::new().configure(|config| self.configure(config));
        // One person at a time is enough.
        let connections = Arc::new(Connections::new(LIMITS, types));
        http::start(listener, Threads::ONE, None, SHUTDOWN, connections, tls, application)
    }

    fn configure(&self, config: &mut ServiceConfig) {
        let timed = apply(from_fn(in_time), self.endpoints());
        let permitted = apply(from_fn(self.access.clone().middleware()), timed);
        let watched = apply(from_fn(self.unauthorized.clone().middleware()), permitted);
        let guarded = apply(from_fn(self.guard.clone().middleware()), watched);
        // Nobody shows these metrics: what a person on call asks is no load.
        let accounted = apply(from_fn(middleware::account(self.types, HttpMetrics::default())), guarded);
        match &self.pages {
            AdminPages::Storage(operator) => config.app_data(Data::from(Arc::clone(operator))),
            #[cfg(feature = "storage-service")]
            AdminPages::Waiting(failure) => config.app_data(Data::new(failure.clone())),
            #[cfg(feature = "message-hub")]
            AdminPages::Hub(operator) => config.app_data(Data::from(Arc::clone(operator))),
        };
        config
            .app_data(JsonConfig::default().limit(LONGEST_ORDER).error_handler(|error, _| malformed(&error).into()))
            .app_data(QueryConfig::default().error_handler(|error, _| malformed(&error).into()))
            .default_service(apply(from_fn(middleware::security_headers), accounted));
    }

    fn endpoints(&self) -> Endpoints {
        let mut endpoints = Endpoints::default();
        health::register(&mut endpoints, HealthPaths::All, &self.health, &self.registry);
        #[cfg(feature = "message-hub")]
        if let AdminPages::Hub(_) = self.pages {
            Endpoint::at(hub::PATH).get(hub::show).register(&mut endpoints);
            return endpoints;
        }
        #[cfg(feature = "storage-service")]
        if let AdminPages::Waiting(_) = self.pages {
            for path in [STORAGE, "/admin/storage/{*page}"] {
                Endpoint::at(path).get(starting).post(starting).delete(starting).register(&mut endpoints);
            }
            return endpoints;
        }
        Endpoint::at(STORAGE).get(show).register(&mut endpoints);
        Endpoint::at("/admin/storage/breaker").post(acts::force_breaker).register(&mut endpoints);
        Endpoint::at("/admin/storage/cache").delete(acts::drop_from_cache).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers").get(events::consumers).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/parked").get(events::parked).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/unpark").post(events::unpark).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/discard").post(events::discard).register(&mut endpoints);
        endpoints
    }
}

/// The pages of the storage before the service has one.
#[cfg(feature = "storage-service")]
async fn starting(failure: Data<LastFailure>) -> Result<HttpResponse, Problem> {
    Err(failure.problem())
}

async fn show(operator: Data<Operator>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(operator.report().await)
}

/// Only JSON is taken: a page in a browser on this machine cannot send that to another address without being asked for
/// leave, which is never given.
fn malformed(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "The admin request cannot be read")
        .with_detail(error.to_string())
}
