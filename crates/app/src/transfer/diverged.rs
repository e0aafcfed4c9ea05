//! Characters that the storage has in another state than an export.

use super::{TransferError, row::Row};
use character_domain::{Character, CharacterVersion, CharacterVersionId};
use character_storage_port::{Deleted, StoragePort, Store};
use std::any::Any;

/// Whether a stored character is a later state of that in an export, so that more of the export may be added to it. Otherwise the two
/// have diverged, and their versions and other rows would be mixed. Rows of other kinds are no later states.
pub(super) async fn is_later_state<E: Row>(
    storage: &dyn StoragePort,
    of_export: &E,
    stored: &E,
) -> Result<bool, TransferError> {
    let character = |row| <dyn Any>::downcast_ref::<Character>(row);
    let (Some(of_export), Some(stored)) = (character(of_export), character(stored)) else { return Ok(false) };
    let (id, revision) = (of_export.id, of_export.meta.revision);
    if stored.meta.revision <= revision {
        return Ok(false);
    }
    if let Some(version) = version(storage, CharacterVersionId::of(id, revision)).await? {
        return Ok(version.state == *of_export);
    }
    // An interrupted import stores a character before its versions. A later version that follows a missing one shows that. After thinning,
    // a version follows one that is kept.
    let next = version(storage, CharacterVersionId::of(id, revision.next())).await?;
    Ok(next.is_some_and(|next| next.parent_id == Some(CharacterVersionId::of(id, revision))))
}

async fn version(storage: &dyn StoragePort, id: CharacterVersionId) -> Result<Option<CharacterVersion>, TransferError> {
    let found = Store::<CharacterVersion>::find(storage, id, Deleted::Include).await;
    Ok(found.map_err(TransferError::Storage)?.value)
}
