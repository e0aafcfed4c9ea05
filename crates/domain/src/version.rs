//! Versions: the earlier states of a character, and the changes between them.

mod changes;
#[cfg(test)]
mod tests;

pub use changes::{changes, sheet};

use crate::{
    Character, CharacterId, CharacterVersionId, Meta, Timestamp, Violations, check,
    document::{ListLimits, check_list},
    json, size,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A version of a character: its full state after one change. The label may change later; `parent_id`, `changes` and `related`
/// change when a storage removes versions before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CharacterVersion {
    /// The unique id, made from the character and the revision of the state.
    pub id: CharacterVersionId,
    /// The character.
    pub character_id: CharacterId,
    /// The previous version. After a change of theme, that is one of the previous character.
    pub parent_id: Option<CharacterVersionId>,
    /// The version whose state it restored.
    pub restored_from: Option<CharacterVersionId>,
    /// The author of the change, as the client names it.
    pub author: Option<String>,
    /// The operation that created it, such as `character.updated` or `inventory.equipped`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 500))]
    pub reason: String,
    /// The label that a user gave it.
    pub label: Option<String>,
    /// The character after the change.
    pub state: Character,
    /// The changes of the character since the previous version, as JSON Patch (RFC 6902). A stored version leaves them out
    /// where the previous one tells them, and its reader computes them.
    pub changes: Vec<Value>,
    /// The rows of other kinds that changed together with it.
    pub related: Vec<RelatedChange>,
    /// Revision and times of this record.
    pub meta: Meta,
}

/// A row that changed together with a character.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RelatedChange {
    /// The kind of row, such as `inventory_item`.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub kind: String,
    /// The id of the row.
    pub id: Uuid,
    /// The change: `create`, `replace`, `delete` or `restore`; `entered` for a chapter.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub change: String,
}

/// Largest JSON text of the changes of a version, in bytes: a whole sheet, and some room for the other fields.
pub const MAX_CHANGES: usize = size::MAX_DOCUMENT + (64 << 10);

/// The maximum number of JSON values in the changes of a version: those of a sheet, and four for each operation.
pub const MAX_CHANGED_VALUES: usize = 4 * size::MAX_VALUES;

/// Longest reason, in Unicode scalar values.
pub const MAX_REASON: usize = 500;

impl CharacterVersion {
    /// The version of `after`, which has its future revision, as the successor of `before`. It leaves out its changes.
    #[must_use]
    pub fn of(before: Option<&Character>, after: Character, reason: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: CharacterVersionId::of(after.id, after.meta.revision),
            character_id: after.id,
            parent_id: before.map(|before| CharacterVersionId::of(before.id, before.meta.revision)),
            restored_from: None,
            author: None,
            reason: reason.into(),
            label: None,
            changes: Vec::new(),
            state: after,
            related: Vec::new(),
            meta: Meta::created(at),
        }
    }

    /// Every rule that the label of a version breaks.
    #[must_use]
    pub fn check_label(label: Option<&String>) -> Violations {
        let mut violations = Violations::default();
        check::maybe_short(&mut violations, "label", label, check::MAX_NAME);
        violations
    }

    /// Every rule that this version breaks on its own.
    #[must_use]
    pub fn check(&self) -> Violations {
        let mut violations = Violations::default();
        check::maybe_short(&mut violations, "author", self.author.as_ref(), check::MAX_NAME);
        check::short(&mut violations, "reason", &self.reason, MAX_REASON);
        violations.append(Self::check_label(self.label.as_ref()));
        if self.state.id != self.character_id {
            violations.push("state.id", "must be the character");
        }
        violations.append(self.state.check().under("state"));
        if self.related.len() > check::MAX_ENTRIES {
            violations.push("related", format!("must not be more than {}", check::MAX_ENTRIES));
        }
        let limits = ListLimits { depth: json::MAX_DEPTH + 1, bytes: MAX_CHANGES, values: MAX_CHANGED_VALUES };
        check_list("changes", &self.changes, limits, &mut violations);
        for (index, related) in self.related.iter().enumerate() {
            check::short(&mut violations, &format!("related[{index}].kind"), &related.kind, check::MAX_WORD);
            check::short(&mut violations, &format!("related[{index}].change"), &related.change, check::MAX_WORD);
        }
        violations
    }
}
