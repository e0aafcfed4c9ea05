//! Domain events: what happened to a character, as part of the transaction that caused it.

use crate::{Character, CharacterId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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

/// A character was created.
pub const CHARACTER_CREATED: &str = "character.created";
/// A character changed.
pub const CHARACTER_UPDATED: &str = "character.updated";
/// A character was soft-deleted.
pub const CHARACTER_DELETED: &str = "character.deleted";
/// A soft-deleted character was restored.
pub const CHARACTER_RESTORED: &str = "character.restored";
/// A character reached a level.
pub const CHARACTER_LEVELED_UP: &str = "character.leveled_up";
/// A character gained experience.
pub const CHARACTER_EXPERIENCE_GAINED: &str = "character.experience_gained";
/// The progress of a character changed: a milestone or an achievement.
pub const CHARACTER_PROGRESS_UPDATED: &str = "character.progress_updated";
/// The inventory of a character changed.
pub const CHARACTER_INVENTORY_CHANGED: &str = "character.inventory_changed";
/// The journal of a character changed.
pub const CHARACTER_JOURNAL_UPDATED: &str = "character.journal_updated";
/// An event of a campaign for a character, or the record of its effect, changed.
pub const CHARACTER_CAMPAIGN_EVENT_CHANGED: &str = "character.campaign_event_changed";
/// A version of a character was recorded or labelled.
pub const CHARACTER_VERSION_RECORDED: &str = "character.version_recorded";
/// A character joined a campaign.
pub const CHARACTER_CAMPAIGN_JOINED: &str = "character.campaign_joined";
/// A character left a campaign.
pub const CHARACTER_CAMPAIGN_LEFT: &str = "character.campaign_left";
/// An event of a campaign was applied to a character.
pub const CHARACTER_EVENT_APPLIED: &str = "character.event_applied";
/// The effect of an event of a campaign was reverted.
pub const CHARACTER_EVENT_REVERTED: &str = "character.event_reverted";
/// A character continued in another theme, as a new character.
pub const CHARACTER_THEME_CHANGED: &str = "character.theme_changed";

impl DomainEvent {
    /// An event with a fresh id.
    #[must_use]
    pub fn new(event_type: &'static str, subject: CharacterId, time: Timestamp, data: Value) -> Self {
        Self { id: EventId(Uuid::now_v7()), event_type: Cow::Borrowed(event_type), subject, time, data }
    }
}

/// The event that reports a change of `character`.
#[must_use]
pub fn character_event(event_type: &'static str, character: &Character) -> DomainEvent {
    let data = json!({
        "character_id": character.id,
        "user_id": character.user_id,
        "campaign_id": character.campaign_id,
        "name": character.name,
        "theme": character.theme,
        "is_active": character.is_active,
    });
    DomainEvent::new(event_type, character.id, character.meta.updated_at, data)
}
