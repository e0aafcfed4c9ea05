//! How many requests there were, how they ended, and how long they took.

use super::Ended;
use actix_web::http::Method;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Seconds, fine where a cache answers and wide enough for the overall deadline of the storage.
const BUCKETS: [f64; 15] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: &'static str,
}

/// `http_server_requests_total` by method, route and status, and `http_server_request_duration_seconds` by method and
/// route. Clones share their numbers.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram, fn() -> Histogram>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self { requests: Family::default(), durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)) }
    }
}

impl HttpMetrics {
    /// Shows them in this registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_server_requests", "Requests, by method, route and status", self.requests.clone());
        registry.register(
            "http_server_request_duration_seconds",
            "Time from the head of the request to the head of the response",
            self.durations.clone(),
        );
    }

    pub(super) fn observe(&self, ended: Ended) {
        let Ended { method, route, status, duration, .. } = ended;
        let asked = Asked { method: label(&method), route };
        self.durations.get_or_create(&asked).observe(duration.as_secs_f64());
        let Asked { method, route } = asked;
        self.requests.get_or_create(&Answered { method, route, status }).inc();
    }
}

/// A client may invent methods, but not labels.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
