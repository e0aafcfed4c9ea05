//! Domain events: rows of the transaction that caused them, until a relay has published them.

use character_domain::{CharacterId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, fmt};
use uuid::Uuid;

/// Identity of an event; consumers drop repeats by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Something that happened to a character, with the attributes of a CloudEvent (version 1.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// CloudEvents `id`.
    pub id: EventId,
    /// CloudEvents `type`, such as `character.created`.
    #[serde(rename = "type")]
    pub event_type: Cow<'static, str>,
    /// CloudEvents `subject`: the character, which is also the unit of ordering.
    pub subject: CharacterId,
    /// CloudEvents `time`.
    pub time: Timestamp,
    /// CloudEvents `data`: identifiers and what changed, not the whole sheet.
    pub data: Value,
}

/// A character came to be.
pub const CHARACTER_CREATED: &str = "character.created";
/// A character changed.
pub const CHARACTER_UPDATED: &str = "character.updated";
/// A character was soft-deleted.
pub const CHARACTER_DELETED: &str = "character.deleted";
/// A soft-deleted character came back.
pub const CHARACTER_RESTORED: &str = "character.restored";

impl DomainEvent {
    /// An event with a fresh id.
    #[must_use]
    pub fn new(event_type: &'static str, subject: CharacterId, time: Timestamp, data: Value) -> Self {
        Self { id: EventId(Uuid::now_v7()), event_type: Cow::Borrowed(event_type), subject, time, data }
    }
}

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxEvent {
    /// Grows in commit order within one subject (CloudEvents extension `sequence`).
    pub position: u64,
    /// The event.
    pub event: DomainEvent,
}
