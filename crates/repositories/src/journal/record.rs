//! What the records under a journal entry have in common.

use character_domain::{
    CharacterId, ExperienceEntry, JournalEntryId, NewExperienceEntry, NewNpcRelationship, NewQuest, NpcRelationship,
    Quest, Timestamp,
};
use character_storage_port::{ExperienceEntryQuery, NpcRelationshipQuery, Owned, QuestQuery};

/// A kind of row that lies under one journal entry, permanently: experience, quests, relationships.
pub trait JournalRecord: Owned {
    /// The fields that its writer chooses.
    type New: Clone + Send + Sync;

    /// The entry that it lies under.
    fn journal_entry_id(&self) -> JournalEntryId;
    /// The id that the writer of a new one chose, if any.
    fn chosen_id(new: &Self::New) -> Option<Self::Id>;
    /// Creates a new one.
    fn new_under(entry: JournalEntryId, of: CharacterId, new: Self::New, at: Timestamp) -> Self;
    /// The same row as one of this character.
    #[must_use]
    fn given_to(self, of: CharacterId) -> Self;
    /// This state of the row that `current` is, which keeps what no writer may change.
    #[must_use]
    fn in_place_of(self, current: &Self) -> Self;
    /// The query for this entry alone, when given, else for this character.
    fn narrowed(query: Self::Query, of: CharacterId, entry: Option<JournalEntryId>) -> Self::Query;
}

macro_rules! journal_record {
    ($($entity:ident, $new:ident, $query:ident;)+) => { $(
        impl JournalRecord for $entity {
            type New = $new;

            fn journal_entry_id(&self) -> JournalEntryId {
                self.journal_entry_id
            }
            fn chosen_id(new: &$new) -> Option<Self::Id> {
                new.id
            }
            fn new_under(entry: JournalEntryId, of: CharacterId, new: $new, at: Timestamp) -> Self {
                new.into_row(entry, of, at)
            }
            fn given_to(self, of: CharacterId) -> Self {
                Self { character_id: of, ..self }
            }
            fn in_place_of(self, current: &Self) -> Self {
                let &Self { id, character_id, journal_entry_id, meta, .. } = current;
                Self { id, character_id, journal_entry_id, meta, ..self }
            }
            fn narrowed(query: $query, of: CharacterId, entry: Option<JournalEntryId>) -> $query {
                let character_id = entry.is_none().then_some(of);
                $query { character_id, journal_entry_id: entry.or(query.journal_entry_id), ..query }
            }
        }
    )+ };
}
journal_record! {
    ExperienceEntry, NewExperienceEntry, ExperienceEntryQuery;
    Quest, NewQuest, QuestQuery;
    NpcRelationship, NewNpcRelationship, NpcRelationshipQuery;
}
