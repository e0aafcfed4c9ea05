//! The bodies of requests and responses about versions.

use crate::character::CharacterBody;
use character_domain::{CharacterVersion, Meta, RelatedChange};
use character_repositories::{Comparison, UnrestoredRow, VersionRestored};
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
    pub related: Vec<RelatedChange>,
    /// The revision and times of the version itself. Its label can change; `parent_id`, `changes` and `related` change when
    /// versions before it are removed to save space.
    #[serde(flatten)]
    pub meta: Meta,
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
            related: version.related,
            meta: version.meta,
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
    pub not_restored: Vec<UnrestoredRow>,
    /// The number of all such rows.
    pub not_restored_total: usize,
}

impl From<VersionRestored> for VersionRestoredBody {
    fn from(restored: VersionRestored) -> Self {
        Self {
            character: restored.character.into(),
            not_restored: restored.not_restored,
            not_restored_total: restored.not_restored_total,
        }
    }
}
