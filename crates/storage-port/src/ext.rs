//! The everyday verbs, for callers.

use crate::{
    CHARACTER_CREATED, CHARACTER_DELETED, CHARACTER_RESTORED, CHARACTER_UPDATED, CampaignEventQuery, Change,
    CharacterProgressQuery, CharacterQuery, Committed, Deleted, DomainEvent, Entity, ErrorKind, EventImpactQuery,
    Expect, ExperienceEntryQuery, InventoryItemQuery, JournalEntryQuery, NpcRelationshipQuery, Owned, Page,
    PageRequest, QuestQuery, Read, Result, StorageError, StoragePort, Store, Transaction,
};
use async_trait::async_trait;
use character_domain::{
    CampaignEvent, Character, CharacterId, CharacterProgress, EventImpact, ExperienceEntry, InventoryItem,
    JournalEntry, Meta, NpcRelationship, Quest, Timestamp, now,
};
use serde_json::json;

macro_rules! storage_ext {
    ({ $($characters:tt)* } $($kind:literal, $entity:ident, $query:ident: $get:ident, $list:ident, $create:ident, $update:ident, $delete:ident, $restore:ident, $bulk:ident;)+) => {
        /// What callers do every day. Blanket-implemented for every [`StoragePort`]: do not implement it yourself.
        ///
        /// Each change is one transaction with its event and a fresh id; its errors are those of
        /// [`Commit::commit`](crate::Commit::commit), and those of `get_…` and `list_…` are those of [`Store`], with
        /// `NotFound` where there is no live row.
        #[async_trait]
        pub trait StorageExt: StoragePort {
            $($characters)*
            $(
                #[doc = concat!("The live ", $kind, " with this id.")]
                async fn $get(&self, id: <$entity as Entity>::Id) -> Result<Read<$entity>> {
                    get(self, id).await
                }
                #[doc = concat!("One page of rows of the kind ", $kind, ", newest first.")]
                async fn $list(&self, query: &$query, page: PageRequest) -> Result<Read<Page<$entity>>> {
                    self.list(query, page).await
                }
                #[doc = concat!("Stores a new ", $kind, " and gives it back as stored.")]
                async fn $create(&self, row: $entity) -> Result<$entity> {
                    create(self, row).await
                }
                #[doc = concat!("Replaces a live ", $kind, ", stamps it `updated_at` now, and gives it back as stored.")]
                async fn $update(&self, row: $entity, expect: Expect) -> Result<$entity> {
                    update(self, row, expect).await
                }
                #[doc = concat!("Soft-deletes a live ", $kind, " of this character.")]
                async fn $delete(&self, of: CharacterId, id: <$entity as Entity>::Id, expect: Expect) -> Result<Meta> {
                    let event = row_event::<$entity>(of, id, "delete", now());
                    let change = Change::<$entity>::Delete { id, expect, at: event.time };
                    meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
                }
                #[doc = concat!("Brings back a soft-deleted ", $kind, " of this character.")]
                async fn $restore(&self, of: CharacterId, id: <$entity as Entity>::Id, expect: Expect) -> Result<Meta> {
                    let event = row_event::<$entity>(of, id, "restore", now());
                    let change = Change::<$entity>::Restore { id, expect, at: event.time };
                    meta(&self.commit(Transaction::new().with(change).with_event(event)).await?)
                }
                #[doc = concat!("Stores new rows of the kind ", $kind, ", all or none, and gives them back as stored.")]
                async fn $bulk(&self, rows: Vec<$entity>) -> Result<Vec<$entity>> {
                    bulk_create(self, rows).await
                }
            )+
        }
    };
}

storage_ext! {
    {
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
            stamped(character, &self.commit(transaction).await?)
        }

        /// Replaces a live character, stamps it `updated_at` now, and gives it back as stored.
        async fn update_character(&self, mut character: Character, expect: Expect) -> Result<Character> {
            character.meta.updated_at = now();
            let event = character_event(CHARACTER_UPDATED, &character);
            let change = Change::Replace { entity: character.clone(), expect };
            stamped(character, &self.commit(Transaction::new().with(change).with_event(event)).await?)
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
    "item of an inventory", InventoryItem, InventoryItemQuery: get_inventory_item, list_inventory_items, create_inventory_item, update_inventory_item, delete_inventory_item, restore_inventory_item, bulk_create_inventory_items;
    "journal entry", JournalEntry, JournalEntryQuery: get_journal_entry, list_journal_entries, create_journal_entry, update_journal_entry, delete_journal_entry, restore_journal_entry, bulk_create_journal_entries;
    "entry of experience", ExperienceEntry, ExperienceEntryQuery: get_experience_entry, list_experience_entries, create_experience_entry, update_experience_entry, delete_experience_entry, restore_experience_entry, bulk_create_experience_entries;
    "quest", Quest, QuestQuery: get_quest, list_quests, create_quest, update_quest, delete_quest, restore_quest, bulk_create_quests;
    "relationship", NpcRelationship, NpcRelationshipQuery: get_npc_relationship, list_npc_relationships, create_npc_relationship, update_npc_relationship, delete_npc_relationship, restore_npc_relationship, bulk_create_npc_relationships;
    "campaign event", CampaignEvent, CampaignEventQuery: get_campaign_event, list_campaign_events, create_campaign_event, update_campaign_event, delete_campaign_event, restore_campaign_event, bulk_create_campaign_events;
    "impact of an event", EventImpact, EventImpactQuery: get_event_impact, list_event_impacts, create_event_impact, update_event_impact, delete_event_impact, restore_event_impact, bulk_create_event_impacts;
    "progress of a character", CharacterProgress, CharacterProgressQuery: get_character_progress, list_all_character_progress, create_character_progress, update_character_progress, delete_character_progress, restore_character_progress, bulk_create_all_character_progress;
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

/// The event that tells of a change of a row that belongs to `character`. `change` is `create`, `replace`, `delete` or
/// `restore`.
#[must_use]
pub fn row_event<E: Owned>(character: CharacterId, id: E::Id, change: &str, at: Timestamp) -> DomainEvent {
    let data = json!({ "character_id": character, "kind": E::KIND.as_str(), "id": id, "change": change });
    DomainEvent::new(E::EVENT, character, at, data)
}

async fn create<E: Owned, S: StoragePort + ?Sized>(storage: &S, row: E) -> Result<E> {
    let event = row_event::<E>(row.character_id(), row.id(), "create", row.meta().updated_at);
    let transaction = Transaction::new().with(Change::Create(row.clone())).with_event(event);
    stamped(row, &storage.commit(transaction).await?)
}

async fn update<E: Owned, S: StoragePort + ?Sized>(storage: &S, mut row: E, expect: Expect) -> Result<E> {
    row.meta_mut().updated_at = now();
    let event = row_event::<E>(row.character_id(), row.id(), "replace", row.meta().updated_at);
    let change = Change::Replace { entity: row.clone(), expect };
    stamped(row, &storage.commit(Transaction::new().with(change).with_event(event)).await?)
}

async fn bulk_create<E: Owned, S: StoragePort + ?Sized>(storage: &S, rows: Vec<E>) -> Result<Vec<E>> {
    let mut transaction = Transaction::new();
    for row in &rows {
        let event = row_event::<E>(row.character_id(), row.id(), "create", row.meta().updated_at);
        transaction = transaction.with(Change::Create(row.clone())).with_event(event);
    }
    let committed = storage.commit(transaction).await?;
    let stamp = |(mut row, meta): (E, Meta)| {
        *row.meta_mut() = meta;
        row
    };
    Ok(rows.into_iter().zip(committed.written).map(stamp).collect())
}

fn meta(committed: &Committed) -> Result<Meta> {
    let missing = || StorageError::new(ErrorKind::Corrupt, crate::COMMIT).with_detail("the outcome names no row");
    committed.written.first().copied().ok_or_else(missing)
}

fn stamped<E: Entity>(mut row: E, committed: &Committed) -> Result<E> {
    *row.meta_mut() = meta(committed)?;
    Ok(row)
}
