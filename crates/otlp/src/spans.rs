//! Spans as messages of OTLP.

use crate::{OtlpClient, client::nanoseconds, protobuf::Message};
use character_error_reporter::redacted;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use std::collections::HashMap;

/// The bits of `flags` that say whether the parent is in another process.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Sends spans in batches. Each batch is sent once: spans that the collector did not take are lost.
#[derive(Debug)]
pub struct SpanSender {
    client: OtlpClient,
}

impl SpanSender {
    /// Sends to the collector of this client.
    #[must_use]
    pub fn new(client: OtlpClient) -> Self {
        Self { client }
    }
}

impl SpanExporter for SpanSender {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.client.send("/v1/traces", request(&self.client.resource(), &batch)).await;
        sent.map_err(|error| {
            // The caller keeps the error to itself.
            tracing::warn!(error = %redacted(&error), spans, "the collector does not take the spans");
            OTelSdkError::InternalFailure(error.to_string())
        })
    }
}

/// An `ExportTraceServiceRequest`.
fn request(resource: &Message, batch: &[SpanData]) -> Message {
    let mut scopes: HashMap<&str, Message> = HashMap::new();
    for span in batch {
        let name = span.instrumentation_scope.name();
        let scope = scopes.entry(name).or_insert_with(|| {
            let (mut scope, mut described) = (Message::default(), Message::default());
            described.text(1, name);
            scope.message(1, &described);
            scope
        });
        scope.message(2, &message(span));
    }
    let mut spans = Message::default();
    spans.message(1, resource);
    for scope in scopes.values() {
        spans.message(2, scope);
    }
    let mut request = Message::default();
    request.message(1, &spans);
    request
}

fn message(span: &SpanData) -> Message {
    let mut message = Message::default();
    let context = &span.span_context;
    message.bytes(1, &context.trace_id().to_bytes());
    message.bytes(2, &context.span_id().to_bytes());
    message.text(3, &context.trace_state().header());
    if span.parent_span_id != SpanId::INVALID {
        message.bytes(4, &span.parent_span_id.to_bytes());
    }
    message.text(5, &span.name);
    message.number(6, kind(&span.span_kind));
    message.fixed64(7, nanoseconds(span.start_time)).fixed64(8, nanoseconds(span.end_time));
    for attribute in &span.attributes {
        message.key_value(9, attribute);
    }
    message.number(10, span.dropped_attributes_count.into());
    for event in span.events.iter() {
        let mut written = Message::default();
        written.fixed64(1, nanoseconds(event.timestamp)).text(2, &event.name);
        for attribute in &event.attributes {
            written.key_value(3, attribute);
        }
        message.message(11, &written);
    }
    for link in span.links.iter() {
        let mut written = Message::default();
        written.bytes(1, &link.span_context.trace_id().to_bytes()).bytes(2, &link.span_context.span_id().to_bytes());
        message.message(13, &written);
    }
    match &span.status {
        Status::Unset => {}
        Status::Ok => {
            let mut status = Message::default();
            status.number(3, 1);
            message.message(15, &status);
        }
        Status::Error { description } => {
            let mut status = Message::default();
            status.text(2, description).number(3, 2);
            message.message(15, &status);
        }
    }
    let remote = if span.parent_span_is_remote { HAS_IS_REMOTE | IS_REMOTE } else { HAS_IS_REMOTE };
    message.fixed32(16, u32::from(context.trace_flags().to_u8()) | remote);
    message
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}
