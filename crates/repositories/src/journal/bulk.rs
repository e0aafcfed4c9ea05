//! Many new entries at once: all or none, or each for itself. Both are one transaction.

use super::{JournalRepository, NewJournalEntry};
use crate::{
    RepositoryError, Result, Terms,
    act::{Changes, checked},
    idempotency::Repeatable,
    race::Race,
};
use character_domain::{CharacterId, JournalEntry, JournalEntryId, Timestamp, Violations};
use character_storage_port::{Deleted, EntityKind};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;

/// Entries looked up at the same time.
const LOOKUPS: usize = 16;

impl JournalRepository {
    /// Stores new entries, all or none. An `Err` among `new` is what is wrong with one that could not even be read, to
    /// be told with all other faults.
    ///
    /// # Errors
    /// As [`create`](Self::create); a fault names its place: `entries[3].title`.
    #[tracing::instrument(name = "journal.bulk_create", level = "debug", skip_all, fields(entries = new.len()))]
    pub async fn create_all(
        &self,
        of: CharacterId,
        new: Vec<Result<NewJournalEntry, Violations>>,
        terms: &Terms,
    ) -> Result<Vec<JournalEntry>> {
        let readable: Vec<_> = new.iter().map(|new| new.as_ref().ok()).collect();
        let repeatable = terms.repeatable("journal.bulk_create", &(of, readable))?;
        let outcome = self.all_checked(of, &new, repeatable.as_ref()).await;
        self.backing.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn all_checked(
        &self,
        of: CharacterId,
        new: &[Result<NewJournalEntry, Violations>],
        repeatable: Option<&Repeatable>,
    ) -> Result<Vec<JournalEntry>> {
        let mut race = Race::default();
        loop {
            let (mut changes, outcomes) = self.tried(of, new).await?;
            let (mut created, mut faults) = (Vec::with_capacity(new.len()), Violations::default());
            for (index, outcome) in outcomes.into_iter().enumerate() {
                match outcome {
                    Ok(entry) => {
                        let entry = changes.create(entry)?;
                        changes.row_event(&entry, "create");
                        created.push(entry);
                    }
                    Err(error) => faults.0.extend(told(error, index)?.0),
                }
            }
            faults.into_result().map_err(RepositoryError::Invalid)?;
            let settled = self.backing.settle(changes.into_transaction(), repeatable, created, &mut race).await?;
            if let Some(created) = settled {
                return Ok(created);
            }
        }
    }

    /// Stores those of the new entries that can be stored; the outcomes are in the order given.
    ///
    /// # Errors
    /// `NotFound` (the character), `IdempotencyMismatch`, `Contended`; `Storage` when nothing could be tried at all.
    #[tracing::instrument(name = "journal.bulk_create_each", level = "debug", skip_all, fields(entries = new.len()))]
    pub async fn create_each(
        &self,
        of: CharacterId,
        new: Vec<Result<NewJournalEntry, Violations>>,
        terms: &Terms,
    ) -> Result<Vec<Result<JournalEntry>>> {
        let readable: Vec<_> = new.iter().map(|new| new.as_ref().ok()).collect();
        let repeatable = terms.repeatable("journal.bulk_create_each", &(of, readable))?;
        let mut race = Race::default();
        loop {
            let (mut changes, tried) = self.tried(of, &new).await?;
            let mut outcomes = Vec::with_capacity(tried.len());
            for outcome in tried {
                outcomes.push(outcome.and_then(|entry| changes.create(entry)));
            }
            // What is kept for a repeat: the entries that were made, in their places.
            let made: Vec<Option<JournalEntry>> = outcomes.iter().map(|outcome| outcome.clone().ok()).collect();
            for entry in made.iter().flatten() {
                changes.row_event(entry, "create");
            }
            let settled = self.backing.settle(changes.into_transaction(), repeatable.as_ref(), made, &mut race).await?;
            if let Some(first) = settled {
                let outcome =
                    |(made, now): (Option<JournalEntry>, Result<JournalEntry>)| made.map_or_else(|| refused(now), Ok);
                return Ok(first.into_iter().zip(outcomes).map(outcome).collect());
            }
        }
    }

    /// Each entry as it would be, or why it cannot be.
    async fn tried(
        &self,
        of: CharacterId,
        new: &[Result<NewJournalEntry, Violations>],
    ) -> Result<(Changes, Vec<Result<JournalEntry>>)> {
        self.backing.character(of, Deleted::Exclude).await?;
        let changes = Changes::at(self.backing.now());
        let mut taken = self.taken(new).await?;
        let outcomes = new.iter().map(|new| tried(of, new, changes.at, &mut taken)).collect();
        Ok((changes, outcomes))
    }

    /// The ids that the writer chose and that are taken, also by a soft-deleted entry.
    async fn taken(&self, new: &[Result<NewJournalEntry, Violations>]) -> Result<HashSet<JournalEntryId>> {
        let chosen: HashSet<_> = new.iter().filter_map(|new| new.as_ref().ok()?.id).collect();
        stream::iter(chosen)
            .map(|id| async move {
                match self.backing.row::<JournalEntry>(id, Deleted::Include).await {
                    Ok(_) => Ok(Some(id)),
                    Err(RepositoryError::NotFound(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(LOOKUPS)
            .try_filter_map(async |id| Ok(id))
            .try_collect()
            .await
    }
}

fn tried(
    of: CharacterId,
    new: &Result<NewJournalEntry, Violations>,
    at: Timestamp,
    taken: &mut HashSet<JournalEntryId>,
) -> Result<JournalEntry> {
    let new = new.as_ref().map_err(|violations| RepositoryError::Invalid(violations.clone()))?;
    let entry = new.clone().into_entry(of, at);
    checked(&entry)?;
    // One that comes later in the same request may not have the same id.
    if taken.insert(entry.id) { Ok(entry) } else { Err(RepositoryError::AlreadyExists(EntityKind::JournalEntry)) }
}

/// A fault of one among many, by its place.
fn told(error: RepositoryError, index: usize) -> Result<Violations> {
    let place = format!("entries[{index}]");
    match error {
        RepositoryError::Invalid(violations) => Ok(violations.under(&place)),
        RepositoryError::AlreadyExists(_) => Ok(Violations::one(format!("{place}.id"), "exists already")),
        other => Err(other),
    }
}

/// A repeat gets the refusal of today; one that would be accepted today was refused when it was asked for first.
fn refused(now: Result<JournalEntry>) -> Result<JournalEntry> {
    now.and_then(|_| Err(RepositoryError::Invalid(Violations::one("", "was refused when it was asked for first"))))
}
