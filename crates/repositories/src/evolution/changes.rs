//! The changes of versions, which are computed when they are read.

use super::{EvolutionRepository, versions_of};
use crate::{RepositoryError, Result};
use character_domain::{Character, CharacterVersion, version};
use character_storage_port::{Cursor, Deleted, ErrorKind, Limit, PageRequest, Store};

impl EvolutionRepository {
    /// Adds the changes since the previous version to each of these versions. Where the previous one is no longer stored, those
    /// since the latest one before it that is; none where there is no earlier version.
    pub(super) async fn add_changes(&self, versions: &mut [CharacterVersion]) -> Result<()> {
        let mut computed = Vec::new();
        for (index, version) in versions.iter().enumerate() {
            let Some(parent) = version.parent_id.filter(|_| version.changes.is_empty()) else { continue };
            let changes = match versions.iter().find(|other| other.id == parent) {
                Some(before) => version::changes(&before.state, &version.state),
                None => match self.before(version).await? {
                    Some(before) => version::changes(&before, &version.state),
                    None => continue,
                },
            };
            computed.push((index, changes));
        }
        for (index, changes) in computed {
            if let Some(version) = versions.get_mut(index) {
                version.changes = changes;
            }
        }
        Ok(())
    }

    /// The state before this version. One that cannot be read hides its own contents, not the versions after it.
    async fn before(&self, version: &CharacterVersion) -> Result<Option<Character>> {
        match self.stored_before(version).await {
            Err(RepositoryError::Storage(error)) if *error.kind() == ErrorKind::Corrupt => Ok(None),
            found => found,
        }
    }

    async fn stored_before(&self, version: &CharacterVersion) -> Result<Option<Character>> {
        let storage = self.context.storage();
        let Some(parent) = version.parent_id else { return Ok(None) };
        let found = Store::<CharacterVersion>::find(storage, parent, Deleted::Include).await?;
        if let Some(before) = found.value {
            return Ok(Some(before.state));
        }
        let place = Cursor::newest_first(version.meta.created_at, version.id.into());
        let request = PageRequest::first(Limit::new(1).unwrap_or_default()).after(place);
        let earlier = Store::<CharacterVersion>::list(storage, &versions_of(version.character_id), request).await?;
        Ok(earlier.value.complete()?.items.into_iter().next().map(|before| before.state))
    }
}
