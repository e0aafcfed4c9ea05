//! What every repository works with: the storage, its origin, and a clock.

use crate::{RepositoryError, RequestContext, Result};
use character_domain::{Character, CharacterId, Timestamp, now};
use character_storage_port::{
    Applied, Deleted, Entity, Limit, Owned, Page, PageRequest, Read, Source, StorageError, StorageExt, StoragePort,
    Store,
};
use std::sync::Arc;

/// The storage that repositories work on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StorageContext {
    storage: Arc<dyn StoragePort>,
    origin: Arc<dyn StoragePort>,
    recent: Arc<dyn StoragePort>,
    clock: fn() -> Timestamp,
}

impl StorageContext {
    /// One storage for everything, by the system's clock.
    #[must_use]
    pub fn new(storage: Arc<dyn StoragePort>) -> Self {
        Self { origin: Arc::clone(&storage), recent: Arc::clone(&storage), storage, clock: now }
    }

    /// Acts read from `origin`: the same storage without the caches in front of it.
    #[must_use]
    pub fn with_origin(self, origin: Arc<dyn StoragePort>) -> Self {
        Self { recent: Arc::clone(&origin), origin, ..self }
    }

    /// The first attempt of an act reads the character that it changes from `recent`: the origin, and rows of it that
    /// this process holds. Such a row may be old; the act is then judged again by the origin.
    #[must_use]
    pub fn with_recent(self, recent: Arc<dyn StoragePort>) -> Self {
        Self { recent, ..self }
    }

    /// By another clock.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// Answers reads, and takes every change.
    pub(crate) fn storage(&self) -> &dyn StoragePort {
        self.storage.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A live row, for a reader.
    pub(crate) async fn get<E: Entity>(&self, id: E::Id, request: &RequestContext) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        let read: Read<E> = self.storage().get(id).await?;
        request.condition.judge(read.value.meta().revision)?;
        Ok(read)
    }

    /// A live row of this character, for a reader.
    pub(crate) async fn get_owned<E: Owned>(
        &self,
        of: CharacterId,
        id: E::Id,
        request: &RequestContext,
    ) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        let read: Read<E> = self.find_owned(of, id).await?;
        request.condition.judge(read.value.meta().revision)?;
        Ok(read)
    }

    /// The same, for a reader of what lies under the row: the condition of its request is not about this row.
    pub(crate) async fn find_owned<E: Owned>(&self, of: CharacterId, id: E::Id) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        self.exists(of, Deleted::Exclude).await?;
        let read: Read<E> = self.storage().get(id).await?;
        if read.value.character_id() == of { Ok(read) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }

    /// Checks that the character exists, for a reader of what belongs to it.
    pub(crate) async fn exists(&self, id: CharacterId, deleted: Deleted) -> Result<()> {
        self.character(id, deleted).await.map(drop)
    }

    /// A character, for a reader of what belongs to it.
    pub(crate) async fn character(&self, id: CharacterId, deleted: Deleted) -> Result<Character> {
        let found = Store::<Character>::find(self.storage(), id, deleted).await?.value;
        found.ok_or(RepositoryError::NotFound(Character::KIND))
    }

    /// A row, deleted or not, for a reader. The origin confirms an absence: a cache may not have heard of it.
    pub(crate) async fn find_anywhere<E: Entity>(&self, id: E::Id) -> Result<Option<E>>
    where
        dyn StoragePort: Store<E>,
    {
        let found = Store::<E>::find(self.storage(), id, Deleted::Include).await?.value;
        if found.is_some() {
            return Ok(found);
        }
        Ok(Store::<E>::find(self.origin.as_ref(), id, Deleted::Include).await?.value)
    }

    /// Every row of a list, for a reader.
    pub(crate) async fn list_all<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>>
    where
        dyn StoragePort: Store<E>,
    {
        every(self.storage(), query, |read| Ok(read.value)).await
    }

    /// A row that an act depends on.
    pub(crate) async fn decide_row<E: Entity>(&self, id: E::Id, deleted: Deleted) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let read = Store::<E>::find(self.origin.as_ref(), id, deleted).await?;
        fresh::<E, _>(read)?.ok_or(RepositoryError::NotFound(E::KIND))
    }

    /// A live character that an act changes at the revision that is read, and whether a cache returned it.
    pub(crate) async fn recent_character(&self, id: CharacterId) -> Result<(Character, bool)> {
        let read = Store::<Character>::find(self.recent.as_ref(), id, Deleted::Exclude).await?;
        let is_cached = matches!(read.source, Source::Cache { .. });
        let character = fresh::<Character, _>(read)?.ok_or(RepositoryError::NotFound(Character::KIND))?;
        Ok((character, is_cached))
    }

    /// Every row of a list that an act depends on.
    pub(crate) async fn decide_all<E: Entity>(&self, query: &E::Query) -> Result<Vec<E>>
    where
        dyn StoragePort: Store<E>,
    {
        every(self.origin.as_ref(), query, fresh::<E, _>).await
    }

    /// The same, one page at a time, while `take` returns true.
    pub(crate) async fn decide_each<E: Entity>(&self, query: &E::Query, mut take: impl FnMut(E) -> bool) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        let mut request = PageRequest::first(Limit::default());
        loop {
            let page =
                fresh::<E, _>(Store::<E>::list(self.origin.as_ref(), query, request.clone()).await?)?.complete()?;
            for row in page.items {
                if !take(row) {
                    return Ok(());
                }
            }
            match page.next {
                Some(cursor) => request = request.after(cursor),
                None => return Ok(()),
            }
        }
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
        let page = accept(Store::<E>::list(storage, query, request.clone()).await?)?.complete()?;
        rows.extend(page.items);
        match page.next {
            Some(cursor) => request = request.after(cursor),
            None => return Ok(rows),
        }
    }
}

/// A stale value may be shown, but no change may depend on it.
fn fresh<E: Entity, T>(read: Read<T>) -> Result<T> {
    if let Source::Stale { reason, .. } = read.source {
        let error = StorageError::unavailable(E::FIND).with_applied(Applied::No);
        return Err(RepositoryError::Storage(error.with_detail(reason.as_str())));
    }
    Ok(read.value)
}
