//! A relationship in requests and responses.

use super::{READ_ONLY, Record, check, rewritten, words};
use crate::{
    fields::Fields,
    query::Parameters,
    resource::{Filter, INCLUDE_DELETED, Paths, Resource, Words, paths, text},
    writable::Examples,
};
use character_domain::{CharacterId, JournalEntryId, NpcRelationship, Violations};
use character_repositories::NewNpcRelationship;
use character_storage_port::NpcRelationshipQuery;
use serde_json::json;

impl Resource for NpcRelationship {
    type Parent = (CharacterId, JournalEntryId);
    type New = NewNpcRelationship;

    const PATHS: Paths = paths!("/api/v2/characters/{id}/journal/{entry}/npc-relationships", "relationship");
    const READ_ONLY: &'static [&'static str] = &READ_ONLY;
    const FILTERS: &'static [Filter] =
        &[("relationship_type", text, "Only rows of this type, compared exactly."), INCLUDE_DELETED];

    fn examples() -> Examples {
        Examples {
            new: json!({ "npc_name": "Ada of Redwater", "relationship_type": "friend", "standing": 40 }),
            patch: json!({ "standing": -20, "notes": "She found out." }),
        }
    }

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
