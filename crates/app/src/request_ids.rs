//! The id of the request that a span belongs to, for log lines and for requests to other services.
//!
//! A task that a request starts, such as one load for several readers, has the span of the request but not its task: so the
//! span holds the id.

use character_http_kit::middleware::REQUEST_SPAN;
use std::fmt;
use tracing::{
    Metadata, Span, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, Registry, filter::filter_fn, layer::Context, registry::LookupSpan};

/// The field of the span that holds the id.
const FIELD: &str = "request_id";

struct RequestId(String);

struct RequestIds;

/// Keeps the id of each request with its span.
pub(crate) fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_of_request = |metadata: &Metadata<'_>| metadata.is_span() && metadata.name() == REQUEST_SPAN;
    // Without the hint every line that is off would be asked about again.
    RequestIds.with_filter(filter_fn(is_of_request).with_max_level_hint(LevelFilter::INFO))
}

impl<S> Layer<S> for RequestIds
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Found(None);
        attributes.record(&mut found);
        if let (Some(request), Some(span)) = (found.0, context.span(id)) {
            span.extensions_mut().insert(RequestId(request));
        }
    }
}

struct Found(Option<String>);

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == FIELD {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The id of the request that the current span belongs to; `None` outside of one.
pub(crate) fn current() -> Option<String> {
    let found = Span::current().with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.scope().find_map(|span| span.extensions().get::<RequestId>().map(|id| id.0.clone()))
    });
    found.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{info_span, subscriber::with_default};
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_span_below_that_of_a_request_knows_the_id_of_the_request() {
        with_default(tracing_subscriber::registry().with(layer()), || {
            assert_eq!(current(), None);
            let request = info_span!(REQUEST_SPAN, request_id = "asked-by-a-test");
            let below = request.in_scope(|| info_span!(REQUEST_SPAN, other = 1));
            assert_eq!(below.in_scope(current).as_deref(), Some("asked-by-a-test"));
            assert_eq!(current(), None);
        });
    }
}
