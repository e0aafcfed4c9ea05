//! Bulk creation of characters, items and journal entries.

use super::{Batch, ChosenIds, outcomes};
use crate::{
    Atomicity, BulkOutcome, CharacterRepository, InventoryRepository, JournalRepository, NewCharacter, NewItem,
    NewJournalEntry, RequestContext, Result,
    act::Attempt,
    character::{valid, with_creation},
    inventory::{CREATED, add, belongings, report},
    unit_of_work::checked,
};
use character_domain::{Character, CharacterId, InventoryItem, JournalEntry, Violations, event::ItemOperation};
use character_storage_port::{ChangeKind, Transaction};

impl CharacterRepository {
    /// Stores many new characters. An `Err` among `new` is what is wrong with one that could not be read; it is refused in
    /// its place.
    ///
    /// # Errors
    /// With [`Atomicity::AllOrNone`], `Invalid` with all faults by their place (`characters[3].name`), among them ids
    /// that exist already or are given twice; `IdempotencyMismatch`; `Contended`; `Storage`.
    #[tracing::instrument(name = "character.create_many", level = "debug", skip_all, fields(characters = new.len()))]
    pub async fn create_many(
        &self,
        new: Vec<Result<NewCharacter, Violations>>,
        atomicity: Atomicity,
        request: &RequestContext,
    ) -> Result<BulkOutcome<Character>> {
        let new = &new;
        let attempt = move |attempt: Attempt| async move {
            let at = attempt.now();
            let mut ids = ChosenIds::<Character>::look_up(&attempt, new, |new| new.id).await?;
            let outcomes = outcomes(new, |new| {
                valid(new.check())?;
                let character = new.into_character(at);
                ids.claim(character.id)?;
                Ok(character)
            });
            let created = outcomes.iter().flatten();
            let add = |transaction, character| with_creation(transaction, character, &attempt);
            let transaction = created.fold(Transaction::new(), add);
            Ok(Batch { outcomes, transaction })
        };
        self.context.create_many("character.bulk_created", request, atomicity, "characters", attempt).await
    }
}

impl InventoryRepository {
    /// Stores many new items. An item may be in a container that precedes it. An `Err` among `new` is what is wrong
    /// with one that could not be read; it is refused in its place.
    ///
    /// # Errors
    /// As [`create`](Self::create); with [`Atomicity::AllOrNone`] a fault names its place: `items[3].name`.
    #[tracing::instrument(name = "inventory.create_many", level = "debug", skip_all, fields(items = new.len()))]
    pub async fn create_many(
        &self,
        of: CharacterId,
        new: Vec<Result<NewItem, Violations>>,
        atomicity: Atomicity,
        request: &RequestContext,
    ) -> Result<BulkOutcome<InventoryItem>> {
        let new = &new;
        let attempt = move |attempt: Attempt| async move {
            let (mut work, mut inventory) = belongings(&attempt, of).await?;
            let mut ids = ChosenIds::<InventoryItem>::look_up(&attempt, new, |new| new.id).await?;
            let outcomes = outcomes(new, |new| {
                new.id.map_or(Ok(()), |id| ids.claim(id))?;
                add(&mut work, &mut inventory, new)
            });
            let created: Vec<InventoryItem> = outcomes.iter().flatten().cloned().collect();
            report(&mut work, ItemOperation::Create, &created);
            let (transaction, _) = work.into_transaction()?;
            Ok(Batch { outcomes, transaction })
        };
        self.context.create_many(CREATED, request, atomicity, "items", attempt).await
    }
}

impl JournalRepository {
    /// Stores many new entries. An `Err` among `new` is what is wrong with one that could not be read; it is refused in
    /// its place.
    ///
    /// # Errors
    /// As [`create`](Self::create); with [`Atomicity::AllOrNone`] a fault names its place: `entries[3].title`.
    #[tracing::instrument(name = "journal.create_many", level = "debug", skip_all, fields(entries = new.len()))]
    pub async fn create_many(
        &self,
        of: CharacterId,
        new: Vec<Result<NewJournalEntry, Violations>>,
        atomicity: Atomicity,
        request: &RequestContext,
    ) -> Result<BulkOutcome<JournalEntry>> {
        let new = &new;
        let attempt = move |attempt: Attempt| async move {
            attempt.existing(of).await?;
            let mut ids = ChosenIds::<JournalEntry>::look_up(&attempt, new, |new| new.id).await?;
            let mut changes = attempt.changes();
            let outcomes = outcomes(new, |new| {
                let entry = new.into_entry(of, changes.at);
                checked(&entry)?;
                ids.claim(entry.id)?;
                let entry = changes.create(entry)?;
                changes.row_event(&entry, ChangeKind::Create);
                Ok(entry)
            });
            Ok(Batch { outcomes, transaction: changes.into_transaction() })
        };
        self.context.create_many("journal.created", request, atomicity, "entries", attempt).await
    }
}
