//! What goes over the wire of versions.

use crate::{MetaBody, character::CharacterBody};
use character_domain::{CharacterVersion, RelatedChange, Timestamp};
use character_repositories::{Comparison, UnrestoredRow, VersionNode, VersionRestored};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A version of a character without its state.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionSummaryBody {
    /// Identity.
    pub id: Uuid,
    /// Whose it is.
    pub character_id: Uuid,
    /// The version it grew out of: the one before, or, after a change of theme, one of the character before.
    pub parent_id: Option<Uuid>,
    /// The revision that the character had.
    pub number: u64,
    /// Which act made it: `character.updated`, `inventory.equipped`, ….
    pub reason: String,
    /// Who did that: the `X-User-Id` of the request.
    pub author: Option<String>,
    /// What somebody called it.
    pub label: Option<String>,
    /// The version whose state it brought back.
    pub restored_from: Option<Uuid>,
    /// What changed of the character since the parent, as JSON Patch (RFC 6902).
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<Value>,
    /// What changed with it.
    pub related: Vec<RelatedChangeBody>,
    /// Revision and times of the record; only its label changes.
    #[serde(flatten)]
    pub meta: MetaBody,
}

/// Something that changed with a character.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelatedChangeBody {
    /// What it is: `inventory_item`.
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// `create`, `replace`, `delete` or `restore`; `entered` for a chapter.
    pub change: String,
}

impl From<RelatedChange> for RelatedChangeBody {
    fn from(RelatedChange { kind, id, change }: RelatedChange) -> Self {
        Self { kind, id, change }
    }
}

/// A version of a character.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionBody {
    /// All but the state.
    #[serde(flatten)]
    pub summary: VersionSummaryBody,
    /// The character as it was.
    pub state: CharacterBody,
}

impl From<CharacterVersion> for VersionBody {
    fn from(version: CharacterVersion) -> Self {
        Self { state: version.state.clone().into(), summary: version.into() }
    }
}

impl From<CharacterVersion> for VersionSummaryBody {
    fn from(version: CharacterVersion) -> Self {
        Self {
            id: version.id.0,
            character_id: version.character_id.0,
            parent_id: version.parent_id.map(Into::into),
            number: version.state.meta.revision.0,
            reason: version.reason,
            author: version.author,
            label: version.label,
            restored_from: version.restored_from.map(Into::into),
            changes: version.changes,
            related: version.related.into_iter().map(Into::into).collect(),
            meta: version.meta.into(),
        }
    }
}

/// A version as a node of the tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionNodeBody {
    /// Identity.
    pub id: Uuid,
    /// The version it grew out of.
    pub parent_id: Option<Uuid>,
    /// Whose it is.
    pub character_id: Uuid,
    /// The revision that the character had.
    pub number: u64,
    /// Which act made it.
    pub reason: String,
    /// Who did that.
    pub author: Option<String>,
    /// What somebody called it.
    pub label: Option<String>,
    /// The version whose state it brought back.
    pub restored_from: Option<Uuid>,
    /// When it came to be.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<VersionNode> for VersionNodeBody {
    fn from(node: VersionNode) -> Self {
        Self {
            id: node.id.0,
            parent_id: node.parent_id.map(Into::into),
            character_id: node.character_id.0,
            number: node.number.0,
            reason: node.reason,
            author: node.author,
            label: node.label,
            restored_from: node.restored_from.map(Into::into),
            created_at: node.created_at,
        }
    }
}

/// What lies between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparisonBody {
    /// The one.
    pub from: Uuid,
    /// The other.
    pub to: Uuid,
    /// The JSON Patch (RFC 6902) that makes the state of the one that of the other, but for `revision` and
    /// `updated_at`.
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<Value>,
}

impl From<Comparison> for ComparisonBody {
    fn from(Comparison { from, to, changes }: Comparison) -> Self {
        Self { from: from.id.0, to: to.id.0, changes }
    }
}

/// What a version is to be called.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "label": "Before the heist" }))]
pub struct LabelRequest {
    /// `null`: nothing.
    #[schema(required, min_length = 1, max_length = 255)]
    pub label: Option<String>,
}

/// A character whose state is that of an earlier version.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionRestoredBody {
    /// The character afterwards.
    #[serde(flatten)]
    pub character: CharacterBody,
    /// Rows that changed since that version and that are not restored, at most 1000.
    pub not_restored: Vec<UnrestoredRowBody>,
    /// The number of all such rows.
    pub not_restored_total: usize,
}

/// A row that changed since the restored version and that stays unchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnrestoredRowBody {
    /// The kind of row: `inventory_item`, `journal_entry`, ….
    pub kind: String,
    /// The id of the row.
    pub id: Uuid,
}

impl From<VersionRestored> for VersionRestoredBody {
    fn from(restored: VersionRestored) -> Self {
        let row = |row: UnrestoredRow| UnrestoredRowBody { kind: row.kind, id: row.id };
        Self {
            character: restored.character.into(),
            not_restored: restored.not_restored.into_iter().map(row).collect(),
            not_restored_total: restored.not_restored_total,
        }
    }
}
