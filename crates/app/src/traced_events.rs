//! Spans of events on their way: each belongs to the trace of the change that it reports.

use crate::config::LogConfig;
use async_trait::async_trait;
use character_inbox::{EventHandler, Handled, Received};
use character_message_hub::{
    CloudEvent, Deliveries, Message, MessageHub, Published, Reply, Result, ServiceRequest, Subscription,
};
use opentelemetry::{global, propagation::Extractor};
use std::{sync::Arc, time::Duration};
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

struct Parent<'a>(&'a str);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Puts the span into the trace of the event.
fn continue_trace(span: &Span, event: &CloudEvent) {
    if span.is_disabled() {
        return;
    }
    if let Some(parent) = event.extension(TRACEPARENT) {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Parent(parent)));
        // It fails only when no tracer listens, and then there is no trace to continue.
        let _ = span.set_parent(parent);
    }
}

/// The hub, with a span for each event that this process publishes or keeps, when a collector receives spans.
pub(crate) fn over(hub: Arc<dyn MessageHub>, role: Role, log: &LogConfig) -> Arc<dyn MessageHub> {
    if log.otlp.is_some() { Arc::new(TracedHub { hub, role }) } else { hub }
}

/// What the process does with events that are published to the hub.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// It publishes them to a hub elsewhere.
    Publishes,
    /// It keeps them for subscribers.
    #[cfg(feature = "message-hub")]
    Keeps,
}

/// A hub whose published events have a span each, in the trace of their change.
#[derive(Debug)]
struct TracedHub {
    hub: Arc<dyn MessageHub>,
    role: Role,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessageHub for TracedHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let begin = |message: &Message| {
            let event = &message.event;
            let (name, kind) = match self.role {
                Role::Publishes => ("event.publish", "producer"),
                #[cfg(feature = "message-hub")]
                Role::Keeps => ("event.keep", "internal"),
            };
            let span = tracing::info_span!(
                "event",
                otel.name = name,
                otel.kind = kind,
                event.id = event.id(),
                event_type = event.event_type(),
                error = Empty
            );
            continue_trace(&span, event);
            span
        };
        let spans: Vec<Span> = messages.iter().map(begin).collect();
        let results = self.hub.publish(messages, timeout).await;
        for (span, result) in spans.iter().zip(&results) {
            if let Err(error) = result {
                span.record("error", error.kind().code());
            }
        }
        results
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        self.hub.request(request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        self.hub.subscribe(subscription).await
    }

    async fn probe(&self) -> Result<()> {
        self.hub.probe().await
    }
}

/// A handler that works within the trace of the event.
#[derive(Debug)]
pub(crate) struct TracedHandler<H>(pub(crate) H);

#[async_trait]
impl<H: EventHandler> EventHandler for TracedHandler<H> {
    async fn handle(&self, received: &Received) -> Handled {
        let event = &received.event;
        let span = tracing::info_span!(
            "event.handle",
            otel.kind = "consumer",
            event.id = event.id(),
            event_type = event.event_type(),
            attempt = received.attempt
        );
        continue_trace(&span, event);
        self.0.handle(received).instrument(span).await
    }
}
