//! Bulk creation of entries: all or none, or each on its own. Both are one transaction.

use super::{JournalRepository, NewJournalEntry};
use crate::{
    Atomicity, BulkOutcome, RepositoryError, RequestContext, Result,
    act::Attempt,
    bulk::{Batch, ChosenIds},
};
use character_domain::{CharacterId, JournalEntry, Violations};
use character_storage_port::{ChangeKind, Entity};

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
            attempt.character(of).await?;
            let chosen = new.iter().filter_map(|new| new.as_ref().ok()?.id);
            let mut ids = ChosenIds::look_up::<JournalEntry>(&attempt, chosen).await?;
            let mut changes = attempt.changes();
            let mut outcomes = BulkOutcome::with_capacity(new.len());
            for new in new {
                let entry = new.clone().map_err(RepositoryError::Invalid).and_then(|new| {
                    let entry = new.into_entry(of, changes.at);
                    entry.check().into_result().map_err(RepositoryError::Invalid)?;
                    ids.claim(entry.id, JournalEntry::KIND)?;
                    changes.create(entry)
                });
                if let Ok(entry) = &entry {
                    changes.row_event(entry, ChangeKind::Create);
                }
                outcomes.push(entry);
            }
            Ok(Batch { outcomes, transaction: changes.into_transaction() })
        };
        self.context.create_many("journal.created", request, atomicity, "entries", attempt).await
    }
}
