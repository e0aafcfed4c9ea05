//! Data of events about experience, levels, milestones and achievements.

use super::RowChanged;
use crate::CharacterId;
use serde::Serialize;
use uuid::Uuid;

/// A character gained experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExperienceGained {
    /// The character.
    pub character_id: CharacterId,
    /// The experience points that were added, at least 1.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub amount: i64,
    /// The experience points after the change.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub experience_points: i64,
    /// The level after the change, 1 to 20.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 20))]
    pub level: u8,
}

/// A character reached a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeveledUp {
    /// The character.
    pub character_id: CharacterId,
    /// The level before, 1 to 19.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 19))]
    pub level_before: u8,
    /// The level after, 2 to 20. Several levels may be reached at once.
    #[cfg_attr(feature = "schema", schema(minimum = 2, maximum = 20))]
    pub level: u8,
    /// The proficiency bonus of the new level, 2 to 6.
    #[cfg_attr(feature = "schema", schema(minimum = 2, maximum = 6))]
    pub proficiency_bonus: u8,
    /// The reached levels that bring an ability score improvement, of 4, 8, 12, 16 and 19.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<i32>))]
    pub ability_score_improvements: Vec<u8>,
}

/// The experience changed; the word of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExperienceKind {
    /// Experience points.
    Experience,
}

/// The experience of a character was lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExperienceChanged {
    /// The character.
    pub character_id: CharacterId,
    /// Always `experience`.
    pub kind: ExperienceKind,
    /// The change of the experience points, at most 0.
    #[cfg_attr(feature = "schema", schema(maximum = 0))]
    pub amount: i64,
    /// The experience points after the change.
    #[cfg_attr(feature = "schema", schema(minimum = 0))]
    pub experience_points: i64,
    /// The level after the change, 1 to 20.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 20))]
    pub level: u8,
}

/// What a character has attained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttainmentKind {
    /// A point of the story that was reached. The same title may be recorded again.
    Milestone,
    /// An honour that a character can win once.
    Achievement,
}

/// A milestone or an achievement was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AttainmentRecorded {
    /// The character.
    pub character_id: CharacterId,
    /// Whether it is a milestone or an achievement.
    pub kind: AttainmentKind,
    /// The id of the milestone or the achievement.
    pub id: Uuid,
    /// The name or title.
    pub title: String,
}

/// The progress of a character changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ProgressUpdated {
    /// The row changed by itself, as an import stores it.
    Row(RowChanged),
    /// The experience was lowered.
    Experience(ExperienceChanged),
    /// A milestone or an achievement was recorded.
    Attainment(AttainmentRecorded),
}
