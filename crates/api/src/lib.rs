//! The HTTP API `/api/v2` of the Character Service, over the repositories.
//!
//! A handler reads: take the request apart, let a repository act, answer. Whatever goes wrong on the way is a
//! [`Problem`].
#![warn(missing_debug_implementations)]

mod answer;
mod body;
mod bulk;
pub mod campaign;
pub mod character;
mod condition;
mod context;
mod deadline;
mod deprecated;
pub mod evolution;
mod fields;
pub mod inventory;
pub mod journal;
mod live;
mod merge;
mod object;
mod openapi;
mod pages;
mod position;
mod problem;
pub mod progress;
mod provenance;
mod query;
mod resource;
mod responses;
mod row;
mod sparse;
mod texts;
mod writable;
mod written;

pub use answer::{PageBody, UnreadableRowBody};
pub use bulk::{BulkCreated, BulkOutcome, BulkResult};
pub use deprecated::DEPRECATED;
pub use openapi::{openapi, register_docs_page};
pub use problem::{PROBLEM_TYPES, PROBLEMS, Problem, ProblemBody, ProblemKind, problems_document};
pub use row::RowBody;
pub use writable::{NewBody, PatchBody};

use crate::written::WrittenPages;
use actix_service::apply;
use actix_web::{ResponseError, http::Method, middleware::from_fn, web};
use character_domain::size::{MAX_BULK, MAX_ROW};
use character_http_kit::{
    Admission, BrowserGuard, CompressedAnswers, Cors, Endpoints, Health, HealthPaths, HttpMetrics, LongAnswers,
    QueryParameters, RequestLimit, health, middleware,
};
use character_live_updates::LiveUpdates;
use character_repositories::Repositories;
use character_storage_port::MAX_PAGE_BYTES;
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};

/// Every request header that the API reads.
const REQUEST_HEADERS: &str = "Accept, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, \
                               Storage-Position, Traceparent, Tracestate, X-Request-Id, X-Request-Timeout-Ms, X-User-Id";
/// The headers of answers that a page of another origin may read.
const EXPOSED_HEADERS: &str = "Age, Allow, Cache-Status, Deprecation, ETag, Idempotency-Replayed, Link, Location, Retry-After, Storage-Position, Sunset, X-Request-Id";

/// How much a client may send.
#[derive(Clone, Copy, Debug)]
pub struct ApiLimits {
    /// Largest body of a request about one row, and largest row of a bulk, in bytes. Default: [`MAX_ROW`], which is
    /// more than any row that may be stored needs: documents have a limit of their own.
    pub body: usize,
    /// Largest body of a bulk, in bytes. Default: [`MAX_BULK`].
    pub bulk_body: usize,
    /// How long a body may take to arrive, beside the time that it takes at `body_rate`. Default: 10 s.
    pub body_timeout: Duration,
    /// The slowest average upload that is waited for, in bytes a second. Default: 65536.
    pub body_rate: u32,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self { body: MAX_ROW, bulk_body: MAX_BULK, body_timeout: Duration::from_secs(10), body_rate: 65536 }
    }
}

/// All that the API works with.
#[derive(Debug)]
pub struct Api {
    /// What it acts through.
    pub repositories: Repositories,
    /// The live updates that clients can stream.
    pub live: LiveUpdates,
    /// How much a client may send.
    pub limits: ApiLimits,
    /// The address of the source code, a link of the page at `/`; `None`: no link.
    pub repository: Option<String>,
    /// The dependencies that `/health` tells of.
    pub health: Arc<Health>,
    /// Counts every request. Register it in the registry below.
    pub http_metrics: HttpMetrics,
    /// The budget for large requests and answers. Register it in the registry below.
    pub admission: Admission,
    /// How many requests are handled at the same time. Register it in the registry below.
    pub requests: RequestLimit,
    /// What `/metrics` shows.
    pub registry: Arc<Registry>,
}

/// Every path of the service, with its middleware, as the default service: any other path is answered 404.
///
/// ```
/// # fn app(api: std::sync::Arc<character_api::Api>) {
/// let service = actix_web::App::new().configure(character_api::configure(api));
/// # }
/// ```
pub fn configure(api: Arc<Api>) -> impl Fn(&mut web::ServiceConfig) + Clone {
    configure_for(api, BrowserGuard::default(), HealthPaths::All)
}

/// As [`configure`], behind a guard, and with these of the paths of [`health`]. Pages of the origins that the guard permits
/// can read every answer; without such origins CORS is off.
pub fn configure_for(
    api: Arc<Api>,
    guard: BrowserGuard,
    health_paths: HealthPaths,
) -> impl Fn(&mut web::ServiceConfig) + Clone {
    let answers = CompressedAnswers::default();
    let pages = web::Data::new(WrittenPages::default());
    move |config| {
        let mut endpoints = Endpoints::default().refusing_parameters_of(openapi::parameterless, |request| {
            Problem::from(QueryParameters::among(&[], request.query_string()).into_problem()).error_response()
        });
        endpoints = endpoints.refusing_bodies_of(openapi::bodiless, api.limits.body_timeout, |_| {
            Problem::field("body", "must be absent: the operation takes none").error_response()
        });
        endpoints = endpoints.with_deprecations(deprecated::DEPRECATIONS).counted_in(api.http_metrics.clone());
        health::register(&mut endpoints, health_paths, &api.health, &api.registry);
        openapi::register(&mut endpoints);
        pages::register(&mut endpoints);
        character::register(&mut endpoints);
        inventory::register(&mut endpoints);
        journal::register(&mut endpoints);
        progress::register(&mut endpoints);
        evolution::register(&mut endpoints);
        campaign::register(&mut endpoints);
        live::register(&mut endpoints);
        let accounted = from_fn(middleware::account(PROBLEM_TYPES, api.http_metrics.clone()));
        let long = LongAnswers { of: may_be_long, bytes: MAX_PAGE_BYTES as u64 };
        let admitted =
            from_fn(middleware::admit(api.admission.clone(), long, || Problem::overloaded().error_response()));
        // Not a scope: the routing of actix-web would look for the paths that are in the tree of the endpoints.
        config.app_data(web::Data::from(Arc::clone(&api))).app_data(pages.clone());
        let guarded = from_fn(guard.clone().middleware());
        let with_headers = from_fn(middleware::security_headers);
        let refusal = || Problem::overloaded().error_response();
        let limited = from_fn(middleware::limit_requests(api.requests.clone(), is_limited, refusal));
        // A refusal of the guard must not reserve anything, so the guard is outside.
        let positioned = from_fn(position::keep_position);
        let timed = from_fn(deadline::keep_deadline);
        let compressed = from_fn(middleware::compress(answers.clone()));
        let answering = |endpoints| {
            // A list that waits for its turn holds no place of the requests that are handled.
            let endpoints = apply(timed, apply(admitted, apply(limited, apply(positioned, endpoints))));
            apply(accounted, apply(compressed, apply(guarded, endpoints)))
        };
        match &guard.origins {
            None => config.default_service(apply(with_headers, answering(endpoints))),
            Some(origins) => {
                let cors = Cors {
                    origins: origins.clone(),
                    request_headers: REQUEST_HEADERS,
                    exposed_headers: EXPOSED_HEADERS,
                };
                let answered = answering(endpoints.with_preflight(cors.clone()));
                config.default_service(apply(with_headers, apply(from_fn(cors.middleware()), answered)))
            }
        };
    }
}

/// Whether a request counts among those that are handled at the same time. Probes and documents do not, since they must be
/// answered under load; nor does a stream of live updates, which waits.
fn is_limited(_: &Method, path: &str) -> bool {
    path.starts_with("/api/") && path != live::PATH
}

/// Whether the answer may be as long as a page of the largest rows: a read of anything but one row by its id.
/// The stream of live updates sends little at a time.
#[must_use]
pub fn may_be_long(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && path.starts_with("/api/")
        && path != live::PATH
        && path.rsplit('/').next().is_some_and(|last| fields::uuid(last).is_none())
}
