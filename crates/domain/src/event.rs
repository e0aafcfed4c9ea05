//! Domain events: what happened to a character, as part of the transaction that caused it.

mod campaign;
mod character;
mod examples;
mod inventory;
mod list;
mod progress;
mod received;
mod row;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;

pub use campaign::{CampaignMembership, EffectChanged};
pub use character::{CharacterExistence, CharacterReference, CharacterSummary, CharacterUpdated, ThemeChanged};
pub use inventory::{
    CoinsChanged, CoinsTransferred, CurrencyKind, InventoryChanged, ItemKind, ItemOperation, ItemsChanged,
    ItemsTransferred, TransferDirection,
};
pub use list::{
    CAMPAIGN_EVENT, CAMPAIGN_GAME_MASTER_CHANGED, CAMPAIGN_RENAMED, CHARACTER_CAMPAIGN_EVENT_CHANGED,
    CHARACTER_CAMPAIGN_JOINED, CHARACTER_CAMPAIGN_LEFT, CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_EVENT_APPLIED,
    CHARACTER_EVENT_REVERTED, CHARACTER_EXPERIENCE_GAINED, CHARACTER_INVENTORY_CHANGED, CHARACTER_JOURNAL_UPDATED,
    CHARACTER_LEVELED_UP, CHARACTER_PROGRESS_UPDATED, CHARACTER_RESTORED, CHARACTER_THEME_CHANGED, CHARACTER_UPDATED,
    CHARACTER_VERSION_RECORDED, EventData, EventType, ReceivedData, ReceivedType,
};
pub use progress::{
    AttainmentKind, AttainmentRecorded, ExperienceChanged, ExperienceGained, ExperienceKind, LeveledUp, ProgressUpdated,
};
pub use received::{CampaignEventReported, CampaignGameMasterChanged, CampaignRenamed};
pub use row::{RowChanged, RowOperation};
#[cfg(feature = "schema")]
pub use schema::DataSchema;

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

impl DomainEvent {
    /// An event with a fresh id and any data. The events of this service are made by [`DomainEvent::of`].
    #[must_use]
    pub fn new(event_type: &'static str, subject: CharacterId, time: Timestamp, data: Value) -> Self {
        Self { id: EventId(Uuid::now_v7()), event_type: Cow::Borrowed(event_type), subject, time, data }
    }

    /// An event with a fresh id and the type of its data.
    #[must_use]
    pub fn of(subject: CharacterId, time: Timestamp, data: &EventData) -> Self {
        Self::new(data.event_type().as_str(), subject, time, json!(data))
    }

    /// The event that reports the creation of `character`.
    #[must_use]
    pub fn created(character: &Character) -> Self {
        let data = EventData::CharacterCreated(CharacterSummary::of(character));
        Self::of(character.id, character.meta.updated_at, &data)
    }
}
