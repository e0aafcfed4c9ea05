//! A span around each request, in the trace that the client began.

use super::{CurrentRequest, Ended};
use actix_web::{dev::ServiceRequest, http::header::HeaderMap};
use opentelemetry::{global, propagation::Extractor};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// A span that continues the trace of the request's `traceparent`, by the global propagator.
pub(super) fn begin(request: &ServiceRequest, current: &CurrentRequest) -> Span {
    let span = tracing::info_span!(
        "http.request",
        otel.kind = "server",
        otel.name = Empty,
        http.request.method = %request.method(),
        url.path = request.path(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = current.id,
    );
    if !span.is_disabled() {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
        // It fails only when no tracer listens, and then there is no trace to continue.
        let _ = span.set_parent(parent);
    }
    span
}

/// Notes in the current span how its request ended.
pub(super) fn end(ended: &Ended) {
    let span = Span::current();
    if !span.is_disabled() {
        tracing::record_all!(
            span,
            otel.name = format!("{} {}", ended.method, ended.route),
            http.route = ended.route.as_ref(),
            http.response.status_code = ended.status,
        );
    }
}
