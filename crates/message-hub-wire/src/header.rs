//! Names of headers, and media types.

/// The message id of a single event, by which the hub recognises a repeat. Absent: a text made of the source and the id of the event.
pub const MESSAGE_ID: &str = "message-id";
/// The extension attribute that holds the message id of an event in a batch. The hub removes it before it keeps the event, so
/// no event can have an extension of this name.
pub const MESSAGE_ID_EXTENSION: &str = "hubmessageid";
/// The time that is left to answer a request, in whole milliseconds. Each hop sends on what is left.
pub const TIMEOUT_MS: &str = "x-request-timeout-ms";
/// Marks everything that belongs to one task of the caller; passed on unchanged.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// The W3C trace context; passed on unchanged.
pub const TRACEPARENT: &str = "traceparent";
/// `true`: the hub may send the request to another instance after the first one may have received it. `GET`, `HEAD` and
/// `OPTIONS` need it not.
pub const IDEMPOTENT: &str = "x-hub-idempotent";
/// The credentials for the service itself: the hub sends them on as `Authorization`.
pub const AUTHORIZATION_OF_SERVICE: &str = "x-service-authorization";
/// Stands in every response that a service made, with the id of its instance. A response without it is of the hub itself.
pub const RESPONDER: &str = "x-hub-responder";
/// `true`: the request for events follows an earlier one of its subscriber, and leaves the types of the subscription as they are.
pub const CONTINUES: &str = "x-hub-continues";

/// The media type of most bodies.
pub const JSON: &str = "application/json";
/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The media type of one event in structured mode.
pub const EVENT: &str = "application/cloudevents+json";
/// The media type of a list of events.
pub const BATCH: &str = "application/cloudevents-batch+json";
/// The media type of server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";

/// Whether a `Content-Type` names this media type, whatever its parameters.
#[must_use]
pub fn is_media_type(content_type: &str, media_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}
