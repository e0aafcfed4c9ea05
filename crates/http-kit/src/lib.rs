//! What every HTTP listener of the services shares: problem documents, request ids, trace context, access log, metrics,
//! health, routing, query parameters, limits and the check of who may send a request. It knows nothing of what a service
//! does.
//!
//! ```
//! use actix_service::apply;
//! use actix_web::{App, HttpResponse, middleware::from_fn};
//! use character_http_kit::{Endpoint, Endpoints, HttpMetrics, ProblemTypes, middleware};
//!
//! async fn greet() -> HttpResponse {
//!     HttpResponse::Ok().body("well met")
//! }
//!
//! let mut endpoints = Endpoints::default();
//! Endpoint::at("/greetings/{name}").get(greet).register(&mut endpoints);
//! let accounted = from_fn(middleware::account(ProblemTypes::BLANK, HttpMetrics::default()));
//! let app = App::new().default_service(apply(accounted, endpoints));
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod body;
mod client_end;
mod cors;
mod deadline;
mod deprecation;
mod endpoint;
mod guard;
pub mod health;
mod hosts;
mod kept_bodies;
pub mod middleware;
mod problem;
mod query;
mod schema;
mod tokens;

/// The media type of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The HTTP server that everything here is a part of.
pub use actix_web;
/// A body.
pub use bytes::Bytes;
/// What a probe of a [`HealthCheck`] returns.
pub use futures_util::future::BoxFuture;
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;
/// A token.
pub use secrecy::SecretString;
/// The clock of [`until`].
pub use tokio::time::Instant;

pub use body::{BodyError, BodyLimits, InvalidBodyLimits, read_body};
pub use client_end::ClientEnd;
pub use cors::{AllowedOrigins, Cors, InvalidOrigins};
pub use deadline::{REQUEST_TIMEOUT, request_timeout, until};
pub use deprecation::{DEPRECATION, Day, Deprecated, Deprecations, SUNSET};
pub use endpoint::{Endpoint, Endpoints, Operations, Refusals, Routing};
pub use guard::BrowserGuard;
pub use health::{DependencyStatus, Health, HealthCheck, HealthPaths, HealthStatus};
pub use hosts::{AllowedHosts, HostNames, InvalidHost};
pub use kept_bodies::KeptBodies;
pub use middleware::{Admission, CompressedAnswers, HttpMetrics, LongAnswers, RequestLimit, Unauthorized};
pub use problem::{FieldError, Problem, ProblemBody, ProblemTypes};
pub use query::{QueryParameters, whole_number};
pub use schema::inline_parts;
pub use tokens::{AcceptedTokens, FollowedToken, InvalidTokens};
