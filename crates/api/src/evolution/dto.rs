//! The bodies of requests and responses about versions.

use crate::character::CharacterBody;
use character_domain::{CharacterVersion, Meta, RelatedChange, Timestamp};
use character_repositories::{Comparison, UnrestoredRow, VersionNode, VersionRestored};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A version of a character without its state.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionSummaryBody {
    /// The unique id.
    pub id: Uuid,
    /// The id of the character.
    pub character_id: Uuid,
    /// The id of the previous version. After a change of theme, that is one of the previous character.
    pub parent_id: Option<Uuid>,
    /// The revision of the character in this version.
    pub number: u64,
    /// The operation that created it, such as `character.updated` or `inventory.equipped`.
    pub reason: String,
    /// The author: the `X-User-Id` of the request.
    pub author: Option<String>,
    /// The label that a user gave it.
    pub label: Option<String>,
    /// The id of the version whose state it restored.
    pub restored_from: Option<Uuid>,
    /// The changes of the character since the previous version, as JSON Patch (RFC 6902).
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<Value>,
    /// The rows that changed together with the character.
    pub related: Vec<RelatedChangeBody>,
    /// The revision and times of the version itself. Its label can change; `parent_id`, `changes` and `related` change when
    /// versions before it are removed to save space.
    #[serde(flatten)]
    pub meta: Meta,
}

/// A row that changed together with a character.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelatedChangeBody {
    /// The kind of row, such as `inventory_item`.
    pub kind: String,
    /// The id of the row.
    pub id: Uuid,
    /// The change: `create`, `replace`, `delete` or `restore`; `entered` for a chapter.
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
    /// The version without its state.
    #[serde(flatten)]
    pub summary: VersionSummaryBody,
    /// The state of the character in this version.
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
            meta: version.meta,
        }
    }
}

/// A version as a node of the version tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionNodeBody {
    /// The unique id.
    pub id: Uuid,
    /// The id of the previous version.
    pub parent_id: Option<Uuid>,
    /// The id of the character.
    pub character_id: Uuid,
    /// The revision of the character in this version.
    pub number: u64,
    /// The operation that created it, such as `character.updated`.
    pub reason: String,
    /// The author: the `X-User-Id` of the request.
    pub author: Option<String>,
    /// The label that a user gave it.
    pub label: Option<String>,
    /// The id of the version whose state it restored.
    pub restored_from: Option<Uuid>,
    /// When it was created, UTC.
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

/// The difference between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparisonBody {
    /// The first version.
    pub from: Uuid,
    /// The second version.
    pub to: Uuid,
    /// The JSON Patch (RFC 6902) that turns the first state into the second, without `revision` and `updated_at`.
    #[schema(value_type = Vec<Object>)]
    pub changes: Vec<Value>,
}

impl From<Comparison> for ComparisonBody {
    fn from(Comparison { from, to, changes }: Comparison) -> Self {
        Self { from: from.id.0, to: to.id.0, changes }
    }
}

/// The new label of a version.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "label": "Before the heist" }))]
pub struct LabelRequest {
    /// The label; `null` removes it.
    #[schema(required, min_length = 1, max_length = 255)]
    pub label: Option<String>,
}

/// A character whose state is that of an earlier version.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionRestoredBody {
    /// The character after the restore.
    #[serde(flatten)]
    pub character: CharacterBody,
    /// The rows that changed since that version and are not restored, at most 1000.
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
