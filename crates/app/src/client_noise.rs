//! Keeps lines out of the log that the bytes of any client can cause.

use std::fmt;
use tracing::{
    Event, Metadata,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::Interest,
};
use tracing_subscriber::layer::{Context, Filter};

/// Drops the line that actix-http writes at level ERROR when a connection ends without a readable request: what a scanner
/// sends is no failure of the service. Failures inside actix-http have lines of their own, which stay.
pub(crate) struct NoClientNoise;

impl<S> Filter<S> for NoClientNoise {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    // These two say that the filter decides by events alone, so that it costs nothing elsewhere.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if !event.metadata().target().starts_with("actix_http::") {
            return true;
        }
        let mut message = Message::default();
        event.record(&mut message);
        !message.is_noise
    }
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
