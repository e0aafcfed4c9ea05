//! Traces and metrics for a collector of OpenTelemetry.

use crate::config::{LogConfig, OtlpSettings, unread_of_open_telemetry};
use character_error_reporter::redacted;
use character_http_kit::middleware;
use character_otlp::{OtlpClient, SpanSender};
use character_storage_port::POLLED;
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample};
use prometheus_client::registry::Registry;
use std::{
    env,
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// How long the process waits at its end until the last spans are sent.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// The sampler of the configuration, except for polls that no trace of a caller contains: requests to a polled endpoint, and polled
/// operations of the storage.
#[derive(Clone, Debug)]
struct WithoutPolls(Sampler);

impl ShouldSample for WithoutPolls {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let has_parent = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        let is_poll = |attribute: &KeyValue| match attribute.key.as_str() {
            middleware::POLLED => attribute.value == true.into(),
            "operation" => POLLED.contains(&&*attribute.value.as_str()),
            _ => false,
        };
        if !has_parent && attributes.iter().any(is_poll) {
            let state = TraceState::default();
            return SamplingResult { decision: SamplingDecision::Drop, attributes: Vec::new(), trace_state: state };
        }
        self.0.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// The tracer that sends its spans to the collector, or, without one, gives spans their place in a trace and sends nothing.
///
/// # Errors
/// When the client cannot be built.
pub(crate) fn provider(
    settings: Option<&OtlpSettings>,
    runtime: &Handle,
) -> Result<SdkTracerProvider, Box<dyn Error + Send + Sync>> {
    let Some(settings) = settings else { return Ok(without_collector()) };
    let client = OtlpClient::new(settings.client.clone(), runtime.clone())?;
    let provider = SdkTracerProvider::builder().with_sampler(WithoutPolls(settings.sampler.clone()));
    Ok(provider.with_batch_exporter(SpanSender::new(client)).build())
}

/// Only a process that keeps spans may call them sampled: others would look for them.
pub(crate) fn without_collector() -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build()
}

/// Sends the last spans. Blocks the thread for at most three seconds, and must not be called on a thread of the runtime.
pub(crate) fn finish(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(LAST_SPANS) {
        tracing::warn!(error = %redacted(&error), "the last spans were not sent to the collector");
    }
}

/// Sends the metrics of the registry to the collector, if there is one, until the process ends. Needs a Tokio runtime.
///
/// # Errors
/// When the client cannot be built.
pub(crate) fn send_metrics(log: &LogConfig, registry: &Arc<Registry>) -> Result<(), Box<dyn Error + Send + Sync>> {
    for name in unread_of_open_telemetry(env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
        tracing::warn!("{name} has no effect: --help lists the variables of OpenTelemetry that are read");
    }
    let Some(settings) = &log.otlp else { return Ok(()) };
    let client = OtlpClient::new(settings.client.clone(), Handle::current())?;
    let (registry, interval, started) = (Arc::clone(registry), settings.metric_interval, SystemTime::now());
    tracing::info!("traces and metrics are sent to a collector of OpenTelemetry at {}", settings.client.endpoint);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        loop {
            ticks.tick().await;
            if let Err(error) = client.send_metrics(&registry, started).await {
                tracing::warn!(error = %redacted(&error), "the collector does not take the metrics");
            }
        }
    });
    Ok(())
}
