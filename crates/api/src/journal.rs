//! `/api/v2/characters/{id}/journal`, and `…/quests` and `…/npc-relationships` across the whole of it.

mod bulk;
mod chapters;
mod entries;
mod entry;
mod experience;
mod npc_relationship;
mod quest;

pub use bulk::BulkEntriesRequest;
pub use entry::{JournalEntryBody, JournalEntryPatch, NewJournalEntryBody};
pub use experience::{ExperienceEntryBody, ExperienceEntryPatch, NewExperienceEntryBody};
pub use npc_relationship::{NewNpcRelationshipBody, NpcRelationshipBody, NpcRelationshipPatch};
pub use quest::{NewQuestBody, QuestBody, QuestPatch};

pub(crate) use bulk::*;
pub(crate) use chapters::*;
pub(crate) use entries::*;

use crate::endpoint::Endpoint;
use actix_web::web::ServiceConfig;

/// The paths of the journal. That with a fixed last part comes before `{entry}`.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let of = |path: &str| Endpoint::at(&format!("/api/v2/characters/{{id}}/{path}"));
    of("journal").get(list).post(create).register(config);
    of("journal/bulk").post(create_bulk).register(config);
    of("journal/{entry}").get(get).patch(patch).delete(delete).register(config);
    of("journal/{entry}/restore").post(restore).register(config);
    let at = |path: &str| of(&format!("journal/{{entry}}/{path}"));
    at("experience").get(list_experience).post(create_experience).register(config);
    at("experience/{experience}")
        .get(get_experience)
        .patch(patch_experience)
        .delete(delete_experience)
        .register(config);
    at("quests").get(list_quests).post(create_quest).register(config);
    at("quests/{quest}").get(get_quest).patch(patch_quest).delete(delete_quest).register(config);
    at("npc-relationships").get(list_npc_relationships).post(create_npc_relationship).register(config);
    at("npc-relationships/{relationship}")
        .get(get_npc_relationship)
        .patch(patch_npc_relationship)
        .delete(delete_npc_relationship)
        .register(config);
    of("quests").get(list_all_quests).register(config);
    of("npc-relationships").get(list_all_npc_relationships).register(config);
}

/// What a client may not choose of what lies under an entry.
const READ_ONLY: [&str; 2] = ["character_id", "journal_entry_id"];
