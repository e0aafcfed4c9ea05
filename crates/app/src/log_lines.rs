//! The form of log lines: with the ids of the request that they belong to, and without endless repetitions.

use crate::{config::LogFormat, repetitions::Repetitions, request_ids};
use opentelemetry::trace::TraceContextExt;
use std::{fmt, sync::Arc};
use tracing::{Event, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// The target of the lines about requests, which name their ids themselves.
const ACCESS: &str = "access";

/// Adds the ids to what `inner` writes, unless the line was repeated too often.
pub(crate) struct LogLines<F> {
    pub(crate) inner: F,
    pub(crate) format: LogFormat,
    pub(crate) repetitions: Arc<Repetitions>,
}

impl<S, N, F> FormatEvent<S, N> for LogLines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target() == ACCESS {
            return self.inner.format_event(context, writer, event);
        }
        if self.repetitions.hold_back(event) {
            return Ok(());
        }
        let ids = match self.format {
            LogFormat::Json => ids(event),
            // The span stands before the line, with its fields.
            LogFormat::Human => Vec::new(),
        };
        if ids.is_empty() {
            return self.inner.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let Some(open) = line.trim_end().strip_suffix('}') else { return writer.write_str(&line) };
        writer.write_str(open)?;
        for (name, id) in ids {
            write!(writer, ",\"{name}\":{}", serde_json::Value::String(id))?;
        }
        writer.write_str("}\n")
    }
}

/// The ids of the current request and trace that the line does not name itself.
fn ids(event: &Event<'_>) -> Vec<(&'static str, String)> {
    let fields = event.metadata().fields();
    let mut ids = Vec::new();
    if fields.field("request_id").is_none() {
        ids.extend(request_ids::current().map(|id| ("request_id", id)));
    }
    if fields.field("trace_id").is_none() {
        let context = Span::current().context();
        let span = context.span();
        let trace = span.span_context();
        ids.extend(trace.is_valid().then(|| ("trace_id", trace.trace_id().to_string())));
    }
    ids
}
