//! A relationship in requests and responses.

use super::READ_ONLY;
use crate::{MetaBody, fields::Fields, merge::Writable};
use character_domain::{Members, NpcRelationship, Timestamp, Violations};
use character_repositories::NewNpcRelationship;
use serde::Serialize;
use serde_json::{Map, Value, json};
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

/// A relationship to be. A placeholder stands in for a field that cannot be read, so that all faults are reported at
/// once.
pub(super) fn new(members: Map<String, Value>) -> Result<NewNpcRelationship, Violations> {
    let mut fields = Fields::of(members);
    fields.refuse(&READ_ONLY, "is read-only");
    let name = fields.text("npc_name");
    let plain = NewNpcRelationship::new(fields.require("npc_name", name).unwrap_or_else(|| "unnamed".to_owned()));
    let new = NewNpcRelationship {
        id: fields.id("id"),
        npc_id: fields.id("npc_id"),
        relationship_type: fields.text("relationship_type").unwrap_or(plain.relationship_type),
        standing: fields.number("standing").unwrap_or(plain.standing),
        notes: fields.text("notes"),
        last_interaction: fields.time("last_interaction"),
        data: fields.document("data").unwrap_or_default(),
        npc_name: plain.npc_name,
    };
    fields.refuse_the_rest();
    fields.faults.into_result().map(|()| new)
}

impl Writable for NpcRelationship {
    fn as_written(&self) -> Map<String, Value> {
        let written = json!({
            "npc_id": self.npc_id,
            "npc_name": self.npc_name,
            "relationship_type": self.relationship_type,
            "standing": self.standing,
            "notes": self.notes,
            "last_interaction": self.last_interaction,
            "data": self.data,
        });
        if let Value::Object(members) = written { members } else { Map::new() }
    }

    fn rewritten(&self, fields: &mut Fields) -> Self {
        let plain = NewNpcRelationship::new("");
        let name = fields.text("npc_name");
        Self {
            npc_id: fields.id("npc_id"),
            npc_name: fields.require("npc_name", name).unwrap_or_else(|| self.npc_name.clone()),
            relationship_type: fields.text("relationship_type").unwrap_or(plain.relationship_type),
            standing: fields.number("standing").unwrap_or(plain.standing),
            notes: fields.text("notes"),
            last_interaction: fields.time("last_interaction"),
            data: fields.document("data").unwrap_or_default(),
            ..self.clone()
        }
    }
}
