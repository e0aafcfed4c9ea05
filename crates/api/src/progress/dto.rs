//! The bodies of requests and responses.

use character_domain::{
    Timestamp,
    progress::{next_threshold, proficiency_bonus},
};
use character_repositories::{Awarded, Progress};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The progress of a character.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressBody {
    /// The id of the character.
    pub character_id: Uuid,
    /// The total experience.
    pub experience_points: i64,
    /// The level, 1 to 20.
    pub current_level: u8,
    /// The previous level; 0 when there was none.
    pub previous_level: u8,
    /// When experience last changed the level; `null` when it never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub level_updated_at: Option<Timestamp>,
    /// The proficiency bonus of the level.
    pub proficiency_bonus: u8,
    /// The experience at which the next level begins; `null` at level 20.
    pub next_level_at: Option<i64>,
    /// The milestones, oldest first.
    #[schema(value_type = Vec<AttainmentBody>)]
    pub milestones: Vec<Value>,
    /// The achievements, oldest first. Titles are unique.
    #[schema(value_type = Vec<AttainmentBody>)]
    pub achievements: Vec<Value>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
    /// The revision of the character, which every change of its progress moves; also the entity tag.
    pub revision: u64,
}

impl From<Progress> for ProgressBody {
    fn from(Progress { row, revision }: Progress) -> Self {
        Self {
            character_id: row.character_id.0,
            experience_points: row.experience_points,
            current_level: row.current_level,
            previous_level: row.previous_level,
            level_updated_at: row.level_updated_at,
            proficiency_bonus: proficiency_bonus(row.current_level),
            next_level_at: next_threshold(row.current_level),
            milestones: row.milestones,
            achievements: row.achievements,
            data: row.data.0.into_map(),
            revision: revision.0,
        }
    }
}

/// An award of experience. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 450, "source": "combat", "reason": "Defeated a wyvern" }))]
pub struct AwardRequest {
    /// The amount of experience.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
    /// The source in free text, such as `combat` or `story`.
    #[schema(default = "story", min_length = 1, max_length = 64)]
    pub source: Option<String>,
    /// The reason in free text.
    #[schema(default = "", max_length = 100_000)]
    pub reason: Option<String>,
    /// The id of the journal entry about the award. Default: a new entry.
    pub journal_entry_id: Option<Uuid>,
    /// The id of the session in which it was won.
    pub session_id: Option<Uuid>,
}

/// The result of an award.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "amount": 450, "experience_points": 2_850, "leveled_up": true, "levels_gained": 1, "level_before": 3,
    "level_after": 4, "proficiency_bonus_before": 2, "proficiency_bonus_after": 2, "ability_score_improvements": [4],
    "next_level_at": 6_500, "journal_entry_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11",
    "experience_entry_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e12", "revision": 2,
}))]
pub struct AwardedBody {
    /// The amount of this award.
    pub amount: i64,
    /// The total experience after the award.
    pub experience_points: i64,
    /// Whether at least one level was gained.
    pub leveled_up: bool,
    /// The number of levels gained.
    pub levels_gained: u8,
    /// The level before the award.
    pub level_before: u8,
    /// The level after the award.
    pub level_after: u8,
    /// The proficiency bonus before the award.
    pub proficiency_bonus_before: u8,
    /// The proficiency bonus after the award.
    pub proficiency_bonus_after: u8,
    /// The gained levels that bring an ability score improvement.
    #[schema(value_type = Vec<u32>)]
    pub ability_score_improvements: Vec<u8>,
    /// The experience at which the next level begins; `null` at level 20.
    pub next_level_at: Option<i64>,
    /// The id of the journal entry about the award.
    pub journal_entry_id: Uuid,
    /// The id of the experience entry under that journal entry.
    pub experience_entry_id: Uuid,
    /// The revision of the character after the award; also the entity tag.
    pub revision: u64,
}

impl From<Awarded> for AwardedBody {
    fn from(it: Awarded) -> Self {
        let levels_gained = it.level_after.saturating_sub(it.level_before);
        Self {
            amount: it.amount,
            experience_points: it.experience_points,
            leveled_up: levels_gained > 0,
            levels_gained,
            level_before: it.level_before,
            level_after: it.level_after,
            proficiency_bonus_before: it.proficiency_bonus_before,
            proficiency_bonus_after: it.proficiency_bonus_after,
            ability_score_improvements: it.ability_score_improvements,
            next_level_at: it.next_level_at,
            journal_entry_id: it.journal_entry_id.0,
            experience_entry_id: it.experience_entry_id.0,
            revision: it.revision.0,
        }
    }
}

/// A new milestone or achievement. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "title": "Dragonslayer", "type": "combat", "description": "The wyrm of Old Karrow fell." }))]
pub struct NewAttainmentBody {
    /// The title.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// The description.
    #[schema(default = "", max_length = 100_000)]
    pub description: Option<String>,
    /// The type in free text, such as `story`, `quest` or `exploration`.
    #[schema(rename = "type", default = "story", min_length = 1, max_length = 64)]
    pub kind: Option<String>,
    /// When it was reached or achieved. Default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub achieved_at: Option<Timestamp>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// A milestone or an achievement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttainmentBody {
    /// The unique id.
    pub id: Uuid,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The type in free text, such as `story`, `quest` or `exploration`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was reached or achieved.
    #[schema(value_type = String, format = DateTime)]
    pub achieved_at: Timestamp,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}
