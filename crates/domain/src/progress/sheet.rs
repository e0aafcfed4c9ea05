//! Reads progress from a sheet, and writes it back.

use super::{CharacterProgress, GRANTED, MAX_EXPERIENCE, level_of, proficiency_bonus};
use crate::{
    Character, Document, Refusal, Timestamp,
    member::put_whole,
    sheet::{self, EXPERIENCE, LEVEL, PROFICIENCY_BONUS},
};

/// The experience and the level that a character has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The total experience.
    pub experience: i64,
    /// The level.
    pub level: u8,
}

/// The experience and the level of a sheet, as far as they can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnSheet {
    experience: Option<i64>,
    level: Option<u8>,
}

impl OnSheet {
    /// Reads what can be read.
    #[must_use]
    pub fn of(sheet: &Document) -> Self {
        let (experience, level) = (sheet::experience(sheet), sheet::level(sheet));
        Self { experience: experience.ok().flatten(), level: level.ok().flatten() }
    }

    /// Reads both, when each is missing or valid.
    fn read(sheet: &Document) -> Result<Self, Refusal> {
        Ok(Self { experience: sheet::experience(sheet)?, level: sheet::level(sheet)? })
    }

    /// The standing, when the sheet has both.
    #[must_use]
    pub fn whole(self) -> Option<Standing> {
        self.experience.zip(self.level).map(|(experience, level)| Standing { experience, level })
    }

    /// The standing of a character without a progress. Missing experience counts as 0, a missing level as the one that the
    /// experience makes.
    #[must_use]
    pub fn alone(self) -> Standing {
        let experience = self.experience.unwrap_or(0);
        Standing { experience, level: self.level.unwrap_or_else(|| level_of(experience)) }
    }

    /// The standing of a character whose progress has this one: what the sheet has takes precedence.
    #[must_use]
    pub fn over(self, known: Standing) -> Standing {
        let experience = self.experience.unwrap_or(known.experience);
        let made = if experience == known.experience { known.level } else { level_of(experience) };
        Standing { experience, level: self.level.unwrap_or(made) }
    }
}

impl CharacterProgress {
    /// The progress of a character without a stored one, from its sheet, as [`OnSheet::alone`] has it.
    ///
    /// # Errors
    /// `unreadable-member` when the experience or level of the sheet is not a valid number.
    pub fn of_sheet(character: &Character) -> Result<Self, Refusal> {
        let Standing { experience, level } = OnSheet::read(&character.data)?.alone();
        Ok(Self::new(character.id, experience, level, character.meta.created_at))
    }

    /// The same progress, with the experience and level of the sheet. Acts change both together. When they differ, the
    /// sheet was edited or restored since, and the sheet takes precedence.
    ///
    /// # Errors
    /// As [`of_sheet`](Self::of_sheet).
    pub fn as_on(mut self, sheet: &Document) -> Result<Self, Refusal> {
        let known = Standing { experience: self.experience_points, level: self.current_level };
        let Standing { experience, level } = OnSheet::read(sheet)?.over(known);
        self.experience_points = experience;
        if level != self.current_level {
            self.previous_level = self.current_level;
            self.current_level = level;
        }
        Ok(self)
    }

    /// This progress with the standing of an earlier version of its character. Milestones and achievements stay.
    #[must_use]
    pub fn restored(mut self, then: Standing, at: Timestamp) -> Self {
        self.experience_points = then.experience;
        self.set_level(then.level, at);
        self
    }

    /// This progress with the experience of events that take effect again; below 0: without that of events that are undone.
    #[must_use]
    pub fn regaining(mut self, experience: i64, at: Timestamp) -> Self {
        let before = self.experience_points;
        self.experience_points = before.saturating_add(experience).clamp(0, MAX_EXPERIENCE);
        let reached = level_of(self.experience_points);
        let is_lower = self.experience_points < before;
        self.set_level(if is_lower { reached.min(self.current_level) } else { reached.max(self.current_level) }, at);
        self
    }

    fn set_level(&mut self, level: u8, at: Timestamp) {
        if level == self.current_level {
            return;
        }
        if level < self.current_level {
            self.data.0.remove(GRANTED);
        }
        self.previous_level = self.current_level;
        self.current_level = level;
        self.level_updated_at = Some(at);
    }

    /// Writes experience, level and proficiency bonus on the sheet. Everything else on it stays, and so does the
    /// spelling of a number that does not change.
    ///
    /// # Errors
    /// `unreadable-member` when one of the three is there and is not such a number; the sheet is then unchanged.
    pub fn write_on(&self, sheet: &mut Document) -> Result<(), Refusal> {
        sheet::experience(sheet)?;
        sheet::level(sheet)?;
        sheet::proficiency_bonus(sheet)?;
        for (name, number) in [
            (EXPERIENCE, self.experience_points),
            (LEVEL, self.current_level.into()),
            (PROFICIENCY_BONUS, proficiency_bonus(self.current_level).into()),
        ] {
            put_whole(&mut sheet.0, name, number);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use serde_json::{Value, json};

    fn sheet(value: &Value) -> Document {
        Document::from(value.as_object().cloned().unwrap())
    }

    fn told(value: &Value) -> (i64, u8) {
        let character = Character { data: sheet(value), ..Character::new(UserId::new(), "Torormir", crate::now()) };
        let progress = CharacterProgress::of_sheet(&character).unwrap();
        (progress.experience_points, progress.current_level)
    }

    #[test]
    fn a_missing_level_or_experience_is_computed_from_the_rest() {
        assert_eq!(told(&json!({ "experience_points": 950, "level": 5 })), (950, 5));
        assert_eq!(told(&json!({ "experience_points": 950 })), (950, 3));
        assert_eq!(told(&json!({ "level": 5 })), (0, 5));
        assert_eq!(told(&json!({ "experience_points": null, "level": null })), (0, 1));
        assert_eq!(told(&json!({ "experience_points": 950.0, "level": 5.0 })), (950, 5));
    }

    #[test]
    fn a_sheet_that_somebody_has_written_on_counts_more_than_the_record() {
        let record = CharacterProgress::new(crate::CharacterId::new(), 950, 3, crate::now());
        let seen = |value: &Value| {
            let progress = record.clone().as_on(&sheet(value)).unwrap();
            (progress.experience_points, progress.current_level)
        };
        assert_eq!(seen(&json!({})), (950, 3));
        assert_eq!(seen(&json!({ "experience_points": 950, "level": 3 })), (950, 3));
        assert_eq!(seen(&json!({ "experience_points": 0 })), (0, 1));
        assert_eq!(seen(&json!({ "level": 7 })), (950, 7));
    }

    #[test]
    fn writing_on_a_sheet_keeps_everything_else() {
        let mut written = sheet(&json!({ "level": 1, "species": "Dwarf" }));
        CharacterProgress::new(crate::CharacterId::new(), 6_500, 5, crate::now()).write_on(&mut written).unwrap();
        let expected = json!({ "species": "Dwarf", "level": 5, "experience_points": 6_500, "proficiency_bonus": 3 });
        assert_eq!(Value::Object(written.0.into_map()), expected);
    }
}
