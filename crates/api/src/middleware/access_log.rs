//! One line in the log for each request.

use super::{current_request, route_and_status};
use actix_web::{
    Error,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use opentelemetry::trace::TraceContextExt;
use std::time::Instant;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Logs each request once it is answered, under the target `access`. The query is left out: it may tell of persons.
///
/// # Errors
/// Those of the inner service.
pub async fn log<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let answer = next.call(request).await;
    let (route, status) = route_and_status(&answer);
    let bytes = answer.as_ref().ok().and_then(|response| match response.response().body().size() {
        BodySize::None => Some(0),
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::Stream => None,
    });
    let context = tracing::Span::current().context();
    let trace = context.span().span_context().clone();
    tracing::info!(
        target: "access",
        %method,
        route = &*route,
        path,
        status,
        duration_ms = started.elapsed().as_secs_f64() * 1000.0,
        request_id = current_request().map(|request| request.id),
        trace_id = trace.is_valid().then(|| tracing::field::display(trace.trace_id())),
        bytes,
        "answered",
    );
    answer
}
