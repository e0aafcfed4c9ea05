//! Which rows are there, and whose they are.

use super::{
    TransferError,
    row::{Reference, Row},
};
use character_domain::{CharacterId, Revision};
use character_storage_port::{Deleted, EntityKind, StoragePort, Store, for_each_kind};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Rows looked up at the same time.
pub(super) const LOOKUPS: usize = 16;

/// A row that is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Whose it is.
    pub(super) owner: Option<CharacterId>,
    /// Its revision when it was looked up or stored.
    pub(super) revision: Revision,
}

impl Stored {
    fn of(row: &impl Row) -> Self {
        Self { owner: row.owner(), revision: row.meta().revision }
    }
}

/// Rows known to be stored, so that each is looked up once.
#[derive(Debug, Default)]
pub(super) struct Known {
    rows: HashMap<(EntityKind, Uuid), Stored>,
}

impl Known {
    pub(super) fn add<E: Row>(&mut self, row: &E) {
        self.rows.insert((E::KIND, row.id().into()), Stored::of(row));
    }

    pub(super) fn get(&self, reference: &Reference) -> Option<Stored> {
        self.rows.get(&(reference.kind, reference.id)).copied()
    }

    /// Looks up those that are not known yet.
    pub(super) async fn look_up(
        &mut self,
        storage: &dyn StoragePort,
        wanted: impl Iterator<Item = Reference>,
    ) -> Result<(), TransferError> {
        let unknown: HashSet<_> =
            wanted.map(|it| (it.kind, it.id)).filter(|wanted| !self.rows.contains_key(wanted)).collect();
        let mut found = stream::iter(unknown)
            .map(|(kind, id)| async move { stored(storage, kind, id).await.map(|row| (kind, id, row)) })
            .buffer_unordered(LOOKUPS);
        while let Some((kind, id, row)) = found.try_next().await? {
            if let Some(row) = row {
                self.rows.insert((kind, id), row);
            }
        }
        Ok(())
    }
}

macro_rules! find_by_kind {
    ($storage:expr, $of:expr, $id:expr; $(($kind:ident, $one:literal, $collection:literal))+) => {
        match $of {
            $(EntityKind::$kind => find::<character_domain::$kind>($storage, $id).await,)+
        }
    };
}

async fn stored(storage: &dyn StoragePort, kind: EntityKind, id: Uuid) -> Result<Option<Stored>, TransferError> {
    for_each_kind!([find_by_kind] storage, kind, id;)
}

async fn find<E: Row>(storage: &dyn StoragePort, id: Uuid) -> Result<Option<Stored>, TransferError>
where
    dyn StoragePort: Store<E>,
{
    let found = Store::<E>::find(storage, id.into(), Deleted::Include).await;
    Ok(found.map_err(TransferError::Storage)?.value.map(|row| Stored::of(&row)))
}
