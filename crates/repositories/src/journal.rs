//! Use cases of the journal: entries, and the experience, quests and relationships under them.
//!
//! Nothing here changes a sheet, so nothing here creates a version of the character. An experience entry is a record:
//! it adds no experience, which is what an [award](crate::ProgressRepository::award) does.

mod record;
#[cfg(test)]
mod tests;

pub use character_domain::{NewExperienceEntry, NewJournalEntry, NewNpcRelationship, NewQuest};
pub use record::JournalRecord;

use crate::{ListRequest, Listed, RepositoryError, RequestContext, Result, StorageContext, act::Attempt, rows::Under};
use character_domain::{CharacterId, JournalEntry, JournalEntryId};
use character_storage_port::{Deleted, JournalEntryQuery, Read, StorageExt, StoragePort, Store};

/// The use cases of the journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalRepository {
    pub(crate) context: StorageContext,
}

impl JournalRepository {
    /// Creates it over this storage.
    #[must_use]
    pub fn new(context: StorageContext) -> Self {
        Self { context }
    }

    /// A live entry of this character's journal.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "journal.get", level = "debug", skip_all)]
    pub async fn get(
        &self,
        of: CharacterId,
        id: JournalEntryId,
        request: &RequestContext,
    ) -> Result<Read<JournalEntry>> {
        self.context.get_owned(of, id, request).await
    }

    /// One page of this character's journal, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "journal.list", level = "debug", skip_all)]
    pub async fn list(
        &self,
        of: CharacterId,
        query: JournalEntryQuery,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<JournalEntry>>> {
        self.context.exists(of, Deleted::Exclude).await?;
        let query = JournalEntryQuery { character_id: Some(of), ..query };
        self.context.list(&query, wanted.into()).await
    }

    /// Stores a new entry.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "journal.create", level = "debug", skip_all)]
    pub async fn create(
        &self,
        of: CharacterId,
        new: NewJournalEntry,
        request: &RequestContext,
    ) -> Result<JournalEntry> {
        let accepted = |attempt: Attempt| async move { Ok(attempt.changes()) };
        self.context.create_row(of, new.id, request, accepted, |at| new.clone().into_entry(of, at)).await
    }

    /// Gives a live entry to `change` and stores the result. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `IdempotencyMismatch`, `Contended`, `Storage`, and what `change`
    /// refuses.
    #[tracing::instrument(name = "journal.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        of: CharacterId,
        id: JournalEntryId,
        request: &RequestContext,
        change: impl Fn(&JournalEntry) -> Result<JournalEntry>,
    ) -> Result<JournalEntry> {
        let kept =
            |current: &JournalEntry| Ok(JournalEntry { id, character_id: of, meta: current.meta, ..change(current)? });
        self.context.change_row(of, id, request, Under::Character, kept).await
    }

    /// Soft-deletes a live entry. The records under it stay unchanged; until the entry is restored, they appear only in
    /// the lists of the whole journal.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "journal.delete", level = "debug", skip_all)]
    pub async fn delete(&self, of: CharacterId, id: JournalEntryId, request: &RequestContext) -> Result<()> {
        self.context.delete_row::<JournalEntry>(of, id, request, Under::Character).await
    }

    /// Restores a soft-deleted entry. One that is live is returned unchanged.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    #[tracing::instrument(name = "journal.restore", level = "debug", skip_all)]
    pub async fn restore(&self, of: CharacterId, id: JournalEntryId, request: &RequestContext) -> Result<JournalEntry> {
        self.context.restore_row(of, id, request, Under::Character).await
    }

    /// One page of the records under this entry, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character or the entry), `Storage`.
    #[tracing::instrument(name = "journal.list_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn list_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        query: E::Query,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<E>>>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.find_owned::<JournalEntry>(of, entry).await?;
        let records = self.context.list(&E::narrowed(query, of, Some(entry)), wanted.into()).await?;
        Ok(records.map(|mut records| {
            // What the entry has left behind when it moved belongs to its character nevertheless.
            if records.items.iter().any(|row: &E| row.character_id() != of) {
                records.items = records.items.into_iter().map(|row| row.given_to(of)).collect();
            }
            records
        }))
    }

    /// One page of the records under all entries of this character, newest first, including those under soft-deleted
    /// entries, because a quest continues when the entry about its beginning is deleted.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "journal.list_across", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn list_across<E: JournalRecord>(
        &self,
        of: CharacterId,
        query: E::Query,
        wanted: impl Into<ListRequest>,
        _request: &RequestContext,
    ) -> Result<Read<Listed<E>>>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.exists(of, Deleted::Exclude).await?;
        self.context.list(&E::narrowed(query, of, None), wanted.into()).await
    }

    /// A live record under this entry.
    ///
    /// # Errors
    /// `NotFound` (the character, the entry, or the record, which includes one under another entry),
    /// `PreconditionFailed`, `Storage`.
    #[tracing::instrument(name = "journal.get_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn get_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        request: &RequestContext,
    ) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.find_owned::<JournalEntry>(of, entry).await?;
        let read: Read<E> = self.context.storage().get(id).await?;
        if read.value.journal_entry_id() != entry {
            return Err(RepositoryError::NotFound(E::KIND));
        }
        request.condition.judge(read.value.meta().revision)?;
        Ok(read.map(|row| row.given_to(of)))
    }

    /// Stores a new record under this entry, which gets another revision.
    ///
    /// # Errors
    /// `NotFound` (the character or the entry), `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`,
    /// `Storage`.
    #[tracing::instrument(name = "journal.create_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn create_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        new: E::New,
        request: &RequestContext,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let entry_is_live = |attempt: Attempt| async move {
            let entry = attempt.owned_row::<JournalEntry>(of, entry, Deleted::Exclude).await?;
            let mut changes = attempt.changes();
            changes.keep_in_place(entry)?;
            Ok(changes)
        };
        let row = |at| E::new_under(entry, of, new.clone(), at);
        self.context.create_row(of, E::chosen_id(&new), request, entry_is_live, row).await
    }

    /// Gives a live record under this entry to `change` and stores the result. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    #[tracing::instrument(name = "journal.patch_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn patch_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        request: &RequestContext,
        change: impl Fn(&E) -> Result<E>,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let kept = |current: &E| Ok(change(current)?.in_place_of(current));
        self.context.change_row(of, id, request, under(entry), kept).await
    }

    /// Soft-deletes a live record under this entry.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    #[tracing::instrument(name = "journal.delete_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn delete_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        request: &RequestContext,
    ) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.delete_row::<E>(of, id, request, under(entry)).await
    }

    /// Restores a soft-deleted record under this live entry, which gets another revision. One that is live is returned unchanged.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    #[tracing::instrument(name = "journal.restore_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn restore_under<E: JournalRecord>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        request: &RequestContext,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        self.context.restore_row(of, id, request, under(entry)).await
    }
}

/// The place of a record under this entry.
fn under<E: JournalRecord>(entry: JournalEntryId) -> Under<E> {
    Under::Entry(entry, E::journal_entry_id, E::given_to)
}
