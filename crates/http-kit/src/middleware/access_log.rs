//! One line in the log for each request.

use super::{Ended, request_id};
use crate::endpoint::UsedBy;
use opentelemetry::{Context, trace::TraceContextExt};

/// Writes the line of one request at a level that must be a constant.
macro_rules! line {
    ($level:ident, $ended:expr, $current:expr, $trace:expr) => {
        tracing::$level!(
            target: "access",
            method = $ended.method_text().as_ref(),
            route = $ended.route,
            path = $current.map(|request| request.path.as_str()),
            status = $ended.status,
            duration_ms = $ended.duration.as_secs_f64() * 1000.0,
            request_id = $current.map(|request| request.id.as_str()),
            trace_id = $trace.is_valid().then(|| tracing::field::display($trace.trace_id())),
            client = $ended.asked.client.map(tracing::field::display),
            principal = request_id::principal().as_deref(),
            cache_status = $ended.cache_status.as_ref().and_then(|value| value.to_str().ok()),
            bytes = $ended.bytes,
            "answered",
        )
    };
}

/// Logs the current request, which is answered: at level `DEBUG` when it is a poll that succeeded, else at `INFO`. The
/// query is left out: it may tell of persons.
pub(super) fn write(ended: &Ended, context: &Context) {
    let is_poll = ended.status < 400 && ended.used_by == UsedBy::Polls;
    let span = context.span();
    let trace = span.span_context();
    request_id::with_current(|current| {
        if is_poll { line!(debug, ended, current, trace) } else { line!(info, ended, current, trace) }
    });
}
