//! A span around each request, in the trace that the client began.

use super::{current_request, route_and_status};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::HeaderMap,
    middleware::Next,
};
use opentelemetry::{global, propagation::Extractor};
use tracing::{Instrument, field::Empty};
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

/// Answers the request within a span that continues the trace of its `traceparent`, by the global propagator.
///
/// # Errors
/// Those of the inner service.
pub async fn span<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let span = tracing::info_span!(
        "http.request",
        otel.kind = "server",
        otel.name = Empty,
        http.request.method = %request.method(),
        url.path = request.path(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = current_request().map(|request| request.id),
    );
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
    // It fails only when nobody listens to spans, and then there is no trace to continue.
    let _ = span.set_parent(parent);
    let method = request.method().clone();
    let answer = next.call(request).instrument(span.clone()).await;
    if !span.is_disabled() {
        let (route, status) = route_and_status(&answer);
        span.record("otel.name", format!("{method} {route}"));
        span.record("http.route", &*route);
        span.record("http.response.status_code", status);
    }
    answer
}
