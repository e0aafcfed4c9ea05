//! Awards experience.

use super::ProgressRepository;
use crate::{RepositoryError, RequestContext, Result, act::Attempt};
use character_domain::{
    CharacterId, ExperienceEntry, ExperienceEntryId, JournalEntry, JournalEntryId, Revision, Timestamp, Violations,
    now,
    progress::{MAX_EXPERIENCE, next_threshold, proficiency_bonus},
};
use character_storage_port::{Deleted, EntityKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An award of experience.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Award {
    /// The amount, at least 1.
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    pub source: String,
    /// The reason in free text.
    pub reason: String,
    /// The journal entry about it; `None`: a new one.
    pub journal_entry_id: Option<JournalEntryId>,
    /// The id of the session, as the client counts sessions.
    pub session_id: Option<Uuid>,
}

/// The result of an award.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Awarded {
    /// The total experience after the award.
    pub experience_points: i64,
    /// The amount of this award.
    pub amount: i64,
    /// The level before the award.
    pub level_before: u8,
    /// The level after the award.
    pub level_after: u8,
    /// The proficiency bonus before the award.
    pub proficiency_bonus_before: u8,
    /// The proficiency bonus after the award.
    pub proficiency_bonus_after: u8,
    /// The gained levels that bring an ability score improvement.
    pub ability_score_improvements: Vec<u8>,
    /// The experience at which the next level begins; `None` at level 20.
    pub next_level_at: Option<i64>,
    /// The id of the journal entry about it.
    pub journal_entry_id: JournalEntryId,
    /// The experience entry under that journal entry.
    pub experience_entry_id: ExperienceEntryId,
    /// The revision of the character after the change.
    pub revision: Revision,
}

impl Award {
    fn entry(&self, of: CharacterId, journal_entry: JournalEntryId, at: Timestamp) -> ExperienceEntry {
        ExperienceEntry {
            source: self.source.clone(),
            reason: self.reason.clone(),
            session_id: self.session_id,
            ..ExperienceEntry::new(of, journal_entry, self.amount, at)
        }
    }

    fn journal_entry(&self, of: CharacterId, at: Timestamp) -> JournalEntry {
        JournalEntry {
            entry_type: "experience".to_owned(),
            content: self.reason.clone(),
            ..JournalEntry::new(of, format!("{} experience points", self.amount), at)
        }
    }

    /// Every rule that it breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        if !(1..=MAX_EXPERIENCE).contains(&self.amount) {
            violations.push("amount", format!("must be from 1 to {MAX_EXPERIENCE}"));
        }
        let rest = self.entry(CharacterId(Uuid::nil()), JournalEntryId(Uuid::nil()), now()).check();
        violations.extend(rest.into_iter().filter(|violation| violation.field != "amount"));
        violations
    }
}

impl ProgressRepository {
    /// Awards experience: changes the progress, the sheet (experience, level, proficiency bonus) and the journal.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed` (of the character), `Invalid` (also when the journal entry is not one of this
    /// character), `Refused` by `too-much-experience` or `unreadable-member`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "progress.award", level = "debug", skip_all)]
    pub async fn award(&self, of: CharacterId, award: &Award, request: &RequestContext) -> Result<Awarded> {
        award.check().into_result().map_err(RepositoryError::Invalid)?;
        self.context
            .act("progress.experience_gained", request, move |attempt| async move {
                let character = attempt.accept(attempt.character(of).await?)?;
                let mut standing = attempt.standing(&character).await?;
                let mut work = attempt.work_on(character);
                let change = standing.add_experience(&mut work, award.amount)?;
                let row = standing.store(&mut work)?;
                let journal_entry_id = match award.journal_entry_id {
                    Some(id) => attempt.entry_of(of, id).await?,
                    None => work.changes.create(award.journal_entry(of, work.changes.at))?.id,
                };
                let entry = work.changes.create(award.entry(of, journal_entry_id, work.changes.at))?;
                work.finish(|after| Awarded {
                    experience_points: row.experience_points,
                    amount: award.amount,
                    level_before: change.from,
                    level_after: change.to,
                    proficiency_bonus_before: proficiency_bonus(change.from),
                    proficiency_bonus_after: proficiency_bonus(change.to),
                    ability_score_improvements: change.improvements(),
                    next_level_at: next_threshold(change.to),
                    journal_entry_id,
                    experience_entry_id: entry.id,
                    revision: after.meta.revision,
                })
            })
            .await
    }
}

impl Attempt {
    /// The journal entry that a caller named, when it is one of this character.
    pub(crate) async fn entry_of(&self, of: CharacterId, id: JournalEntryId) -> Result<JournalEntryId> {
        match self.owned_row::<JournalEntry>(of, id, Deleted::Exclude).await {
            Ok(entry) => Ok(entry.id),
            Err(RepositoryError::NotFound(EntityKind::JournalEntry)) => {
                let fault = Violations::one("journal_entry_id", "must be an entry of the character's journal");
                Err(RepositoryError::Invalid(fault))
            }
            Err(error) => Err(error),
        }
    }
}
