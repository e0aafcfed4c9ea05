//! Events and requests to judge a hub with.

use character_message_hub::{CloudEvent, Filter, Message, Reply, ServiceRequest, Subscription};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// The type of the events unless a clause is about types.
pub const TYPE: &str = "character.changed";

/// An event of this type, with JSON data. No subject when `subject` is empty.
///
/// # Panics
/// When an attribute breaks the specification.
#[must_use]
pub fn event_of(event_type: &str, id: &str, subject: &str) -> CloudEvent {
    let event = CloudEvent::new(id, "/characters", event_type).expect("an event");
    let event = event.with_json(json!({ "id": id }));
    if subject.is_empty() { event } else { event.with_subject(subject).expect("a subject") }
}

/// A message of an event of [`TYPE`]. No subject when `subject` is empty.
///
/// # Panics
/// As [`event_of`].
#[must_use]
pub fn message(id: &str, subject: &str) -> Message {
    Message::of(Arc::new(event_of(TYPE, id, subject)))
}

/// Messages `<prefix>-0`, `<prefix>-1`, …, of one subject. No subject when `subject` is empty.
///
/// # Panics
/// As [`event_of`].
#[must_use]
pub fn messages(prefix: &str, subject: &str, count: usize) -> Vec<Message> {
    (0..count).map(|number| message(&format!("{prefix}-{number}"), subject)).collect()
}

/// A message of this many bytes of data.
///
/// # Panics
/// As [`event_of`].
#[must_use]
pub fn message_of_size(id: &str, subject: &str, bytes: usize) -> Message {
    Message::of(Arc::new(event_of(TYPE, id, subject).with_json(json!("x".repeat(bytes)))))
}

/// A subscription to everything, with the defaults.
///
/// # Panics
/// When the name is none of a subscription.
#[must_use]
pub fn subscription(name: &str) -> Subscription {
    Subscription::new(name.parse().expect("a name of a subscription"), Filter::all())
}

/// A subscription that must be settled within a second, the shortest time.
///
/// # Panics
/// As [`subscription`].
#[must_use]
pub fn hasty(name: &str) -> Subscription {
    Subscription { settle_within: Duration::from_secs(1), ..subscription(name) }
}

/// A subscription to the events that a filter accepts.
///
/// # Panics
/// When name or filter cannot be read.
#[must_use]
pub fn filtered(name: &str, filter: &str) -> Subscription {
    Subscription { filter: filter.parse().expect("a filter"), ..subscription(name) }
}

/// A request that reads `path`.
///
/// # Panics
/// When the name is none of a service.
#[must_use]
pub fn get(service: &str, path: &str, timeout: Duration) -> ServiceRequest {
    ServiceRequest::get(service.parse().expect("a name of a service"), path, timeout)
}

/// A reply with this body, of the type `text/plain`.
#[must_use]
pub fn reply(status: u16, body: &str) -> Reply {
    Reply { content_type: Some("text/plain".into()), ..Reply::new(status, body.to_owned()) }
}
