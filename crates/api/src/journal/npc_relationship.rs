//! A relationship in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, text},
};
use character_domain::{CharacterId, JournalEntryId, NpcRelationship, Violations};
use character_repositories::NewNpcRelationship;
use character_storage_port::NpcRelationshipQuery;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A new relationship. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "npc_name": "Ada of Redwater", "relationship_type": "friend", "standing": 40 }))]
pub struct NewNpcRelationshipBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The id of the NPC, when it has one.
    pub npc_id: Option<Uuid>,
    /// The name of the NPC.
    #[schema(min_length = 1, max_length = 255)]
    pub npc_name: String,
    /// The type in free text, such as `friend` or `rival`.
    #[schema(default = "acquaintance", min_length = 1, max_length = 64)]
    pub relationship_type: Option<String>,
    /// The standing, -100 to 100.
    #[schema(default = 0, minimum = -100, maximum = 100)]
    pub standing: Option<i64>,
    /// Notes in free text.
    #[schema(max_length = 100_000)]
    pub notes: Option<String>,
    /// When they last met.
    #[schema(format = DateTime)]
    pub last_interaction: Option<String>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

/// Changes of a relationship (RFC 7396): absent fields stay, `null` removes a value or restores its default.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "standing": -20, "notes": "She found out." }))]
pub struct NpcRelationshipPatch {
    /// The id of the NPC, when it has one.
    pub npc_id: Option<Uuid>,
    /// The name of the NPC.
    #[schema(nullable = false)]
    pub npc_name: Option<String>,
    /// The type in free text, such as `friend` or `rival`.
    pub relationship_type: Option<String>,
    /// The standing, -100 to 100.
    pub standing: Option<i64>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// When they last met.
    #[schema(format = DateTime)]
    pub last_interaction: Option<String>,
    /// Merged into the stored object, member by member.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}

impl Resource for NpcRelationship {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewNpcRelationship;
    type NewBody = NewNpcRelationshipBody;
    type PatchBody = NpcRelationshipPatch;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal/{entry}/npc-relationships", "relationship");
    const READ_ONLY: &'static [&'static str] = &READ_ONLY;
    const FILTERS: &'static [Filter] =
        &[("relationship_type", text, "Only rows of this type, compared exactly."), INCLUDE_DELETED];

    fn words() -> Words {
        words("NpcRelationship", "listNpcRelationships", "relationship")
    }

    fn query(parameters: &mut Parameters) -> NpcRelationshipQuery {
        NpcRelationshipQuery {
            relationship_type: parameters.text("relationship_type"),
            include_deleted: parameters.flag("include_deleted"),
            ..NpcRelationshipQuery::default()
        }
    }

    fn read(fields: &mut Fields) -> NewNpcRelationship {
        let name = fields.text("npc_name");
        let plain = NewNpcRelationship::new(fields.require("npc_name", name).unwrap_or_else(|| "unnamed".to_owned()));
        NewNpcRelationship {
            id: fields.id("id"),
            npc_id: fields.id("npc_id"),
            relationship_type: fields.text("relationship_type").unwrap_or(plain.relationship_type),
            standing: fields.number("standing").unwrap_or(plain.standing),
            notes: fields.text("notes"),
            last_interaction: fields.time("last_interaction"),
            data: fields.document("data").unwrap_or_default(),
            npc_name: plain.npc_name,
        }
    }

    fn check_new(new: NewNpcRelationship) -> Violations {
        check::<Self>(new)
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        rewritten(self, Self::read(fields))
    }
}

impl Record for NpcRelationship {}
