//! Serves any [`StoragePort`] over version 1 of the storage's HTTP contract.
//!
//! ```no_run
//! use actix_web::App;
//! use character_storage_port::MemoryStorage;
//! use character_storage_server::{AcceptedTokens, Limits, StorageServer};
//! use std::{sync::Arc, time::Duration};
//!
//! # fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = AcceptedTokens::new(["the secret of the day".to_owned().into()])?;
//! let server = StorageServer::new(Arc::new(MemoryStorage::new()), tokens, Limits::default());
//! let app = App::new().configure(|config| server.configure(config));
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

mod answer;
mod body;
mod consumers;
mod entities;
mod limits;
mod log;
mod openapi;
mod probe;
mod rows;
mod schemas;
mod snapshot;
mod tokens;
mod transactions;

/// Every path of the contract begins with this one, and every request to it needs a bearer token.
pub const BASE: &str = wire::BASE;

pub use limits::{LONGEST_WAIT, Limits};
pub use openapi::openapi;
pub use tokens::{AcceptedTokens, InvalidTokens};

use crate::answer::{Refusal, method_not_allowed, unknown_path};
use actix_web::{
    HttpResponse, Resource, body::BoxBody, dev::ServiceRequest, dev::ServiceResponse, http::Method, middleware::Next,
    middleware::from_fn, web,
};
use character_storage_port::{EntityKind, ErrorKind, StorageError, StoragePort, every_kind};
use character_storage_wire as wire;
use std::{sync::Arc, time::Duration};

/// The routes under `/storage/v1`, over one storage. Every request must bring an accepted bearer token.
///
/// The storage must answer from the data itself, because the contract cannot mark an answer as stale.
#[derive(Clone, Debug)]
pub struct StorageServer {
    port: Arc<dyn StoragePort>,
    tokens: AcceptedTokens,
    limits: Limits,
}

impl StorageServer {
    /// Serves `port` to clients that send one of `tokens`.
    #[must_use]
    pub fn new(port: Arc<dyn StoragePort>, tokens: AcceptedTokens, limits: Limits) -> Self {
        Self { port, tokens, limits }
    }

    /// Registers the routes. Health, metrics and the OpenAPI document are the application's.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let tokens = self.tokens.clone();
        let authenticated = from_fn(move |request, next| authenticate(tokens.clone(), request, next));
        let collections: fn(&mut web::ServiceConfig) = |config| {
            every_kind!(Row => rows::collection::<Row>(config));
        };
        let scope = web::scope(wire::BASE)
            .app_data(web::Data::new(self.clone()))
            .configure(collections)
            .service(allow("POST", resource(wire::TRANSACTIONS).route(web::post().to(transactions::commit))))
            .service(allow("POST", resource(wire::BATCH).route(web::post().to(transactions::commit_each))))
            .service(allow("GET", resource(wire::LOG).route(web::get().to(log::follow))))
            .service(allow("GET", resource(wire::LOG_HEAD).route(web::get().to(log::head))))
            .service(allow("GET", resource(wire::CONSUMERS).route(web::get().to(consumers::consumers))))
            .service(allow("POST", resource(wire::LEASE).route(web::post().to(consumers::lease))))
            .service(allow("POST", resource(wire::ADVANCE).route(web::post().to(consumers::advance))))
            .service(allow("POST", resource(wire::RELEASE).route(web::post().to(consumers::release))))
            .service(allow("POST", resource(wire::PARK).route(web::post().to(consumers::park))))
            .service(allow("GET", resource(wire::PARKED).route(web::get().to(consumers::parked))))
            .service(allow("POST", resource(wire::UNPARK).route(web::post().to(consumers::unpark))))
            .service(allow("POST", resource(wire::DISCARD).route(web::post().to(consumers::discard))))
            .service(allow("GET", resource(wire::SNAPSHOT).route(web::get().to(snapshot::snapshot))))
            .service(allow("GET", resource(wire::PROBE).route(web::get().to(probe::probe))))
            .default_service(web::to(unknown_path))
            .wrap(authenticated);
        config.service(scope);
    }
}

/// Whether the request reads a page of rows, whose response may be long. Following the log does not count: it mostly
/// waits, and a follower must get a response also when the service is full of large requests.
#[must_use]
pub fn is_list(_: &Method, path: &str) -> bool {
    let below = path.strip_prefix(wire::BASE).and_then(|below| below.strip_prefix('/'));
    below.is_some_and(|name| EntityKind::ALL.iter().any(|kind| kind.collection() == name))
}

/// The response to a large request when the service handles the maximum of them: 429, because the storage itself works
/// and a client must not count this as its failure.
#[must_use]
pub fn overloaded() -> HttpResponse {
    let kind = ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) };
    let error = StorageError::new(kind, "admit")
        .with_detail("the service handles the maximum of large requests; try again later, or send a smaller one");
    Refusal::from(error).into_response()
}

/// A resource by its whole path, as the contract writes it.
fn resource(path: &str) -> Resource {
    web::resource(path.strip_prefix(wire::BASE).unwrap_or(path))
}

/// Rejects every other method with 405, which names the supported one.
fn allow(method: &'static str, resource: Resource) -> Resource {
    resource.default_service(web::to(move || method_not_allowed(method)))
}

async fn authenticate(
    tokens: AcceptedTokens,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if tokens.accept(request.headers()) {
        next.call(request).await
    } else {
        Ok(request.into_response(Refusal::unauthorized().into_response()))
    }
}
