//! What the kinds of row under a journal entry have in common.

use super::new::{NewExperienceEntry, NewNpcRelationship, NewQuest};
use character_domain::{CharacterId, ExperienceEntry, JournalEntryId, NpcRelationship, Quest, Timestamp};
use character_storage_port::{ExperienceEntryQuery, NpcRelationshipQuery, Owned, QuestQuery};
use serde::Serialize;

/// A kind of row that a journal entry tells of, for good.
pub trait Chapter: Owned {
    /// The fields that its writer chooses.
    type New: Clone + Serialize + Send + Sync;
    /// What keys of repeatable requests call the act that makes one.
    const CREATE: &'static str;

    /// The entry that tells of it.
    fn journal_entry_id(&self) -> JournalEntryId;
    /// One that is to be.
    fn new_under(entry: JournalEntryId, of: CharacterId, new: Self::New, at: Timestamp) -> Self;
    /// This state of the row that `current` is, which keeps what no writer may change.
    #[must_use]
    fn in_place_of(self, current: &Self) -> Self;
    /// The query for this character and, when given, this entry alone.
    fn narrowed(query: Self::Query, of: CharacterId, entry: Option<JournalEntryId>) -> Self::Query;
}

macro_rules! chapter {
    ($($entity:ident, $new:ident, $query:ident, $create:literal;)+) => { $(
        impl Chapter for $entity {
            type New = $new;
            const CREATE: &'static str = $create;

            fn journal_entry_id(&self) -> JournalEntryId {
                self.journal_entry_id
            }
            fn new_under(entry: JournalEntryId, of: CharacterId, new: $new, at: Timestamp) -> Self {
                new.into_row(entry, of, at)
            }
            fn in_place_of(self, current: &Self) -> Self {
                let &Self { id, character_id, journal_entry_id, meta, .. } = current;
                Self { id, character_id, journal_entry_id, meta, ..self }
            }
            fn narrowed(query: $query, of: CharacterId, entry: Option<JournalEntryId>) -> $query {
                $query { character_id: Some(of), journal_entry_id: entry.or(query.journal_entry_id), ..query }
            }
        }
    )+ };
}
chapter! {
    ExperienceEntry, NewExperienceEntry, ExperienceEntryQuery, "journal.create_experience";
    Quest, NewQuest, QuestQuery, "journal.create_quest";
    NpcRelationship, NewNpcRelationship, NpcRelationshipQuery, "journal.create_npc_relationship";
}
