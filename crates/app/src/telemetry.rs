//! Logs and trace context of the process.

use crate::{
    client_noise::WithoutClientNoise,
    config::{LogConfig, LogFormat, log_filter},
    log_lines::LogLines,
    otlp,
    repetitions::Repetitions,
    request_ids,
};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use std::sync::{Arc, OnceLock};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, Targets, filter_fn},
    fmt::{MakeWriter, format::debug_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

/// Starts logging to what `lines` makes, such as [`std::io::stderr`], and takes W3C trace context in and out. A second
/// call changes nothing.
///
/// Spans get trace ids so that `traceparent` can be passed on.
///
/// # Errors
/// When the filter cannot be parsed, which [`LogConfig`] has ruled out.
pub fn start<W>(config: &LogConfig, lines: W) -> Result<(), tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let repetitions = Arc::new(Repetitions::new(config.repeats_per_minute));
    start_with(config, lines, &repetitions, &otlp::without_collector())
}

/// What is noise is left out before it is counted as a repetition.
fn form<F>(inner: F, format: LogFormat, repetitions: &Arc<Repetitions>) -> WithoutClientNoise<LogLines<F>> {
    WithoutClientNoise(LogLines { inner, format, repetitions: Arc::clone(repetitions) })
}

/// The same; `repetitions` counts the lines that were held back, and the spans go to `provider`.
pub(crate) fn start_with<W>(
    config: &LogConfig,
    lines: W,
    repetitions: &Arc<Repetitions>,
    provider: &SdkTracerProvider,
) -> Result<(), tracing_subscriber::filter::ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let lines = match config.format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            // No line shows its spans, so their fields are not written down for it.
            .fmt_fields(debug_fn(|_, _, _| Ok(())))
            .map_event_format(|inner| form(inner, config.format, repetitions))
            // They would go to the standard error output past `lines`.
            .log_internal_errors(false)
            .with_writer(lines)
            .boxed(),
        LogFormat::Human => tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .map_event_format(|inner| form(inner, config.format, repetitions))
            .log_internal_errors(false)
            .with_writer(lines)
            .boxed(),
    };
    let filter = || EnvFilter::try_new(&config.filter);
    let ((traced, of_traces), (logged, of_lines)) = (reload::Layer::new(filter()?), reload::Layer::new(filter()?));
    // A trace id is needed also where nothing is logged.
    let own = Targets::new().with_default(LevelFilter::INFO);
    // Those that are not logged would cost as much as all the rest of an answer from the cache: they are for a collector alone.
    let collects = config.otlp.is_some();
    let own = if collects { own.with_target(OWN, LevelFilter::DEBUG) } else { own };
    // Only a collector is told what happens within a span; a span itself has its place in a trace without one.
    let of_interest = filter_fn(move |metadata| collects || metadata.is_span());
    // Without the hint every line that is off would be asked about again.
    let traced = traced.or(own).and(of_interest.with_max_level_hint(LevelFilter::TRACE));
    let registry = tracing_subscriber::registry()
        .with(traces(provider).with_filter(traced))
        .with(request_ids::layer())
        .with(lines.with_filter(logged));
    // An embedding program or another test may have installed its own subscriber; that one then stays.
    if registry.try_init().is_ok() {
        let change = move |text: &str| {
            let filter = || EnvFilter::try_new(text).map_err(|error| error.to_string());
            let (traced, logged) = (filter()?, filter()?);
            let replaced = of_traces.reload(traced).and_then(|()| of_lines.reload(logged));
            replaced.map_err(|error| error.to_string())
        };
        // The subscriber was installed once, and so is this.
        drop(CHANGE.set(Box::new(change)));
    }
    Ok(())
}

type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Changes the filter of the process.
static CHANGE: OnceLock<Change> = OnceLock::new();

/// Logs by another filter from now on.
///
/// # Errors
/// When the filter cannot be used, or [`start`] did not install the subscriber of this process.
pub(crate) fn change_filter(text: &str) -> Result<(), String> {
    let text = log_filter(text)?;
    CHANGE.get().map_or_else(|| Err("another program has installed the log".to_owned()), |change| change(&text))
}

/// With what the targets of all our crates begin.
const OWN: &str = "character_";

/// Gives spans their place in a trace, and hands them to the provider.
fn traces<S: Subscriber + for<'a> LookupSpan<'a>>(provider: &SdkTracerProvider) -> OpenTelemetryLayer<S, SdkTracer> {
    // Spans bear what a trace needs. What else could be noted of each costs a look at the clock whenever it is entered.
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("character-service"))
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_location(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
    use tracing::{info_span, subscriber::with_default};
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    #[test]
    fn a_trace_that_begins_here_is_not_called_sampled_since_nobody_keeps_it() {
        with_default(tracing_subscriber::registry().with(traces(&otlp::without_collector())), || {
            let context = info_span!("request").context();
            assert!(context.span().span_context().is_valid());
            assert!(!context.span().span_context().is_sampled());
        });
    }

    #[test]
    fn a_trace_that_began_elsewhere_goes_on_as_it_was() {
        for flags in [TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED] {
            let (trace, caller) = (TraceId::from(7), SpanId::from(8));
            let parent = SpanContext::new(trace, caller, flags, true, TraceState::default());
            with_default(tracing_subscriber::registry().with(traces(&otlp::without_collector())), || {
                let request = info_span!("request");
                request.set_parent(opentelemetry::Context::new().with_remote_span_context(parent)).unwrap();
                let attempt = request.in_scope(|| info_span!("attempt"));
                let context = attempt.context();
                let passed_on = context.span().span_context().clone();
                assert_eq!((passed_on.trace_id(), passed_on.trace_flags()), (trace, flags));
                assert_ne!(passed_on.span_id(), caller);
            });
        }
    }
}
