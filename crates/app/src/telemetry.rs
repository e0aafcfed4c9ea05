//! Logs and trace context of the process.

use crate::config::{LogConfig, LogFormat};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter},
    fmt::{MakeWriter, format::debug_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts logging to what `lines` makes, such as [`std::io::stderr`], and takes W3C trace context in and out. A second
/// call changes nothing.
///
/// Spans get trace ids so that `traceparent` can be passed on; exporting them is a matter of adding a processor here.
///
/// # Errors
/// When the filter cannot be parsed, which [`LogConfig`] has ruled out.
pub fn start<W>(config: &LogConfig, lines: W) -> Result<(), tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder().build();
    // Spans bear what a trace needs. What else could be noted of each costs a look at the clock whenever it is entered.
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("character-service"))
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_location(false);
    let lines = match config.format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            // No line shows its spans, so their fields are not written down for it.
            .fmt_fields(debug_fn(|_, _, _| Ok(())))
            .with_writer(lines)
            .boxed(),
        LogFormat::Human => tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines).boxed(),
    };
    let filter = || EnvFilter::try_new(&config.filter);
    // A trace id is needed also where nothing is logged. What lies within one process is traced when it is logged: it
    // costs as much as all the rest of an answer from the cache.
    let traced = filter()?.or(LevelFilter::INFO);
    let registry = tracing_subscriber::registry().with(traces.with_filter(traced)).with(lines.with_filter(filter()?));
    // An embedding program or another test may have installed its own subscriber; that one then stays.
    drop(registry.try_init());
    Ok(())
}
