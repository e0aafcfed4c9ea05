//! Reads of everything as it is at one moment.

use crate::{EntityKind, Result};
use async_trait::async_trait;
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, CharacterVersion, EventImpact, ExperienceEntry,
    InventoryItem, JournalEntry, NpcRelationship, Quest,
};
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The operation name of a snapshot.
pub const SNAPSHOT: &str = "snapshot";

/// One row of any kind. [`for_row!`](crate::for_row) runs the same code for each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredRow {
    /// A character.
    Character(Character),
    /// A campaign.
    Campaign(Campaign),
    /// An inventory item.
    InventoryItem(InventoryItem),
    /// A journal entry.
    JournalEntry(JournalEntry),
    /// An experience entry.
    ExperienceEntry(ExperienceEntry),
    /// A quest.
    Quest(Quest),
    /// A npc relationship.
    NpcRelationship(NpcRelationship),
    /// A campaign event.
    CampaignEvent(CampaignEvent),
    /// An event impact.
    EventImpact(EventImpact),
    /// A character progress.
    CharacterProgress(CharacterProgress),
    /// A character version.
    CharacterVersion(CharacterVersion),
}

/// Runs `$body` with `$row` bound to the typed row inside a [`StoredRow`].
#[macro_export]
macro_rules! for_row {
    ($stored:expr, $row:ident => $body:expr) => {
        match $stored {
            $crate::StoredRow::Character($row) => $body,
            $crate::StoredRow::Campaign($row) => $body,
            $crate::StoredRow::InventoryItem($row) => $body,
            $crate::StoredRow::JournalEntry($row) => $body,
            $crate::StoredRow::ExperienceEntry($row) => $body,
            $crate::StoredRow::Quest($row) => $body,
            $crate::StoredRow::NpcRelationship($row) => $body,
            $crate::StoredRow::CampaignEvent($row) => $body,
            $crate::StoredRow::EventImpact($row) => $body,
            $crate::StoredRow::CharacterProgress($row) => $body,
            $crate::StoredRow::CharacterVersion($row) => $body,
        }
    };
}

/// Runs `$body` once for each kind of row, in the order of [`EntityKind::ALL`], with its type named `$row`: an array of
/// the results. The crate that uses it depends on `character-domain`.
#[macro_export]
macro_rules! every_kind {
    ($row:ident => $body:expr) => {
        $crate::every_kind!(
            @ $row, $body, Character, Campaign, InventoryItem, JournalEntry, ExperienceEntry, Quest, NpcRelationship,
            CampaignEvent, EventImpact, CharacterProgress, CharacterVersion
        )
    };
    (@ $row:ident, $body:expr, $($kind:ident),+) => {
        [$({ type $row = character_domain::$kind; $body }),+]
    };
}

/// A row that is stored and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableInSnapshot {
    /// Its kind.
    pub kind: EntityKind,
    /// Its id; `None` when that is what cannot be read.
    pub id: Option<Uuid>,
    /// What is wrong with it, as a sentence fragment for an operator.
    pub problem: String,
}

/// One item of a snapshot.
#[expect(clippy::large_enum_variant, reason = "nearly every item is a row, and a box would be an allocation for each")]
#[derive(Clone, Debug, PartialEq)]
pub enum SnapshotItem {
    /// A row, live or soft-deleted.
    Row(StoredRow),
    /// A row that cannot be read. The snapshot goes on behind it.
    Unreadable(UnreadableInSnapshot),
}

/// The items of a snapshot. It is complete when it ends without an error; behind an error nothing more comes.
pub type SnapshotStream = BoxStream<'static, Result<SnapshotItem>>;

/// Reads of everything as it is at one moment.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// Every row of every kind, soft-deleted rows and versions included, as it is at one moment between the call and
    /// its return, whatever is committed while the stream is read. Kinds come in the order of [`EntityKind::ALL`], the
    /// rows of a kind by id, ascending (compared as 16 unsigned bytes).
    ///
    /// A row that cannot be read is an item of its own and does not end the stream. Memory stays bounded however many
    /// rows there are, except in storages that keep them in memory anyway. There is no limit to the whole duration, only to the wait for the next item, on both sides: a storage
    /// may end a stream that nobody reads from, with an error. Dropping the stream ends the snapshot.
    ///
    /// # Errors
    /// As [`Store::find`](crate::Store::find), of the call and of each item. An error of an item ends the stream, and what
    /// came before it is not a whole snapshot.
    async fn snapshot(&self) -> Result<SnapshotStream>;
}
