//! Keeps lines out of the log that the bytes of any client can cause.

use std::fmt;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Writes nothing for the line that actix-http writes at level ERROR when a connection ends without a readable request:
/// what a scanner sends is no failure of the service. Failures inside actix-http have lines of their own, which stay.
///
/// This is a format and no filter: a filter of one layer that refuses an event after it was enabled leaves the state of
/// the filters as it was for that event, and the next event finds it.
pub(crate) struct WithoutClientNoise<F>(pub(crate) F);

impl<S, N, F> FormatEvent<S, N> for WithoutClientNoise<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if is_noise(event) { Ok(()) } else { self.0.format_event(context, writer, event) }
    }
}

fn is_noise(event: &Event<'_>) -> bool {
    if !event.metadata().target().starts_with("actix_http::") {
        return false;
    }
    let mut message = Message::default();
    event.record(&mut message);
    message.is_noise
}

#[derive(Default)]
struct Message {
    is_noise: bool,
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.is_noise = format!("{value:?}").starts_with("stream error: ");
        }
    }
}
