//! The difference between two versions.

use super::{EvolutionRepository, lineage::Lineage};
use crate::{RepositoryError, RequestContext, Result};
use character_domain::{CharacterId, CharacterVersion, CharacterVersionId, version};
use character_storage_port::{Deleted, EntityKind, StorageExt};
use serde_json::Value;

/// Two versions, and the JSON Patch (RFC 6902) that turns the first sheet into the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The first version.
    pub from: CharacterVersion,
    /// The second version.
    pub to: CharacterVersion,
    /// The patch from the first to the second.
    pub changes: Vec<Value>,
}

impl EvolutionRepository {
    /// Compares two versions of this character, its predecessors or its successors.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "evolution.compare", level = "debug", skip_all)]
    pub async fn compare(
        &self,
        of: CharacterId,
        from: CharacterVersionId,
        to: CharacterVersionId,
        deleted: Deleted,
        _request: &RequestContext,
    ) -> Result<Comparison> {
        self.context.exists(of, deleted).await?;
        let from: CharacterVersion = self.context.storage().get(from).await?.value;
        let to: CharacterVersion = self.context.storage().get(to).await?.value;
        if [&from, &to].iter().any(|version| version.character_id != of) {
            let lineage = Lineage::of(&self.context, of, deleted).await?;
            if ![&from, &to].iter().all(|version| lineage.has(version.character_id)) {
                return Err(RepositoryError::NotFound(EntityKind::CharacterVersion));
            }
        }
        let changes = version::changes(&from.state, &to.state);
        Ok(Comparison { from, to, changes })
    }
}
