//! The trace context that a request carries: `traceparent` and what else the propagator of the process writes.

use reqwest::header::HeaderMap;

#[cfg(feature = "otel")]
pub(crate) fn headers() -> HeaderMap {
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let context = tracing::Span::current().context();
    let mut headers = Headers(HeaderMap::new());
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut headers));
    headers.0
}

#[cfg(not(feature = "otel"))]
pub(crate) fn headers() -> HeaderMap {
    HeaderMap::new()
}

/// The `traceparent` of the current span, for a transport that does not carry HTTP headers. `None` without a span, and
/// without the feature `otel`.
#[must_use]
pub fn current_trace_parent() -> Option<String> {
    headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(feature = "otel")]
struct Headers(HeaderMap);

#[cfg(feature = "otel")]
impl opentelemetry::propagation::Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        use reqwest::header::{HeaderName, HeaderValue};

        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
