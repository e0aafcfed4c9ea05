//! The progress of a character, while an act changes it.

use super::of_character;
use crate::{Result, act::Attempt, unit_of_work::UnitOfWork};
use character_domain::{
    Character, CharacterId, CharacterProgress, Refusal, Revision,
    event::{ExperienceChanged, ExperienceGained, ExperienceKind, LeveledUp, ProgressUpdated},
    progress::{LevelChange, proficiency_bonus},
};
use character_storage_port::EventData;

/// The progress of a character, and whether there is a row of it.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) row: CharacterProgress,
    on_record: bool,
}

impl Standing {
    /// From these rows of the character, or from its sheet when there is none.
    pub(crate) fn of(character: &Character, rows: Vec<CharacterProgress>) -> Result<Self, Refusal> {
        Ok(match rows.into_iter().next() {
            Some(row) => Self { row: row.as_on(&character.data)?, on_record: true },
            None => {
                let mut row = CharacterProgress::of_sheet(character)?;
                row.meta.revision = Revision(0);
                Self { row, on_record: false }
            }
        })
    }

    pub(crate) fn into_row(self) -> CharacterProgress {
        self.row
    }

    /// Adds or subtracts experience in this act: on the row, on the sheet, and with the events about it.
    pub(crate) fn add_experience(&mut self, work: &mut UnitOfWork, amount: i64) -> Result<LevelChange, Refusal> {
        let change = self.row.add_experience(amount, work.changes.at)?;
        self.row.write_on(&mut work.after.data)?;
        let (of, points) = (self.row.character_id, self.row.experience_points);
        let data = experience_event(of, amount, points, change.to);
        work.changes.event(of, &data);
        if change.is_gain() {
            let data = EventData::CharacterLeveledUp(LeveledUp {
                character_id: of,
                level_before: change.from,
                level: change.to,
                proficiency_bonus: proficiency_bonus(change.to),
                ability_score_improvements: change.improvements(),
            });
            work.changes.event(of, &data);
        }
        Ok(change)
    }

    /// Stores it with this act.
    pub(crate) fn store(self, work: &mut UnitOfWork) -> Result<CharacterProgress> {
        if self.on_record { work.changes.replace(self.row) } else { work.changes.create(self.row) }
    }
}

/// The event about experience that was gained, or lost when the amount is not above 0.
pub(crate) fn experience_event(character_id: CharacterId, amount: i64, experience_points: i64, level: u8) -> EventData {
    if amount > 0 {
        return EventData::CharacterExperienceGained(ExperienceGained {
            character_id,
            amount,
            experience_points,
            level,
        });
    }
    let kind = ExperienceKind::Experience;
    let changed = ExperienceChanged { character_id, kind, amount, experience_points, level };
    EventData::CharacterProgressUpdated(ProgressUpdated::Experience(changed))
}

impl Attempt {
    /// The progress of a character, for an act that changes it.
    pub(crate) async fn standing(&self, character: &Character) -> Result<Standing> {
        let rows = self.all::<CharacterProgress>(&of_character(character.id)).await?;
        Ok(Standing::of(character, rows)?)
    }
}
