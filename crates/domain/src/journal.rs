//! The journal: entries, experience entries, quests and relationships, each beside the fields that its writer chooses.

mod entry;
mod experience;
mod npc_relationship;
mod quest;

pub use entry::{JournalEntry, MAX_ENTRY_TYPE, MAX_TAG, MAX_TAGS, NewJournalEntry};
pub use experience::{ExperienceEntry, NewExperienceEntry};
pub use npc_relationship::{MAX_RELATIONSHIP_TYPE, MAX_STANDING, NewNpcRelationship, NpcRelationship};
pub use quest::{NewQuest, Quest, QuestImportance, QuestStatus};
