//! Progress: experience, levels, milestones and achievements.

mod attainment;
mod sheet;

pub use attainment::Attainment;
pub use sheet::{OnSheet, Standing};

use crate::{
    CharacterId, CharacterProgressId, Document, Meta, Refusal, Timestamp, Violations, check,
    document::{ListLimits, check_list},
    member::Member,
    text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The member of [`CharacterProgress::data`] with the level that was reached by other means than experience. No loss of
/// experience removes it.
const GRANTED: &str = "granted_level";

/// Maximum experience of a character, and of one award.
pub const MAX_EXPERIENCE: i64 = 1_000_000_000_000;
/// The highest level.
pub const MAX_LEVEL: u8 = 20;
/// The experience at which level 2, 3, … 20 begins (SRD 5.2, "Character Advancement").
pub const THRESHOLDS: &[i64] = &[
    300, 900, 2_700, 6_500, 14_000, 23_000, 34_000, 48_000, 64_000, 85_000, 100_000, 120_000, 140_000, 165_000,
    195_000, 225_000, 265_000, 305_000, 355_000,
];

/// The level for this experience, 1 to 20.
#[must_use]
pub fn level_of(experience: i64) -> u8 {
    let passed = THRESHOLDS.iter().take_while(|threshold| **threshold <= experience).count();
    u8::try_from(passed + 1).unwrap_or(MAX_LEVEL)
}

/// The experience at which the level after this one begins; `None` at the last.
#[must_use]
pub fn next_threshold(level: u8) -> Option<i64> {
    THRESHOLDS.get(usize::from(level.max(1)) - 1).copied()
}

/// The proficiency bonus of a level: 2, one more every four levels.
#[must_use]
pub fn proficiency_bonus(level: u8) -> u8 {
    2 + level.saturating_sub(1) / 4
}

/// Whether a level brings an ability score improvement.
#[must_use]
pub fn improves_ability_score(level: u8) -> bool {
    matches!(level, 4 | 8 | 12 | 16 | 19)
}

/// The progress of a character. A character has one, or none yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CharacterProgress {
    /// The unique id; never changes.
    pub id: CharacterProgressId,
    /// The character that owns it.
    pub character_id: CharacterId,
    /// The total experience.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 1_000_000_000_000_i64))]
    pub experience_points: i64,
    /// The level, 1 to 20.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 20))]
    pub current_level: u8,
    /// The previous level; 0 when there was none.
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 20))]
    pub previous_level: u8,
    /// When the level last changed.
    pub level_updated_at: Option<Timestamp>,
    /// The milestones, oldest first: `id`, `title`, `description`, `type`, `achieved_at`, `data`.
    pub milestones: Vec<Value>,
    /// The achievements, oldest first, with the same members. Titles are unique.
    pub achievements: Vec<Value>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

/// What a change of experience did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelChange {
    /// The level before.
    pub from: u8,
    /// The level after.
    pub to: u8,
}

impl LevelChange {
    /// Whether it brought at least one level.
    #[must_use]
    pub fn is_gain(self) -> bool {
        self.to > self.from
    }

    /// The levels that were reached and bring an ability score improvement.
    #[must_use]
    pub fn improvements(self) -> Vec<u8> {
        (self.from.saturating_add(1)..=self.to).filter(|level| improves_ability_score(*level)).collect()
    }
}

impl CharacterProgress {
    /// The progress that a character begins with, at this much experience and this level.
    #[must_use]
    pub fn new(character: CharacterId, experience_points: i64, level: u8, at: Timestamp) -> Self {
        Self {
            id: CharacterProgressId::of(character),
            character_id: character,
            experience_points,
            current_level: level.clamp(1, MAX_LEVEL),
            previous_level: level.clamp(1, MAX_LEVEL) - 1,
            level_updated_at: None,
            milestones: Vec::new(),
            achievements: Vec::new(),
            data: Document::default(),
            meta: Meta::created(at),
        }
    }

    /// Adds or subtracts experience. A level that was reached by other means is kept, so gains and losses that cancel
    /// out leave the level unchanged.
    ///
    /// # Errors
    /// `not-enough-experience` when there would be less than none, `too-much-experience` when there would be more than
    /// [`MAX_EXPERIENCE`], `unreadable-member` when `granted_level` of the data is no level.
    pub fn add_experience(&mut self, amount: i64, at: Timestamp) -> Result<LevelChange, Refusal> {
        let before = self.experience_points;
        let after = before.saturating_add(amount);
        if after < 0 {
            let reason = format!(
                "the character has {before} experience points, fewer than the {} to subtract",
                amount.unsigned_abs()
            );
            return Err(Refusal::new("not-enough-experience", reason));
        }
        if after > MAX_EXPERIENCE {
            let reason =
                format!("the character has {before} experience points; the total must not exceed {MAX_EXPERIENCE}");
            return Err(Refusal::new("too-much-experience", reason));
        }
        let from = self.current_level;
        let granted = self.granted_level()?;
        let reached = level_of(after).max(granted.unwrap_or(1));
        let to = if amount >= 0 { reached.max(from) } else { reached.min(from) };
        match granted {
            Some(level) => self.data.0.insert(GRANTED.to_owned(), level.into()),
            None => self.data.0.remove(GRANTED),
        };
        self.experience_points = after;
        if to != from {
            self.previous_level = from;
            self.current_level = to;
            self.level_updated_at = Some(at);
        }
        Ok(LevelChange { from, to })
    }

    /// The level that was reached by other means than experience: the current one when experience does not give it, or
    /// one that was recorded earlier.
    fn granted_level(&self) -> Result<Option<u8>, Refusal> {
        let noted = Member::of(&self.data, "progress.data", GRANTED).whole(1..=MAX_LEVEL.into())?;
        if self.current_level > level_of(self.experience_points) {
            return Ok(Some(self.current_level));
        }
        Ok(noted.and_then(|level| u8::try_from(level).ok()).filter(|level| *level <= self.current_level))
    }

    /// Whether the character has an achievement with this title, compared as [`text::normalized`] does.
    #[must_use]
    pub fn has_achievement(&self, title: &str) -> bool {
        let wanted = text::normalized(title);
        let titles = self.achievements.iter().filter_map(|it| it.get("title").and_then(Value::as_str));
        titles.map(text::normalized).any(|title| title == wanted)
    }

    /// Every rule that this progress breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        if !(0..=MAX_EXPERIENCE).contains(&self.experience_points) {
            violations.push("experience_points", format!("must be from 0 to {MAX_EXPERIENCE}"));
        }
        if !(1..=MAX_LEVEL).contains(&self.current_level) {
            violations.push("current_level", format!("must be from 1 to {MAX_LEVEL}"));
        }
        if self.previous_level > MAX_LEVEL {
            violations.push("previous_level", format!("must be from 0 to {MAX_LEVEL}"));
        }
        for (field, entries) in [("milestones", &self.milestones), ("achievements", &self.achievements)] {
            if entries.len() > check::MAX_ENTRIES {
                violations.push(field, format!("must not be more than {}", check::MAX_ENTRIES));
            }
            check_list(field, entries, ListLimits::DOCUMENT, &mut violations);
        }
        self.data.check("data", &mut violations);
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_begins_exactly_at_its_threshold() {
        for (index, threshold) in THRESHOLDS.iter().copied().enumerate() {
            let level = u8::try_from(index).unwrap() + 2;
            assert_eq!((level_of(threshold - 1), level_of(threshold)), (level - 1, level));
            assert_eq!(next_threshold(level - 1), Some(threshold));
        }
        assert_eq!((level_of(0), level_of(i64::MAX), next_threshold(20)), (1, 20, None));
    }

    #[test]
    fn the_proficiency_bonus_grows_every_four_levels() {
        assert_eq!([1, 4, 5, 8, 9, 12, 13, 16, 17, 20].map(proficiency_bonus), [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
    }

    #[test]
    fn winning_never_lowers_a_level_and_losing_undoes_only_what_experience_made() {
        let at = crate::now();
        let mut progress = CharacterProgress::new(CharacterId::new(), 250, 1, at);
        assert_eq!(progress.add_experience(700, at), Ok(LevelChange { from: 1, to: 3 }));
        assert_eq!((progress.previous_level, progress.level_updated_at), (1, Some(at)));
        assert_eq!(progress.add_experience(-700, at), Ok(LevelChange { from: 3, to: 1 }));
        let mut told = CharacterProgress::new(CharacterId::new(), 250, 7, at);
        assert_eq!(told.add_experience(100, at), Ok(LevelChange { from: 7, to: 7 }));
        assert_eq!(told.add_experience(-300, at), Ok(LevelChange { from: 7, to: 7 }));
        assert_eq!(told.add_experience(-51, at).unwrap_err().rule, "not-enough-experience");
        assert_eq!(told.add_experience(MAX_EXPERIENCE, at).unwrap_err().rule, "too-much-experience");
        assert_eq!(told.experience_points, 50, "a refused change changes nothing");
    }

    #[test]
    fn a_level_that_was_reached_otherwise_comes_back_when_experience_beyond_it_is_lost() {
        let at = crate::now();
        let mut told = CharacterProgress::new(CharacterId::new(), 0, 2, at);
        assert_eq!(told.add_experience(1_000, at), Ok(LevelChange { from: 2, to: 3 }));
        assert_eq!(told.add_experience(-1_000, at), Ok(LevelChange { from: 3, to: 2 }));
    }

    #[test]
    fn losing_never_raises_a_level_that_experience_would_have_passed() {
        let at = crate::now();
        let mut held_back = CharacterProgress::new(CharacterId::new(), 1_000, 2, at);
        assert_eq!(held_back.add_experience(-50, at), Ok(LevelChange { from: 2, to: 2 }));
    }

    #[test]
    fn every_improvement_that_was_passed_is_named() {
        assert_eq!(LevelChange { from: 3, to: 12 }.improvements(), [4, 8, 12]);
        assert_eq!(LevelChange { from: 4, to: 4 }.improvements(), [0_u8; 0]);
        assert_eq!(LevelChange { from: 5, to: 3 }.improvements(), [0_u8; 0]);
    }
}
