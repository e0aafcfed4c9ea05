//! The use cases of journal entries, and their bulk creation.

use crate::NewBody;
use crate::resource::{BulkCreatable, Restorable, Scope, UseCases};
use character_domain::{JournalEntry, JournalEntryId, Violations};
use character_repositories::{Atomicity, BulkOutcome, ListRequest, Listed, NewJournalEntry, Result as Outcome};
use character_storage_port::{JournalEntryQuery, Read};
use utoipa::ToSchema;

/// A new entry.
pub type NewJournalEntryBody = NewBody<JournalEntry>;

/// Several new entries.
#[derive(Debug, ToSchema)]
pub struct BulkEntriesRequest {
    /// `true`: either all are created or none. `false`: each is created on its own.
    #[schema(default = true)]
    pub atomic: Option<bool>,
    /// The entries to create, 1 to 1000.
    #[schema(min_items = 1, max_items = 1000)]
    pub entries: Vec<NewJournalEntryBody>,
}

impl UseCases for JournalEntry {
    async fn list(at: Scope<'_, Self>, query: JournalEntryQuery, wanted: ListRequest) -> Outcome<Read<Listed<Self>>> {
        at.repositories.journal.list(at.parent, query, wanted, at.context).await
    }

    async fn create(at: Scope<'_, Self>, new: NewJournalEntry) -> Outcome<Self> {
        at.repositories.journal.create(at.parent, new, at.context).await
    }

    async fn get(at: Scope<'_, Self>, id: JournalEntryId) -> Outcome<Read<Self>> {
        at.repositories.journal.get(at.parent, id, at.context).await
    }

    async fn patch(at: Scope<'_, Self>, id: JournalEntryId, change: impl Fn(&Self) -> Outcome<Self>) -> Outcome<Self> {
        at.repositories.journal.patch(at.parent, id, at.context, change).await
    }

    async fn delete(at: Scope<'_, Self>, id: JournalEntryId) -> Outcome<()> {
        at.repositories.journal.delete(at.parent, id, at.context).await
    }
}

impl Restorable for JournalEntry {
    async fn restore(at: Scope<'_, Self>, id: JournalEntryId) -> Outcome<Self> {
        at.repositories.journal.restore(at.parent, id, at.context).await
    }
}

impl BulkCreatable for JournalEntry {
    type Request = BulkEntriesRequest;
    const FIELD: &'static str = "entries";
    const OPERATION: &'static str = "createJournalEntries";

    async fn create_many(
        at: Scope<'_, Self>,
        new: Vec<Result<NewJournalEntry, Violations>>,
        atomicity: Atomicity,
    ) -> Outcome<BulkOutcome<Self>> {
        at.repositories.journal.create_many(at.parent, new, atomicity, at.context).await
    }
}
