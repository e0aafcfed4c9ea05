//! Characters that went another way in the storage than in a backup.

use super::TransferError;
use character_domain::{Character, CharacterVersion, CharacterVersionId};
use character_storage_port::{Deleted, StoragePort, Store};

/// Whether a stored character, which differs from that of a backup, is no later state of it. The versions and other rows of the
/// backup would be mixed with those of another history then. When the storage has no version to tell, as after an import that was
/// interrupted, a higher revision counts as a later state.
pub(super) async fn has_parted(
    storage: &dyn StoragePort,
    of_backup: &Character,
    stored: &Character,
) -> Result<bool, TransferError> {
    let revision = of_backup.meta.revision;
    if stored.meta.revision <= revision {
        return Ok(true);
    }
    let id = CharacterVersionId::of(of_backup.id, revision);
    let version = Store::<CharacterVersion>::find(storage, id, Deleted::Include).await;
    let version = version.map_err(TransferError::Storage)?.value;
    Ok(version.is_some_and(|version| version.state != *of_backup))
}
