//! The bodies of requests and responses.

use crate::{NewBody, PatchBody, ProblemBody, RowBody, bulk::BulkResult};
use character_domain::Character;
use serde::Serialize;
use utoipa::ToSchema;

/// A character.
pub type CharacterBody = RowBody<Character>;
/// A new character.
pub type NewCharacterBody = NewBody<Character>;
/// Changes of a character.
pub type CharacterPatch = PatchBody<Character>;

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
