//! `/api/v2/characters/{id}/journal`, and `…/quests` and `…/npc-relationships` across the whole of it.

mod entries;
mod entry;
mod experience;
mod npc_relationship;
mod quest;
mod records;

pub use entries::{BulkEntriesRequest, NewJournalEntryBody};

use crate::resource::{self, Operations};
use character_domain::{CharacterId, ExperienceEntry, JournalEntry, NpcRelationship, Quest};
use character_http_kit::{Endpoint, Endpoints};
use records::{AcrossJournal, Record, check, list_across, rewritten, words};
use utoipa::openapi::OpenApi;

/// The plain rows of the journal.
fn rows(operations: &mut impl Operations) {
    operations.rows::<JournalEntry>();
    operations.restore::<JournalEntry>();
    operations.bulk::<JournalEntry>();
    operations.rows::<ExperienceEntry>();
    operations.restore::<ExperienceEntry>();
    operations.rows::<Quest>();
    operations.restore::<Quest>();
    operations.rows::<NpcRelationship>();
    operations.restore::<NpcRelationship>();
}

/// The paths of the journal.
pub(crate) fn register(endpoints: &mut Endpoints) {
    rows(endpoints);
    Endpoint::at(Quest::ACROSS.path).get(list_across::<Quest>).register(endpoints);
    Endpoint::at(NpcRelationship::ACROSS.path).get(list_across::<NpcRelationship>).register(endpoints);
}

/// Describes the operations of the journal.
pub(crate) fn describe(document: &mut OpenApi) {
    rows(document);
    resource::describe_list::<Quest, CharacterId>(document, &Quest::ACROSS);
    resource::describe_list::<NpcRelationship, CharacterId>(document, &NpcRelationship::ACROSS);
}

/// What a client may not choose of what lies under an entry.
const READ_ONLY: [&str; 2] = ["character_id", "journal_entry_id"];
