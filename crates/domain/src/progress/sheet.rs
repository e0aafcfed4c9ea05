//! What a sheet says of progress.

use super::{CharacterProgress, MAX_EXPERIENCE, MAX_LEVEL, level_of, proficiency_bonus};
use crate::{Character, Document};
use serde_json::Value;

impl CharacterProgress {
    /// The progress of a character that has none on record: what its sheet says.
    #[must_use]
    pub fn of_sheet(character: &Character) -> Self {
        let experience = experience(&character.data).unwrap_or(0);
        let level = level(&character.data).unwrap_or_else(|| level_of(experience));
        Self::new(character.id, experience, level, character.meta.created_at)
    }

    /// The same progress, with experience and level as the sheet says. Acts change both together; where they differ,
    /// somebody has written on the sheet since, or brought back an earlier one, and that is what counts.
    #[must_use]
    pub fn as_on(mut self, sheet: &Document) -> Self {
        let known = self.experience_points;
        self.experience_points = experience(sheet).unwrap_or(known);
        let made = if self.experience_points == known { self.current_level } else { level_of(self.experience_points) };
        let level = level(sheet).unwrap_or(made);
        if level != self.current_level {
            self.previous_level = self.current_level;
            self.current_level = level;
        }
        self
    }

    /// Writes experience, level and proficiency bonus on the sheet. Everything else on it stays.
    pub fn write_on(&self, sheet: &mut Document) {
        sheet.0.insert("experience_points".to_owned(), self.experience_points.into());
        sheet.0.insert("level".to_owned(), self.current_level.into());
        sheet.0.insert("proficiency_bonus".to_owned(), proficiency_bonus(self.current_level).into());
    }
}

fn experience(sheet: &Document) -> Option<i64> {
    let points = sheet.0.get("experience_points").and_then(Value::as_i64);
    points.filter(|points| (0..=MAX_EXPERIENCE).contains(points))
}

fn level(sheet: &Document) -> Option<u8> {
    let level = sheet.0.get("level").and_then(Value::as_u64).and_then(|level| u8::try_from(level).ok());
    level.filter(|level| (1..=MAX_LEVEL).contains(level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;
    use serde_json::json;

    fn sheet(value: &Value) -> Document {
        Document::from(value.as_object().cloned().unwrap())
    }

    fn told(value: &Value) -> (i64, u8) {
        let character = Character { data: sheet(value), ..Character::new(UserId::new(), "Torormir", crate::now()) };
        let progress = CharacterProgress::of_sheet(&character);
        (progress.experience_points, progress.current_level)
    }

    #[test]
    fn what_a_sheet_does_not_say_or_says_wrongly_is_made_up_from_the_rest() {
        assert_eq!(told(&json!({ "experience_points": 950, "level": 5 })), (950, 5));
        assert_eq!(told(&json!({ "experience_points": 950 })), (950, 3));
        assert_eq!(told(&json!({ "level": 5 })), (0, 5));
        assert_eq!(told(&json!({ "experience_points": -1, "level": 21 })), (0, 1));
        assert_eq!(told(&json!({ "experience_points": "many", "level": 2.5 })), (0, 1));
    }

    #[test]
    fn a_sheet_that_somebody_has_written_on_counts_more_than_the_record() {
        let record = CharacterProgress::new(crate::CharacterId::new(), 950, 3, crate::now());
        let seen = |value: &Value| {
            let progress = record.clone().as_on(&sheet(value));
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
        CharacterProgress::new(crate::CharacterId::new(), 6_500, 5, crate::now()).write_on(&mut written);
        let expected = json!({ "species": "Dwarf", "level": 5, "experience_points": 6_500, "proficiency_bonus": 3 });
        assert_eq!(Value::Object(written.0.into_map()), expected);
    }
}
