//! How many requests there were, how they ended, and how long they took.

use super::Ended;
use actix_web::http::Method;
use opentelemetry::{Context, trace::TraceContextExt};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        exemplar::HistogramWithExemplars,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::time::SystemTime;

/// Seconds, fine where a cache answers and wide enough for the overall deadline of the storage.
const BUCKETS: [f64; 18] = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];

/// What answers when something is broken. They exist with 0 before the first of them, so that it is an increase.
const FAILURES: [u16; 4] = [500, 502, 503, 504];

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

/// The label of an exemplar: the trace of one request of the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trace {
    trace_id: String,
}

impl Trace {
    /// The trace, if it is sampled: a collector knows no other.
    fn of(context: &Context) -> Option<Self> {
        let span = context.span();
        let span = span.span_context();
        (span.is_valid() && span.is_sampled()).then(|| Self { trace_id: span.trace_id().to_string() })
    }
}

/// `http_server_requests_total` by method, route and status, `http_server_request_duration_seconds` by method and route,
/// `http_server_requests_in_flight`, and the sizes of bodies: `http_server_request_body_bytes` and
/// `http_server_response_body_bytes`. Clones share their numbers.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Latencies, fn() -> Latencies>,
    in_flight: Gauge,
    received: Histogram,
    sent: Histogram,
}

type Latencies = HistogramWithExemplars<Trace>;

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        // 64 B to 256 MiB.
        let sizes = || Histogram::new(exponential_buckets(64.0, 4.0, 12));
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Latencies::new(BUCKETS.into_iter())),
            in_flight: Gauge::default(),
            received: sizes(),
            sent: sizes(),
        }
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
        let help = "Requests that are being answered";
        registry.register("http_server_requests_in_flight", help, self.in_flight.clone());
        let help = "Size of request bodies, where one is announced";
        registry.register_with_unit("http_server_request_body", help, Unit::Bytes, self.received.clone());
        let help = "Size of response bodies, where it is known before they are sent";
        registry.register_with_unit("http_server_response_body", help, Unit::Bytes, self.sent.clone());
    }

    /// Shows the failures of an operation with 0.
    pub(crate) fn expect(&self, method: &Method, route: &'static str) {
        self.expect_failures(label(method), route);
    }

    fn expect_failures(&self, method: &'static str, route: &'static str) {
        for status in FAILURES {
            drop(self.requests.get_or_create(&Answered { method, route, status }));
        }
    }

    /// Counts a request as in flight until the guard is dropped, also when it is cancelled.
    pub(super) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts the end of a request, whose place in its trace is `context`.
    pub(super) fn observe(&self, ended: Ended, context: &Context) {
        let Ended { asked, route, status, bytes, duration, .. } = ended;
        if let Some(bytes @ 1..) = asked.bytes {
            self.received.observe(bytes as f64);
        }
        if let Some(bytes) = bytes {
            self.sent.observe(bytes as f64);
        }
        let asked = Asked { method: label(&asked.method), route };
        let (seconds, trace) = (duration.as_secs_f64(), Trace::of(context));
        let at = trace.as_ref().map(|_| SystemTime::now());
        let is_known = self.durations.get(&asked).map(|known| known.observe(seconds, trace.clone(), at)).is_some();
        let Asked { method, route } = asked;
        if !is_known {
            self.durations.get_or_create(&Asked { method, route }).observe(seconds, trace, at);
            self.expect_failures(method, route);
        }
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
