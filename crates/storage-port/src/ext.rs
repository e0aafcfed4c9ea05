//! The everyday verbs, for callers.

use crate::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, Change, CharacterQuery, Committed,
    Deleted, DomainEvent, Entity, ErrorKind, Expect, Page, PageRequest, Read, Result, StorageError, StoragePort, Store,
    Transaction,
};
use async_trait::async_trait;
use character_domain::{Character, CharacterId, Meta, now};
use serde_json::json;

/// What callers do every day. Blanket-implemented for every [`StoragePort`]: do not implement it yourself.
///
/// Each change is one transaction with its event and a fresh id; its errors are those of
/// [`Commit::commit`](crate::Commit::commit), and those of `get_…` and `list_…` are those of [`Store`].
#[async_trait]
pub trait StorageExt: StoragePort {
    /// The live character with this id.
    ///
    /// # Errors
    /// `NotFound` when there is none; else as [`Store::find`].
    async fn get_character(&self, id: CharacterId) -> Result<Read<Character>> {
        get(self, id).await
    }

    /// One page of characters, newest first.
    async fn list_characters(&self, query: &CharacterQuery, page: PageRequest) -> Result<Read<Page<Character>>> {
        self.list(query, page).await
    }

    /// Stores a new character and gives it back as stored.
    async fn create_character(&self, character: Character) -> Result<Character> {
        let event = character_event(CHARACTER_CREATED, &character);
        let transaction = Transaction::new().with(Change::Create(character.clone())).with_event(event);
        stamped(character, self.commit(transaction).await?)
    }

    /// Replaces a live character, stamps it `updated_at` now, and gives it back as stored.
    async fn update_character(&self, mut character: Character, expect: Expect) -> Result<Character> {
        character.meta.updated_at = now();
        let event = character_event(CHARACTER_UPDATED, &character);
        let change = Change::Replace { entity: character.clone(), expect };
        stamped(character, self.commit(Transaction::new().with(change).with_event(event)).await?)
    }

    /// Soft-deletes a live character.
    async fn delete_character(&self, id: CharacterId, expect: Expect) -> Result<Meta> {
        let event = DomainEvent::new(CHARACTER_DELETED, id, now(), json!({ "character_id": id }));
        let change = Change::<Character>::Delete { id, expect, at: event.time };
        meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
    }

    /// Brings a soft-deleted character back.
    async fn restore_character(&self, id: CharacterId, expect: Expect) -> Result<Meta> {
        let event = DomainEvent::new(CHARACTER_RESTORED, id, now(), json!({ "character_id": id }));
        let change = Change::<Character>::Restore { id, expect, at: event.time };
        meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
    }

    /// Stores new characters, all or none, and gives them back as stored.
    async fn bulk_create_characters(&self, characters: Vec<Character>) -> Result<Vec<Character>> {
        let mut transaction = Transaction::new();
        for character in &characters {
            transaction = transaction
                .with(Change::Create(character.clone()))
                .with_event(character_event(CHARACTER_CREATED, character));
        }
        let committed = self.commit(transaction).await?;
        let pairs = characters.into_iter().zip(committed.written);
        Ok(pairs.map(|(character, meta)| Character { meta, ..character }).collect())
    }
}

impl<T: StoragePort + ?Sized> StorageExt for T {}

/// The live row with this id.
///
/// # Errors
/// `NotFound` when there is none; else as [`Store::find`].
pub async fn get<E: Entity, S: Store<E> + ?Sized>(storage: &S, id: E::Id) -> Result<Read<E>> {
    let Read { value, source } = storage.find(id, Deleted::Exclude).await?;
    let value = value.ok_or_else(|| StorageError::new(ErrorKind::NotFound, E::FIND).with_entity(E::KIND, id))?;
    Ok(Read { value, source })
}

/// The event that tells of a change of `character`.
#[must_use]
pub fn character_event(event_type: &'static str, character: &Character) -> DomainEvent {
    let data = json!({
        "character_id": character.id,
        "user_id": character.user_id,
        "campaign_id": character.campaign_id,
        "name": character.name,
        "theme": character.theme,
        "is_active": character.is_active,
    });
    DomainEvent::new(event_type, character.id, character.meta.updated_at, data)
}

fn meta(committed: &Committed) -> Result<Meta> {
    let missing = || StorageError::new(ErrorKind::Corrupt, crate::COMMIT).with_detail("the outcome names no row");
    committed.written.first().copied().ok_or_else(missing)
}

fn stamped(mut character: Character, committed: Committed) -> Result<Character> {
    character.meta = meta(&committed)?;
    Ok(character)
}
