//! The trace of the current span, in words that a storage can keep.

use opentelemetry::{global, propagation::Injector};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

#[derive(Default)]
struct TraceParent(Option<String>);

impl Injector for TraceParent {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

/// The W3C `traceparent` of the current span; `None` outside of one.
pub(crate) fn current() -> Option<String> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let mut found = TraceParent::default();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&span.context(), &mut found));
    found.0
}
