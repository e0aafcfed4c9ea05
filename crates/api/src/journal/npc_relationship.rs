//! A relationship in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    MetaBody,
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, text},
};
use character_domain::{CharacterId, JournalEntryId, Members, NpcRelationship, Timestamp, Violations};
use character_repositories::NewNpcRelationship;
use character_storage_port::NpcRelationshipQuery;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A relationship between a character and a non-player character (NPC).
#[derive(Debug, Serialize, ToSchema)]
pub struct NpcRelationshipBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the character.
    pub character_id: Uuid,
    /// The id of the journal entry that it belongs to.
    pub journal_entry_id: Uuid,
    /// The id of the NPC, when it has one.
    pub npc_id: Option<Uuid>,
    /// The name of the NPC.
    pub npc_name: String,
    /// The type in free text, such as `friend` or `rival`.
    pub relationship_type: String,
    /// The standing, -100 to 100.
    pub standing: i64,
    /// Notes in free text.
    pub notes: Option<String>,
    /// When they last met.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_interaction: Option<Timestamp>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<NpcRelationship> for NpcRelationshipBody {
    fn from(relationship: NpcRelationship) -> Self {
        Self {
            id: relationship.id.0,
            character_id: relationship.character_id.0,
            journal_entry_id: relationship.journal_entry_id.0,
            npc_id: relationship.npc_id,
            npc_name: relationship.npc_name,
            relationship_type: relationship.relationship_type,
            standing: relationship.standing,
            notes: relationship.notes,
            last_interaction: relationship.last_interaction,
            data: relationship.data.0,
            meta: relationship.meta.into(),
        }
    }
}

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
    type Body = NpcRelationshipBody;
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
