//! What every repository stands on: the storage, and a clock.

use crate::{RepositoryError, Result};
use character_domain::{Character, CharacterId, Timestamp, now};
use character_storage_port::{
    Applied, Deleted, Entity, Limit, Owned, Page, PageRequest, Read, Source, StorageError, StoragePort, Store, get,
};
use std::sync::Arc;

/// The storage that repositories work on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backing {
    /// Answers those who look, and takes every change.
    pub(crate) storage: Arc<dyn StoragePort>,
    /// Answers acts that decide something: past every cache, so that no rule is judged by what was true a while ago.
    origin: Arc<dyn StoragePort>,
    clock: fn() -> Timestamp,
}

impl Backing {
    /// One storage for everything, by the system's clock.
    #[must_use]
    pub fn new(storage: Arc<dyn StoragePort>) -> Self {
        Self { origin: Arc::clone(&storage), storage, clock: now }
    }

    /// Acts decide by what `origin` says: the same storage without the caches in front of it.
    #[must_use]
    pub fn with_origin(self, origin: Arc<dyn StoragePort>) -> Self {
        Self { origin, ..self }
    }

    /// By another clock, which must be cut to the microsecond.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The character that an act is to change.
    pub(crate) async fn character(&self, id: CharacterId, deleted: Deleted) -> Result<Character> {
        self.row(id, deleted).await
    }

    /// A row that an act decides by.
    pub(crate) async fn row<E: Entity>(&self, id: E::Id, deleted: Deleted) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let read = Store::<E>::find(self.origin.as_ref(), id, deleted).await?;
        fresh::<E, _>(read)?.ok_or(RepositoryError::NotFound(E::KIND))
    }

    /// A row of this character that an act decides by. One of another character is not there.
    pub(crate) async fn owned_row<E: Owned>(&self, of: CharacterId, id: E::Id, deleted: Deleted) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let row: E = self.row(id, deleted).await?;
        if row.character_id() == of { Ok(row) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }

    /// Every row of a list that an act decides by.
    pub(crate) async fn all<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>>
    where
        dyn StoragePort: Store<E>,
    {
        every(self.origin.as_ref(), query, fresh::<E, _>).await
    }

    /// Every row of a list, for whoever looks.
    pub(crate) async fn look_all<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>>
    where
        dyn StoragePort: Store<E>,
    {
        every(self.storage.as_ref(), query, |read| Ok(read.value)).await
    }

    /// That there is such a live character, for whoever looks at what belongs to it.
    pub(crate) async fn exists(&self, id: CharacterId) -> Result<()> {
        get::<Character, _>(self.storage.as_ref(), id).await?;
        Ok(())
    }

    /// A live row of this character, for whoever looks.
    pub(crate) async fn look<E: Owned>(&self, of: CharacterId, id: E::Id) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        self.exists(of).await?;
        let read: Read<E> = get(self.storage.as_ref(), id).await?;
        if read.value.character_id() == of { Ok(read) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }
}

async fn every<E: Entity>(
    storage: &dyn StoragePort,
    query: &E::Query,
    accept: fn(Read<Page<E>>) -> Result<Page<E>>,
) -> Result<Vec<E>>
where
    dyn StoragePort: Store<E>,
{
    let (mut rows, mut request) = (Vec::new(), PageRequest::first(Limit::MAX));
    loop {
        let page = accept(Store::<E>::list(storage, query, request).await?)?;
        rows.extend(page.items);
        match page.next {
            Some(cursor) => request = request.after(cursor),
            None => return Ok(rows),
        }
    }
}

/// A last known value may be shown, but no change may be decided on it.
fn fresh<E: Entity, T>(read: Read<T>) -> Result<T> {
    if let Source::Stale { reason, .. } = read.source {
        let error = StorageError::unavailable(E::FIND).with_applied(Applied::No);
        return Err(RepositoryError::Storage(error.with_detail(reason.as_str())));
    }
    Ok(read.value)
}
