//! The event types of the document, those that are published and those that are received.

use character_domain::event::{DataSchema, EventType, ReceivedType};
use character_error_reporter::{Chain, Failure, Redactor};
use serde_json::{Value, json};

/// The type of the events that report failed operations.
pub(crate) const ERROR_REPORTED: &str = "error.reported";

/// Which way an event goes, as seen by this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// This service publishes it.
    Sent,
    /// This service receives it.
    Received,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A character.
    Character,
    /// A service that failed.
    Service,
    /// A campaign.
    Campaign,
}

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Character, Self::Service, Self::Campaign];

    pub(crate) fn direction(self) -> Direction {
        match self {
            Self::Character | Self::Service => Direction::Sent,
            Self::Campaign => Direction::Received,
        }
    }
}

/// What the document says about one event type.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) subject: Subject,
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

/// Every event type: those about characters, the reports of failures, and those that are received.
pub(crate) fn entries() -> Vec<Entry> {
    let characters = EventType::ALL.iter().map(|event_type| Entry {
        subject: Subject::Character,
        name: event_type.as_str(),
        summary: event_type.summary(),
        schema: event_type.schema(),
        examples: event_type.examples().iter().map(|data| json!(data)).collect(),
    });
    let campaigns = ReceivedType::ALL.iter().map(|event_type| Entry {
        subject: Subject::Campaign,
        name: event_type.as_str(),
        summary: event_type.summary(),
        schema: event_type.schema(),
        examples: event_type.examples().iter().map(|data| json!(data)).collect(),
    });
    characters.chain([failures()]).chain(campaigns).collect()
}

/// The reports of failed operations.
fn failures() -> Entry {
    let error = std::io::Error::other("connection refused");
    let failure =
        Failure::new("character-service", "character.find", "unavailable", Chain::of(&error, &Redactor::default()));
    let failure = Failure { attempts: Some(3), breaker: Some("closed"), ..failure };
    Entry {
        subject: Subject::Service,
        name: ERROR_REPORTED,
        summary: "An operation of a service failed.",
        schema: DataSchema::of::<Failure>(),
        examples: vec![json!(failure)],
    }
}
