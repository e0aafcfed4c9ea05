//! `/admin/storage`, for a person on call: what state the storage is in, and a few acts. Served on a listener of its own,
//! so that a client of the API cannot use it, with the metrics and the state of health beside it.

mod access;
mod acts;
mod events;
mod operator;
mod report;

pub(crate) use access::AdminAccess;
pub(crate) use operator::{Operator, WaistHandle};

use crate::{
    config::AdminConfig,
    http::{self, Connections, SocketLimits, Threads},
};
use actix_service::apply;
use actix_web::{
    App, Error, HttpResponse,
    body::BoxBody,
    dev::{Server, ServiceRequest, ServiceResponse},
    http::{StatusCode, header::CACHE_CONTROL},
    middleware::{Next, from_fn},
    web::{self, Data, JsonConfig, QueryConfig, ServiceConfig},
};
use character_api::{
    AllowedHosts, BrowserGuard, Health, HealthPaths, HostNames, HttpMetrics, Problem,
    endpoint::{Endpoint, Endpoints},
    health,
    middleware::{self, Unauthorized},
};
use character_storage_server::{AcceptedTokens, InvalidTokens};
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// A person, their dashboards and their scripts need no more.
const LIMITS: SocketLimits =
    SocketLimits { most: 16, patience: Duration::from_secs(10), keep_alive: Duration::from_secs(75) };

/// How long an active request may take at a shutdown.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Maximum time of an order, from its head to its answer.
const LONGEST_TIME: Duration = Duration::from_secs(30);

/// No order is longer, in bytes: the ids of as many events as one order may name.
const LONGEST_ORDER: usize = 64 * 1024;

/// Gives up an order whose body does not arrive.
async fn in_time(order: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "order-timeout", "The admin request took too long");
    timeout(LONGEST_TIME, next.call(order)).await.map_err(late)?
}

/// The listener for a person on call, before it is bound.
#[derive(Clone, Debug)]
pub(crate) struct AdminListener {
    pub(crate) address: SocketAddr,
    access: AdminAccess,
    guard: BrowserGuard,
    operator: Arc<Operator>,
    health: Arc<Health>,
    registry: Arc<Registry>,
    unauthorized: Unauthorized,
}

impl AdminListener {
    /// As configured; it answers under the host names given, beside its address.
    ///
    /// # Errors
    /// [`InvalidTokens`].
    pub(crate) fn new(
        config: &AdminConfig,
        names: HostNames,
        operator: Arc<Operator>,
        health: Arc<Health>,
        registry: Arc<Registry>,
        unauthorized: Unauthorized,
    ) -> Result<Self, InvalidTokens> {
        let access = match config.tokens.is_empty() {
            true => AdminAccess::RequestedBy,
            false => AdminAccess::Token(AcceptedTokens::new(config.tokens.clone())?),
        };
        let hosts = Some(AllowedHosts::new(config.listen.ip(), names));
        let guard = BrowserGuard { hosts, ..BrowserGuard::default() };
        Ok(Self { address: config.listen, access, guard, operator, health, registry, unauthorized })
    }

    /// The server, which is bound, and its address.
    pub(crate) fn bind(self) -> std::io::Result<(Server, SocketAddr)> {
        let address = self.address;
        let listener = http::bind(address)?;
        let bound = listener.local_addr()?;
        let application = move || {
            // The scope matches every path but `*`, the target of a request about the whole server.
            let elsewhere = from_fn(middleware::account(HttpMetrics::default()));
            App::new().default_service(apply(elsewhere, Endpoints::default())).configure(self.clone().configuration())
        };
        // One person at a time is enough.
        let server = http::start(listener, Threads::ONE, SHUTDOWN, Arc::new(Connections::new(LIMITS)), application)?;
        Ok((server, bound))
    }

    fn configuration(self) -> impl FnOnce(&mut ServiceConfig) {
        move |config| {
            let scope = web::scope("")
                .configure(endpoints(self.operator, &self.health, &self.registry))
                .wrap(from_fn(in_time))
                .wrap(from_fn(self.access.middleware()))
                .wrap(from_fn(self.unauthorized.middleware()))
                .wrap(from_fn(self.guard.middleware()))
                // Nobody shows these metrics: what a person on call asks is no load.
                .wrap(from_fn(middleware::account(HttpMetrics::default())))
                .wrap(from_fn(middleware::security_headers));
            config.service(scope);
        }
    }
}

fn endpoints(
    operator: Arc<Operator>,
    health: &Arc<Health>,
    registry: &Arc<Registry>,
) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let mut endpoints = Endpoints::default();
        health::register(&mut endpoints, HealthPaths::All, health, registry);
        Endpoint::at("/admin/storage").get(show).register(&mut endpoints);
        Endpoint::at("/admin/storage/breaker").post(acts::force_breaker).register(&mut endpoints);
        Endpoint::at("/admin/storage/cache").delete(acts::drop_from_cache).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers").get(events::consumers).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/parked").get(events::parked).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/unpark").post(events::unpark).register(&mut endpoints);
        Endpoint::at("/admin/storage/consumers/{name}/discard").post(events::discard).register(&mut endpoints);
        config
            .app_data(Data::from(operator))
            .app_data(JsonConfig::default().limit(LONGEST_ORDER).error_handler(|error, _| malformed(&error).into()))
            .app_data(QueryConfig::default().error_handler(|error, _| malformed(&error).into()))
            .default_service(endpoints);
    }
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
