//! Serves any [`StoragePort`] over version 1 of the storage's HTTP contract.
//!
//! ```no_run
//! use actix_web::App;
//! use character_http_kit::AcceptedTokens;
//! use character_storage_port::MemoryStorage;
//! use character_storage_server::{Limits, StorageServer};
//! use std::{sync::Arc, time::Duration};
//!
//! # fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = AcceptedTokens::new(["the secret of the day".to_owned().into()])?;
//! let server = StorageServer::new(Arc::new(MemoryStorage::new()), tokens, Limits::default())?;
//! let app = App::new().configure(|config| server.configure(config));
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod body;
mod consumers;
mod deadline;
mod entities;
mod limits;
mod log;
mod openapi;
mod probe;
mod rows;
mod schemas;
mod snapshot;
mod transactions;

/// Every path of the contract begins with this one, and every request to it needs a bearer token.
pub const BASE: &str = wire::BASE;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The HTTP server whose application serves the contract.
pub use actix_web;
/// The tokens that clients send, and endpoints beside the contract.
pub use character_http_kit::{AcceptedTokens, Endpoints, InvalidBodyLimits};

pub use limits::{LONGEST_WAIT, Limits};
pub use openapi::openapi;

use crate::answer::{Refusal, method_not_allowed, unknown_path};
use actix_service::apply;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::from_fn,
    web,
};
use character_http_kit::{Endpoint, FollowedToken, Refusals, middleware::checked};
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
    ///
    /// # Errors
    /// As [`Limits::check`].
    pub fn new(port: Arc<dyn StoragePort>, tokens: AcceptedTokens, limits: Limits) -> Result<Self, InvalidBodyLimits> {
        limits.check()?;
        Ok(Self { port, tokens, limits })
    }

    /// Serves the contract and nothing else.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let service = self.service(config, Endpoints::default());
        config.default_service(service);
    }

    /// The token of the request, as long as its response lasts.
    pub(crate) fn follow(&self, request: &HttpRequest) -> FollowedToken {
        self.tokens.follow(request.headers())
    }

    /// The contract, and other endpoints beside it, which need no token. It is to be the default service of the application
    /// that `config` configures; more may be wrapped around it.
    pub fn service(
        &self,
        config: &mut web::ServiceConfig,
        beside: Endpoints,
    ) -> impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>
    {
        let mut endpoints = beside.with_refusals(Refusals { no_such_path: unknown_path, method_not_allowed });
        register(&mut endpoints);
        config.app_data(web::Data::new(self.clone()));
        let tokens = self.tokens.clone();
        let authenticated = checked(move |request| {
            // The path as the endpoints read it: `/%73torage` is `/storage`.
            let is_open = !is_below_base(request.match_info().unprocessed()) || tokens.accept(request.headers());
            if is_open { Ok(()) } else { Err(Refusal::unauthorized()) }
        });
        apply(from_fn(authenticated), apply(from_fn(deadline::keep_deadline), endpoints))
    }
}

/// Whether the request reads a page of rows, whose response may be long. Following the log does not count: it mostly
/// waits, and a follower must get a response also when the service is full of large requests.
#[must_use]
pub fn is_list(_: &Method, path: &str) -> bool {
    let below = path.strip_prefix(wire::BASE).and_then(|below| below.strip_prefix('/'));
    below.is_some_and(|name| EntityKind::ALL.iter().any(|kind| kind.collection() == name))
}

/// Whether a request counts among those that are handled at the same time. A follower of the log waits for commits, and what is
/// not of the contract must be answered under load.
#[must_use]
pub fn is_limited(_: &Method, path: &str) -> bool {
    path.starts_with(wire::BASE) && path != wire::LOG
}

/// The response to a request when the service handles as many as it can, or as many large ones: 429, because the storage itself works
/// and a client must not count this as its failure.
#[must_use]
pub fn overloaded() -> HttpResponse {
    let kind = ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) };
    let error = StorageError::new(kind, "admit")
        .with_detail("the service handles as many requests as it can; try again later, or send a smaller one");
    Refusal::from(error).into_response()
}

/// Adds the paths of the contract.
fn register(endpoints: &mut Endpoints) {
    every_kind!(Row => rows::register::<Row>(endpoints));
    for endpoint in [
        Endpoint::at(wire::TRANSACTIONS).post(transactions::commit),
        Endpoint::at(wire::BATCH).post(transactions::commit_each),
        Endpoint::at(wire::LOG).get_alone(log::follow).polled(),
        Endpoint::at(wire::LOG_HEAD).get_alone(log::head),
        Endpoint::at(wire::CONSUMERS).get_alone(consumers::consumers),
        Endpoint::at(wire::LEASE).post(consumers::lease).polled(),
        Endpoint::at(wire::ADVANCE).post(consumers::advance),
        Endpoint::at(wire::RELEASE).post(consumers::release),
        Endpoint::at(wire::PARK).post(consumers::park),
        Endpoint::at(wire::PARKED).get_alone(consumers::parked),
        Endpoint::at(wire::UNPARK).post(consumers::unpark),
        Endpoint::at(wire::DISCARD).post(consumers::discard),
        Endpoint::at(wire::SNAPSHOT).get_alone(snapshot::snapshot),
        Endpoint::at(wire::PROBE).get_alone(probe::probe).polled(),
    ] {
        endpoint.register(endpoints);
    }
}

fn is_below_base(path: &str) -> bool {
    path.strip_prefix(wire::BASE).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::{FOLLOW, LEASE, POLLED, PROBE};
    use std::collections::BTreeSet;

    #[test]
    fn the_polled_paths_are_those_of_the_polled_operations() {
        let mut endpoints = Endpoints::default();
        register(&mut endpoints);
        let paths = [(FOLLOW, wire::LOG), (LEASE, wire::LEASE), (PROBE, wire::PROBE)];
        let polled: BTreeSet<_> = endpoints.polled().collect();
        assert_eq!(polled, paths.iter().map(|(_, path)| *path).collect());
        assert_eq!(BTreeSet::from_iter(POLLED), paths.iter().map(|(operation, _)| operation).collect());
    }
}
