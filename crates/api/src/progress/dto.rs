//! What goes over the wire.

use character_domain::{
    Timestamp,
    progress::{next_threshold, proficiency_bonus},
};
use character_repositories::{Awarded, Progress};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a character stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressBody {
    /// Whose it is.
    pub character_id: Uuid,
    /// All experience won so far.
    pub experience_points: i64,
    /// 1 to 20.
    pub current_level: u8,
    /// The level before that; 0 when there was none.
    pub previous_level: u8,
    /// When experience last changed the level; `null` when it never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub level_updated_at: Option<Timestamp>,
    /// What the level gives.
    pub proficiency_bonus: u8,
    /// The experience at which the next level begins; `null` at the last.
    pub next_level_at: Option<i64>,
    /// What was reached, oldest first.
    #[schema(value_type = Vec<AttainmentBody>)]
    pub milestones: Vec<Value>,
    /// What was achieved, oldest first; no title twice.
    #[schema(value_type = Vec<AttainmentBody>)]
    pub achievements: Vec<Value>,
    /// Everything else.
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

/// Experience to be won. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "amount": 450, "source": "combat", "reason": "Defeated a wyvern" }))]
pub struct AwardRequest {
    /// How much.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    pub amount: i64,
    /// `combat`, `story`, ….
    #[schema(default = "story", min_length = 1, max_length = 64)]
    pub source: Option<String>,
    /// What for.
    pub reason: Option<String>,
    /// The entry of the character's journal that tells of it. A new one is written when absent.
    pub journal_entry_id: Option<Uuid>,
    /// The session it was won in.
    pub session_id: Option<Uuid>,
}

/// What an award came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "amount": 450, "experience_points": 2_850, "leveled_up": true, "levels_gained": 1, "level_before": 3,
    "level_after": 4, "proficiency_bonus_before": 2, "proficiency_bonus_after": 2, "ability_score_improvements": [4],
    "next_level_at": 6_500, "journal_entry_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11",
    "experience_entry_id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e12", "revision": 2,
}))]
pub struct AwardedBody {
    /// How much was won now.
    pub amount: i64,
    /// All experience afterwards.
    pub experience_points: i64,
    /// Whether at least one level was gained.
    pub leveled_up: bool,
    /// How many levels were gained.
    pub levels_gained: u8,
    /// The level before.
    pub level_before: u8,
    /// The level afterwards.
    pub level_after: u8,
    /// The proficiency bonus before.
    pub proficiency_bonus_before: u8,
    /// The proficiency bonus afterwards.
    pub proficiency_bonus_after: u8,
    /// The levels gained now that bring an ability score improvement.
    #[schema(value_type = Vec<u32>)]
    pub ability_score_improvements: Vec<u8>,
    /// The experience at which the next level begins; `null` at the last.
    pub next_level_at: Option<i64>,
    /// The journal entry that tells of it.
    pub journal_entry_id: Uuid,
    /// What that says of the experience.
    pub experience_entry_id: Uuid,
    /// The revision of the character afterwards; also the entity tag.
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

/// A milestone or an achievement to be. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "title": "Dragonslayer", "type": "combat", "description": "The wyrm of Old Karrow fell." }))]
pub struct NewAttainmentBody {
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// What it was.
    pub description: Option<String>,
    /// `story`, `quest`, `exploration`, ….
    #[schema(rename = "type", default = "story", min_length = 1, max_length = 64)]
    pub kind: Option<String>,
    /// When. Now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub achieved_at: Option<Timestamp>,
    /// Everything else.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// A milestone that was reached, or an achievement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttainmentBody {
    /// Identity.
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// What it was.
    pub description: String,
    /// `story`, `quest`, `exploration`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub achieved_at: Timestamp,
    /// Everything else.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}
