//! One line in the log for each request.

use super::{Ended, request_id};
use opentelemetry::trace::TraceContextExt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Logs the current request, which is answered. The query is left out: it may tell of persons.
pub(super) fn write(ended: &Ended) {
    if !tracing::enabled!(target: "access", tracing::Level::INFO) {
        return;
    }
    let context = tracing::Span::current().context();
    let span = context.span();
    let trace = span.span_context();
    request_id::with_current(|current| {
        tracing::info!(
            target: "access",
            method = ended.method_text().as_ref(),
            route = ended.route,
            path = current.map(|request| request.path.as_str()),
            status = ended.status,
            duration_ms = ended.duration.as_secs_f64() * 1000.0,
            request_id = current.map(|request| request.id.as_str()),
            trace_id = trace.is_valid().then(|| tracing::field::display(trace.trace_id())),
            bytes = ended.bytes,
            "answered",
        );
    });
}
