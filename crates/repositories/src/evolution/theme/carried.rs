//! The rows that a change of theme takes along besides items.

use crate::{Result, act::Attempt, unit_of_work::Changes};
use character_domain::{
    CharacterId, CharacterProgress, CharacterProgressId, ExperienceEntry, JournalEntry, NpcRelationship, Quest,
};
use character_storage_port::{
    CharacterProgressQuery, ExperienceEntryQuery, JournalEntryQuery, NpcRelationshipQuery, QuestQuery,
};
use std::collections::HashSet;

/// The live journal of a character, and its progress.
#[derive(Debug)]
pub(super) struct Carried {
    entries: Vec<JournalEntry>,
    experience: Vec<ExperienceEntry>,
    quests: Vec<Quest>,
    relationships: Vec<NpcRelationship>,
    progress: Option<CharacterProgress>,
}

impl Carried {
    pub(super) async fn of(attempt: &Attempt, of: CharacterId) -> Result<Self> {
        let character_id = Some(of);
        let entries: Vec<JournalEntry> =
            attempt.all(&JournalEntryQuery { character_id, ..JournalEntryQuery::default() }).await?;
        let mut experience: Vec<ExperienceEntry> =
            attempt.all(&ExperienceEntryQuery { character_id, ..ExperienceEntryQuery::default() }).await?;
        let mut quests: Vec<Quest> = attempt.all(&QuestQuery { character_id, ..QuestQuery::default() }).await?;
        let mut relationships: Vec<NpcRelationship> =
            attempt.all(&NpcRelationshipQuery { character_id, ..NpcRelationshipQuery::default() }).await?;
        // What hangs on a deleted entry stays with it, so that both are there when it is restored.
        let live: HashSet<_> = entries.iter().map(|entry| entry.id).collect();
        experience.retain(|row| live.contains(&row.journal_entry_id));
        quests.retain(|row| live.contains(&row.journal_entry_id));
        relationships.retain(|row| live.contains(&row.journal_entry_id));

        let own = CharacterProgressId::of(of);
        let mut progress: Vec<CharacterProgress> =
            attempt.all(&CharacterProgressQuery { character_id, ..CharacterProgressQuery::default() }).await?;
        // An imported one may have an id of its own; the one that this service made comes first.
        progress.sort_by_key(|row| row.id != own);
        Ok(Self { entries, experience, quests, relationships, progress: progress.into_iter().next() })
    }

    /// The number of rows that change with it.
    pub(super) fn rows(&self) -> usize {
        let journal = self.entries.len() + self.experience.len() + self.quests.len() + self.relationships.len();
        journal + usize::from(self.progress.is_some())
    }

    /// The journal moves to the new character; the progress is copied, because the old character keeps its own.
    pub(super) fn go_with(self, changes: &mut Changes, new: CharacterId) -> Result<()> {
        for row in self.entries {
            changes.replace(JournalEntry { character_id: new, ..row })?;
        }
        for row in self.experience {
            changes.replace(ExperienceEntry { character_id: new, ..row })?;
        }
        for row in self.quests {
            changes.replace(Quest { character_id: new, ..row })?;
        }
        for row in self.relationships {
            changes.replace(NpcRelationship { character_id: new, ..row })?;
        }
        if let Some(progress) = self.progress {
            changes.create(CharacterProgress { id: CharacterProgressId::of(new), character_id: new, ..progress })?;
        }
        Ok(())
    }
}
