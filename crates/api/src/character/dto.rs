//! What goes over the wire.

use crate::{ProblemBody, bulk::BulkResult};
use character_domain::{Character, Members, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A character.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11", "parent_id": null, "theme": "traditional", "name": "Torormir",
    "user_id": "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10", "campaign_id": null, "data": { "level": 3 },
    "is_active": true, "revision": 1, "created_at": "2026-11-23T03:43:28.123456Z",
    "updated_at": "2026-11-23T03:43:28.123456Z", "deleted_at": null,
}))]
pub struct CharacterBody {
    /// Identity; never changes.
    pub id: Uuid,
    /// The character this one grew out of, when it changed theme. Only a change of theme sets it.
    pub parent_id: Option<Uuid>,
    /// The setting it is played in.
    pub theme: String,
    /// What it is called.
    pub name: String,
    /// Who plays it.
    pub user_id: Uuid,
    /// The campaign it takes part in.
    pub campaign_id: Option<Uuid>,
    /// The sheet: any JSON object, at most 128 levels deep.
    #[schema(value_type = Object)]
    pub data: Members,
    /// Whether it is in play.
    pub is_active: bool,
    /// 1 when created, one more at each change; also its entity tag.
    pub revision: u64,
    /// When it came to be.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it was soft-deleted; `null` while it is live.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<Character> for CharacterBody {
    fn from(character: Character) -> Self {
        Self {
            id: character.id.0,
            parent_id: character.parent_id.map(Into::into),
            theme: character.theme,
            name: character.name,
            user_id: character.user_id.0,
            campaign_id: character.campaign_id.map(Into::into),
            data: character.data.0,
            is_active: character.is_active,
            revision: character.meta.revision.0,
            created_at: character.meta.created_at,
            updated_at: character.meta.updated_at,
            deleted_at: character.meta.deleted_at,
        }
    }
}

/// A character to be, or the whole of one that is. Unknown fields are refused; `null` is as good as absent.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "Torormir", "user_id": "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10", "data": { "level": 3 },
}))]
pub struct NewCharacterBody {
    /// Chosen by the client, or by the service when absent. In a `PUT` it must be that of the path.
    pub id: Option<Uuid>,
    /// Only a change of theme sets it. `POST` refuses every value but `null`. `PUT` keeps the stored value when this is
    /// absent, and refuses every other value.
    pub parent_id: Option<Uuid>,
    /// The setting it is played in.
    #[schema(default = "traditional", min_length = 1, max_length = 64)]
    pub theme: Option<String>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// Who plays it.
    pub user_id: Uuid,
    /// The campaign it takes part in.
    pub campaign_id: Option<Uuid>,
    /// The sheet: any JSON object, at most 128 levels deep.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
    /// Whether it is in play.
    #[schema(default = true)]
    pub is_active: Option<bool>,
}

/// What is to change of a character (RFC 7396): absent members stay, `null` removes or goes back to the default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "campaign_id": null, "data": { "level": 4 } }))]
pub struct CharacterPatch {
    /// Only a change of theme sets it: every value but the stored one is refused.
    pub parent_id: Option<Uuid>,
    /// The setting it is played in.
    pub theme: Option<String>,
    /// What it is called.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// Who plays it.
    #[schema(nullable = false)]
    pub user_id: Option<Uuid>,
    /// The campaign it takes part in.
    pub campaign_id: Option<Uuid>,
    /// Merged into the sheet, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
    /// Whether it is in play.
    pub is_active: Option<bool>,
}

/// Many characters to be.
#[derive(Debug, ToSchema)]
pub struct BulkRequest {
    /// Whether all are made or none, rather than each for itself.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// 1 to 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub characters: Vec<NewCharacterBody>,
}

/// The characters of an atomic bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkCreatedBody {
    /// In the order given.
    pub items: Vec<CharacterBody>,
}

/// What became of each character of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcomeBody {
    /// In the order given.
    pub results: Vec<BulkItemBody>,
}

/// What became of one character of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkItemBody {
    /// Its place in the request, from 0.
    pub index: usize,
    /// What a `POST` of it alone would have been answered.
    pub status: u16,
    /// The character, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character: Option<CharacterBody>,
    /// Why it was not made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

impl From<BulkResult<CharacterBody>> for BulkItemBody {
    fn from(result: BulkResult<CharacterBody>) -> Self {
        let BulkResult { index, status, item, problem } = result;
        Self { index, status, character: item, problem }
    }
}
