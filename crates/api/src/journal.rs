//! `/api/v2/characters/{id}/journal`, and `…/quests` and `…/npc-relationships` across the whole of it.

mod bulk;
mod entries;
mod entry;
mod experience;
mod npc_relationship;
mod quest;
mod records;

pub use bulk::BulkEntriesRequest;
pub use entry::{JournalEntryBody, JournalEntryPatch, NewJournalEntryBody};
pub use experience::{ExperienceEntryBody, ExperienceEntryPatch, NewExperienceEntryBody};
pub use npc_relationship::{NewNpcRelationshipBody, NpcRelationshipBody, NpcRelationshipPatch};
pub use quest::{NewQuestBody, QuestBody, QuestPatch};

pub(crate) use bulk::*;
pub(crate) use entries::*;
pub(crate) use records::*;

use crate::character::of_character;
use character_http_kit::{Endpoint, Endpoints};

/// The paths of the journal.
pub(crate) fn register(endpoints: &mut Endpoints) {
    of_character!("/journal").get(list).post(create).register(endpoints);
    of_character!("/journal/bulk").post(create_bulk).register(endpoints);
    of_character!("/journal/{entry}").get(get).patch(patch).delete(delete).register(endpoints);
    of_character!("/journal/{entry}/restore").post(restore).register(endpoints);
    of_character!("/journal/{entry}/experience").get(list_experience).post(create_experience).register(endpoints);
    of_character!("/journal/{entry}/experience/{experience}")
        .get(get_experience)
        .patch(patch_experience)
        .delete(delete_experience)
        .register(endpoints);
    of_character!("/journal/{entry}/experience/{experience}/restore").post(restore_experience).register(endpoints);
    of_character!("/journal/{entry}/quests").get(list_quests).post(create_quest).register(endpoints);
    of_character!("/journal/{entry}/quests/{quest}")
        .get(get_quest)
        .patch(patch_quest)
        .delete(delete_quest)
        .register(endpoints);
    of_character!("/journal/{entry}/quests/{quest}/restore").post(restore_quest).register(endpoints);
    of_character!("/journal/{entry}/npc-relationships")
        .get(list_npc_relationships)
        .post(create_npc_relationship)
        .register(endpoints);
    of_character!("/journal/{entry}/npc-relationships/{relationship}")
        .get(get_npc_relationship)
        .patch(patch_npc_relationship)
        .delete(delete_npc_relationship)
        .register(endpoints);
    of_character!("/journal/{entry}/npc-relationships/{relationship}/restore")
        .post(restore_npc_relationship)
        .register(endpoints);
    of_character!("/quests").get(list_all_quests).register(endpoints);
    of_character!("/npc-relationships").get(list_all_npc_relationships).register(endpoints);
}

/// What a client may not choose of what lies under an entry.
const READ_ONLY: [&str; 2] = ["character_id", "journal_entry_id"];
