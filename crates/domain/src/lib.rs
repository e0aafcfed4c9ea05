//! The domain: identifiers, entities and the rules that need no input or output.
//!
//! Nothing here is asynchronous or depends on HTTP or storage. Every entity is plain data with a [`Meta`] block, and
//! its `check` returns the fields that break a rule.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod campaign;
pub mod character;
mod check;
pub mod document;
pub mod event;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod json;
mod member;
pub mod meta;
pub mod number;
pub mod progress;
pub mod refusal;
#[cfg(feature = "schema")]
mod schema;
pub mod sheet;
pub mod size;
pub mod text;
pub mod timestamp;
pub mod version;
pub mod violation;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// A JSON value.
pub use serde_json::Value;
/// The bits of every id.
pub use uuid::Uuid;

pub use campaign::{Campaign, CampaignEvent, EventImpact, ImpactType, NewCampaign, NewCampaignEvent};
pub use character::Character;
pub use document::{Document, Members};
pub use event::{DomainEvent, EventId};
pub use ids::{
    CampaignEventId, CampaignId, CharacterId, CharacterProgressId, CharacterVersionId, EventImpactId,
    ExperienceEntryId, InventoryItemId, JournalEntryId, NpcRelationshipId, QuestId, UserId,
};
pub use inventory::{Attunement, InventoryItem, NewItem};
pub use journal::{
    ExperienceEntry, JournalEntry, NewExperienceEntry, NewJournalEntry, NewNpcRelationship, NewQuest, NpcRelationship,
    Quest, QuestImportance, QuestStatus,
};
pub use member::UNREADABLE;
pub use meta::{Meta, Revision};
pub use progress::CharacterProgress;
pub use refusal::Refusal;
pub use timestamp::{InvalidTimestamp, Timestamp, now};
pub use version::{CharacterVersion, RelatedChange};
pub use violation::{Violation, Violations};
