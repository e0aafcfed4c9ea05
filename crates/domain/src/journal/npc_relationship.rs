//! Relationships to non-player characters under a journal entry.

use crate::{CharacterId, Document, JournalEntryId, Meta, NpcRelationshipId, Timestamp, Violations, check};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest type of a relationship, in Unicode scalar values.
pub const MAX_RELATIONSHIP_TYPE: usize = check::MAX_WORD;

/// A relationship between a character and a non-player character (NPC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NpcRelationship {
    /// The unique id; never changes.
    pub id: NpcRelationshipId,
    /// The id of the character.
    pub character_id: CharacterId,
    /// The id of the journal entry that it belongs to.
    pub journal_entry_id: JournalEntryId,
    /// The id of the NPC, when it has one.
    pub npc_id: Option<Uuid>,
    /// The name of the NPC.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255))]
    pub npc_name: String,
    /// The type in free text, such as `friend` or `rival`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub relationship_type: String,
    /// The standing, -100 to 100.
    #[cfg_attr(feature = "schema", schema(minimum = -100, maximum = 100))]
    pub standing: i64,
    /// Notes in free text.
    #[cfg_attr(feature = "schema", schema(max_length = 100_000))]
    pub notes: Option<String>,
    /// When they last met.
    pub last_interaction: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
    /// The revision, and when it was created, changed and deleted.
    pub meta: Meta,
}

/// The best standing; the worst is its negative.
pub const MAX_STANDING: i64 = 100;

impl NpcRelationship {
    /// A live, neutral acquaintance under `journal_entry`.
    #[must_use]
    pub fn new(
        character: CharacterId,
        journal_entry: JournalEntryId,
        npc_name: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        NewNpcRelationship::new(npc_name).into_row(journal_entry, character, at)
    }

    /// Every rule that this relationship breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::short(&mut violations, "npc_name", &self.npc_name, check::MAX_NAME);
        check::short(&mut violations, "relationship_type", &self.relationship_type, MAX_RELATIONSHIP_TYPE);
        if !(-MAX_STANDING..=MAX_STANDING).contains(&self.standing) {
            violations.push("standing", format!("must be from -{MAX_STANDING} to {MAX_STANDING}"));
        }
        check::maybe_text(&mut violations, "notes", self.notes.as_ref());
        self.data.check("data", &mut violations);
        violations
    }
}

/// The fields of a relationship that its writer chooses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewNpcRelationship {
    /// The id; `None`: a new one.
    pub id: Option<NpcRelationshipId>,
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
    pub last_interaction: Option<Timestamp>,
    /// Any other data, as a JSON object.
    pub data: Document,
}

impl NewNpcRelationship {
    /// A neutral acquaintance.
    #[must_use]
    pub fn new(npc_name: impl Into<String>) -> Self {
        Self {
            id: None,
            npc_id: None,
            npc_name: npc_name.into(),
            relationship_type: "acquaintance".to_owned(),
            standing: 0,
            notes: None,
            last_interaction: None,
            data: Document::default(),
        }
    }

    /// The relationship of this character that is created under this entry at this time.
    #[must_use]
    pub fn into_row(self, entry: JournalEntryId, of: CharacterId, at: Timestamp) -> NpcRelationship {
        NpcRelationship {
            id: self.id.unwrap_or_else(NpcRelationshipId::new),
            character_id: of,
            journal_entry_id: entry,
            npc_id: self.npc_id,
            npc_name: self.npc_name,
            relationship_type: self.relationship_type,
            standing: self.standing,
            notes: self.notes,
            last_interaction: self.last_interaction,
            data: self.data,
            meta: Meta::created(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now;

    #[test]
    fn a_standing_is_from_minus_100_to_100_and_no_number_is_too_small_to_be_refused() {
        for (standing, is_allowed) in
            [(i64::MIN, false), (-101, false), (-100, true), (0, true), (100, true), (101, false), (i64::MAX, false)]
        {
            let row = NpcRelationship::new(CharacterId::new(), JournalEntryId::new(), "Hild", now());
            let violations = NpcRelationship { standing, ..row }.check();
            assert_eq!(violations.into_result().is_ok(), is_allowed, "{standing}");
        }
    }
}
