//! The everyday operations, for callers.

use crate::{
    Change, ChangeKind, CharacterQuery, Committed, Deleted, DomainEvent, Entity, ErrorKind, EventData, Expect, Limit,
    Owned, Page, PageRequest, Read, Result, RowChanged, StorageError, StoragePort, Store, Transaction,
    character::existence_event,
};
use async_trait::async_trait;
use character_domain::{Character, CharacterId, Meta, Timestamp, now};
use futures_util::stream::{self, BoxStream, StreamExt};

/// The everyday operations on rows of any kind. Blanket-implemented for every [`StoragePort`]: do not implement it
/// yourself. Lists are read with [`Store::list`].
///
/// Each change is one transaction with a fresh id and the event that reports it ([`Entity::event`]); its errors are those
/// of [`Commit::commit`](crate::Commit::commit).
#[async_trait]
pub trait StorageExt: StoragePort {
    /// The live row with this id.
    ///
    /// # Errors
    /// `NotFound` when there is none; else as [`Store::find`].
    async fn get<E: Entity>(&self, id: E::Id) -> Result<Read<E>>
    where
        Self: Store<E>,
    {
        let Read { value, source } = self.find(id, Deleted::Exclude).await?;
        let value = value.ok_or_else(|| StorageError::new(ErrorKind::NotFound, E::FIND).with_entity(E::KIND, id))?;
        Ok(Read { value, source })
    }

    /// Every page of the list, from the first. Each page is asked for when the stream is polled for it; the stream ends
    /// behind the last page, or behind an error.
    ///
    /// ```
    /// use character_storage_port::{Character, CharacterQuery, Limit, MemoryStorage, StorageExt, UserId, now};
    /// use futures_util::TryStreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let storage = MemoryStorage::new();
    /// for number in 1..=7 {
    ///     storage.create_character(Character::new(UserId::new(), format!("Hero {number}"), now())).await?;
    /// }
    /// let pages: Vec<_> = storage.pages::<Character>(CharacterQuery::live(), Limit::try_from(3)?).try_collect().await?;
    /// let names: Vec<_> = pages.iter().flat_map(|page| &page.items).map(|hero| hero.name.as_str()).collect();
    /// assert_eq!((pages.len(), names.len(), names[0]), (3, 7, "Hero 7"));
    /// # Ok(())
    /// # }
    /// ```
    fn pages<E: Entity>(&self, query: E::Query, limit: Limit) -> BoxStream<'_, Result<Page<E>>>
    where
        Self: Store<E>,
    {
        stream::try_unfold(Some(PageRequest::first(limit)), move |request| {
            let query = query.clone();
            async move {
                let Some(request) = request else { return Ok(None) };
                let page = self.list(&query, request).await?.value;
                let next = page.next.clone().map(|cursor| PageRequest::first(limit).after(cursor));
                Ok(Some((page, next)))
            }
        })
        .boxed()
    }

    /// Stores a new row. Returns it as stored.
    async fn create<E: Entity>(&self, row: E) -> Result<E> {
        let at = row.meta().updated_at;
        let committed = self.commit(reported(&row, Change::Create(row.clone()), at)).await?;
        stamped(row, &committed)
    }

    /// Replaces a live row and sets its `updated_at` to now. Returns it as stored.
    async fn update<E: Entity>(&self, mut row: E, expect: Expect) -> Result<E> {
        let at = now();
        row.meta_mut().updated_at = at;
        let committed = self.commit(reported(&row, Change::Replace { entity: row.clone(), expect }, at)).await?;
        stamped(row, &committed)
    }

    /// Soft-deletes a live row. Only its id and its owner are read.
    async fn delete<E: Entity>(&self, row: &E, expect: Expect) -> Result<Meta> {
        let at = now();
        meta(&self.commit(reported(row, Change::Delete { id: row.id(), expect, at }, at)).await?)
    }

    /// Restores a soft-deleted row with the fields it had. Only its id and its owner are read.
    async fn restore<E: Entity>(&self, row: &E, expect: Expect) -> Result<Meta> {
        let at = now();
        meta(&self.commit(reported(row, Change::Restore { id: row.id(), expect, at }, at)).await?)
    }

    /// Stores new rows, all or none. Returns them as stored.
    async fn bulk_create<E: Entity>(&self, rows: Vec<E>) -> Result<Vec<E>> {
        let mut transaction = Transaction::new();
        for row in &rows {
            let one = reported(row, Change::Create(row.clone()), row.meta().updated_at);
            transaction.writes.extend(one.writes);
            transaction.events.extend(one.events);
        }
        let committed = self.commit(transaction).await?;
        let stamp = |(mut row, meta): (E, Meta)| {
            *row.meta_mut() = meta;
            row
        };
        Ok(rows.into_iter().zip(committed.written).map(stamp).collect())
    }

    /// The live character with this id.
    ///
    /// # Errors
    /// `NotFound` when there is none; else as [`Store::find`].
    async fn get_character(&self, id: CharacterId) -> Result<Read<Character>> {
        self.get(id).await
    }

    /// One page of characters, newest first.
    async fn list_characters(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>> {
        self.list(query, page).await
    }

    /// Stores a new character. Returns it as stored.
    async fn create_character(&self, character: Character) -> Result<Character> {
        self.create(character).await
    }

    /// Replaces a live character and sets its `updated_at` to now. Returns it as stored.
    async fn update_character(&self, character: Character, expect: Expect) -> Result<Character> {
        self.update(character, expect).await
    }

    /// Soft-deletes a live character.
    async fn delete_character(&self, id: CharacterId, expect: Expect) -> Result<Meta> {
        let at = now();
        let change = Change::<Character>::Delete { id, expect, at };
        let event = existence_event(EventData::CharacterDeleted, id, at);
        meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
    }

    /// Restores a soft-deleted character with the fields it had.
    async fn restore_character(&self, id: CharacterId, expect: Expect) -> Result<Meta> {
        let at = now();
        let change = Change::<Character>::Restore { id, expect, at };
        let event = existence_event(EventData::CharacterRestored, id, at);
        meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
    }

    /// Stores new characters, all or none. Returns them as stored.
    async fn bulk_create_characters(&self, characters: Vec<Character>) -> Result<Vec<Character>> {
        self.bulk_create(characters).await
    }
}

impl<T: StoragePort + ?Sized> StorageExt for T {}

/// The event that reports a change of a row that belongs to `character`.
#[must_use]
pub fn row_event<E: Owned>(character: CharacterId, id: E::Id, change: ChangeKind, at: Timestamp) -> DomainEvent {
    let row = RowChanged {
        character_id: character,
        kind: E::KIND.as_str().into(),
        id: id.into(),
        change: change.operation(),
    };
    DomainEvent::of(character, at, &E::EVENT(row))
}

/// One change of this row with its event.
fn reported<E: Entity>(row: &E, change: Change<E>, at: Timestamp) -> Transaction {
    let event = row.event(change.kind(), at);
    let transaction = Transaction::new().with(change);
    match event {
        Some(event) => transaction.with_event(event),
        None => transaction,
    }
}

fn meta(committed: &Committed) -> Result<Meta> {
    let missing = || StorageError::new(ErrorKind::Corrupt, crate::COMMIT).with_detail("the outcome names no row");
    committed.written.first().copied().ok_or_else(missing)
}

fn stamped<E: Entity>(mut row: E, committed: &Committed) -> Result<E> {
    *row.meta_mut() = meta(committed)?;
    Ok(row)
}
