//! The event types of the document, those that are published and those that are received.

use character_domain::event::{DataSchema, EventType, ReceivedType};
use serde_json::{Value, json};

/// Which way an event goes, as seen by this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// This service publishes it.
    Sent,
    /// This service receives it.
    Received,
}

/// What the document says about one event type.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) direction: Direction,
    /// CloudEvents `type`.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) schema: DataSchema,
    /// Examples of the data.
    pub(crate) examples: Vec<Value>,
}

impl Entry {
    /// The type as words: `Character leveled up`.
    pub(crate) fn title(&self) -> String {
        let words = self.name.replace(['.', '_'], " ");
        let mut characters = words.chars();
        characters.next().map(|first| first.to_ascii_uppercase().to_string() + characters.as_str()).unwrap_or_default()
    }
}

/// Every event type, in the order of the domain, those that are published first.
pub(crate) fn entries() -> Vec<Entry> {
    let sent = EventType::ALL.iter().map(|event_type| Entry {
        direction: Direction::Sent,
        name: event_type.as_str(),
        summary: event_type.summary(),
        schema: event_type.schema(),
        examples: event_type.examples().iter().map(|data| json!(data)).collect(),
    });
    let received = ReceivedType::ALL.iter().map(|event_type| Entry {
        direction: Direction::Received,
        name: event_type.as_str(),
        summary: event_type.summary(),
        schema: event_type.schema(),
        examples: event_type.examples().iter().map(|data| json!(data)).collect(),
    });
    sent.chain(received).collect()
}
