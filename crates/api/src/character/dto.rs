//! The bodies of requests and responses.

use crate::{ProblemBody, RowBody, bulk::BulkResult};
use character_domain::Character;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A character.
pub type CharacterBody = RowBody<Character>;

/// The fields that `fields` can name.
pub(crate) const SELECTABLE: [&str; 12] = [
    "id",
    "parent_id",
    "theme",
    "name",
    "user_id",
    "campaign_id",
    "data",
    "is_active",
    "revision",
    "created_at",
    "updated_at",
    "deleted_at",
];

/// A new character, or all fields of one. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "name": "Torormir", "user_id": "6f1c2f0e-58a0-4d7b-8d1e-6a3c1f7f9a10", "data": { "level": 3 },
}))]
pub struct NewCharacterBody {
    /// Default: a new UUID of version 7. In a `PUT` it must equal the id in the path.
    pub id: Option<Uuid>,
    /// Only a change of theme sets it. `POST` rejects every value but `null`. `PUT` keeps the stored value when this is
    /// absent, and rejects every other value.
    pub parent_id: Option<Uuid>,
    /// The theme: the setting that the character is played in.
    #[schema(default = "traditional", min_length = 1, max_length = 64)]
    pub theme: Option<String>,
    /// The name of the character.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// The id of the user who plays the character.
    pub user_id: Uuid,
    /// The id of the campaign that the character takes part in; `null` for none.
    pub campaign_id: Option<Uuid>,
    /// The sheet: any JSON object, at most 128 levels deep.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
    /// Whether the character is in play.
    #[schema(default = true)]
    pub is_active: Option<bool>,
}

/// Changes of a character (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "campaign_id": null, "data": { "level": 4 } }))]
pub struct CharacterPatch {
    /// Only a change of theme sets it: every value but the stored one is rejected.
    pub parent_id: Option<Uuid>,
    /// The theme: the setting that the character is played in.
    pub theme: Option<String>,
    /// The name of the character.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The id of the user who plays the character.
    #[schema(nullable = false)]
    pub user_id: Option<Uuid>,
    /// The id of the campaign that the character takes part in; `null` for none.
    pub campaign_id: Option<Uuid>,
    /// Merged into the sheet, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
    /// Whether the character is in play.
    pub is_active: Option<bool>,
}

/// Several new characters.
#[derive(Debug, ToSchema)]
pub struct BulkRequest {
    /// `true`: either all are created or none. `false`: each is created on its own.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// The characters to create, 1 to 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub characters: Vec<NewCharacterBody>,
}

/// The characters that an atomic bulk created.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkCreatedBody {
    /// In the order of the request.
    pub items: Vec<CharacterBody>,
}

/// The outcome of each character of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcomeBody {
    /// In the order of the request.
    pub results: Vec<BulkItemBody>,
}

/// The outcome of one character of a bulk.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkItemBody {
    /// The index in the request, from 0.
    pub index: usize,
    /// The status that a `POST` of this one alone would have had.
    pub status: u16,
    /// The character, when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub character: Option<CharacterBody>,
    /// Why it was not created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemBody>,
}

impl From<BulkResult<CharacterBody>> for BulkItemBody {
    fn from(result: BulkResult<CharacterBody>) -> Self {
        let BulkResult { index, status, item, problem } = result;
        Self { index, status, character: item, problem }
    }
}
