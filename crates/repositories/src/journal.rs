//! The journal: entries, and what each tells of, which is experience, quests and those who were met.
//!
//! Nothing here changes a sheet, so nothing here makes a version of the character. An experience entry is a record:
//! it adds no experience, which is what an [award](crate::ProgressRepository::award) does.

mod bulk;
mod chapter;
mod new;
#[cfg(test)]
mod tests;

pub use chapter::Chapter;
pub use new::{NewExperienceEntry, NewJournalEntry, NewNpcRelationship, NewQuest};

use crate::{Backing, RepositoryError, Result, Terms};
use character_domain::{CharacterId, JournalEntry, JournalEntryId};
use character_storage_port::{Deleted, EntityKind, JournalEntryQuery, Page, PageRequest, Read, StoragePort, Store};

/// What can be done with the journal of a character. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalRepository {
    backing: Backing,
}

impl JournalRepository {
    /// Over this storage.
    #[must_use]
    pub fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// A live entry of this character's journal.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    #[tracing::instrument(name = "journal.get", level = "debug", skip_all)]
    pub async fn get(&self, of: CharacterId, id: JournalEntryId) -> Result<Read<JournalEntry>> {
        self.backing.look(of, id).await
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
        page: PageRequest,
    ) -> Result<Read<Page<JournalEntry>>> {
        self.backing.exists(of).await?;
        let query = JournalEntryQuery { character_id: Some(of), ..query };
        Ok(self.backing.storage.list(&query, page).await?)
    }

    /// Stores a new entry.
    ///
    /// # Errors
    /// `NotFound` (the character), `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`, `Storage`.
    #[tracing::instrument(name = "journal.create", level = "debug", skip_all)]
    pub async fn create(&self, of: CharacterId, new: NewJournalEntry, terms: &Terms) -> Result<JournalEntry> {
        let entry = new.clone().into_entry(of, self.backing.now());
        let mut created = self.backing.create_rows("journal.create", of, vec![entry], &new, terms).await?;
        created.pop().ok_or(RepositoryError::NotFound(EntityKind::JournalEntry))
    }

    /// Gives a live entry to `change` and stores what comes back. Nothing is written when nothing changes.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Invalid`, `Contended`, `Storage`, and what `change` refuses.
    #[tracing::instrument(name = "journal.patch", level = "debug", skip_all)]
    pub async fn patch(
        &self,
        of: CharacterId,
        id: JournalEntryId,
        terms: &Terms,
        mut change: impl FnMut(&JournalEntry) -> Result<JournalEntry>,
    ) -> Result<JournalEntry> {
        let kept =
            |current: &JournalEntry| Ok(JournalEntry { id, character_id: of, meta: current.meta, ..change(current)? });
        self.backing.change_row(of, id, terms, kept).await
    }

    /// Soft-deletes a live entry. What it tells of stays as it is, out of reach until the entry is restored, but for
    /// the lists across the whole journal.
    ///
    /// # Errors
    /// `NotFound`, `PreconditionFailed`, `Contended`, `Storage`.
    #[tracing::instrument(name = "journal.delete", level = "debug", skip_all)]
    pub async fn delete(&self, of: CharacterId, id: JournalEntryId, terms: &Terms) -> Result<()> {
        self.backing.delete_row::<JournalEntry>(of, id, terms).await
    }

    /// Brings a soft-deleted entry back. One that is live is answered as it is.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    #[tracing::instrument(name = "journal.restore", level = "debug", skip_all)]
    pub async fn restore(&self, of: CharacterId, id: JournalEntryId, terms: &Terms) -> Result<JournalEntry> {
        self.backing.restore_row(of, id, terms).await
    }

    /// One page of what this entry tells of, newest first.
    ///
    /// # Errors
    /// `NotFound` (the character or the entry), `Storage`.
    #[tracing::instrument(name = "journal.list_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn list_under<E: Chapter>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        query: E::Query,
        page: PageRequest,
    ) -> Result<Read<Page<E>>>
    where
        dyn StoragePort: Store<E>,
    {
        self.backing.look::<JournalEntry>(of, entry).await?;
        Ok(self.backing.storage.list(&E::narrowed(query, of, Some(entry)), page).await?)
    }

    /// One page of what all entries of this character tell of, newest first; also those entries that are soft-deleted,
    /// since a quest is not over because nobody can read any more how it began.
    ///
    /// # Errors
    /// `NotFound` (the character), `Storage`.
    #[tracing::instrument(name = "journal.list_across", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn list_across<E: Chapter>(
        &self,
        of: CharacterId,
        query: E::Query,
        page: PageRequest,
    ) -> Result<Read<Page<E>>>
    where
        dyn StoragePort: Store<E>,
    {
        self.backing.exists(of).await?;
        Ok(self.backing.storage.list(&E::narrowed(query, of, None), page).await?)
    }

    /// Something live that this entry tells of.
    ///
    /// # Errors
    /// `NotFound` (the character, the entry, or it, which includes what another entry tells of), `Storage`.
    #[tracing::instrument(name = "journal.get_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn get_under<E: Chapter>(&self, of: CharacterId, entry: JournalEntryId, id: E::Id) -> Result<Read<E>>
    where
        dyn StoragePort: Store<E>,
    {
        self.backing.look::<JournalEntry>(of, entry).await?;
        let read: Read<E> = self.backing.look(of, id).await?;
        if read.value.journal_entry_id() == entry { Ok(read) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }

    /// Stores something new that this entry tells of.
    ///
    /// # Errors
    /// `NotFound` (the character or the entry), `Invalid`, `AlreadyExists`, `IdempotencyMismatch`, `Contended`,
    /// `Storage`.
    #[tracing::instrument(name = "journal.create_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn create_under<E: Chapter>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        new: E::New,
        terms: &Terms,
    ) -> Result<E> {
        let request = (entry, &new);
        if let Err(refusal) = self.open(of, entry).await {
            // The entry may have gone since the same was asked for under the same key, and done.
            let repeatable = terms.repeatable(E::CREATE, &(of, request))?;
            return self.backing.or_first_answer(Err(refusal), repeatable.as_ref()).await.and_then(only);
        }
        let row = E::new_under(entry, of, new.clone(), self.backing.now());
        self.backing.create_rows(E::CREATE, of, vec![row], &request, terms).await.and_then(only)
    }

    /// Gives something live that this entry tells of to `change` and stores what comes back. Nothing is written when
    /// nothing changes.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    #[tracing::instrument(name = "journal.patch_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn patch_under<E: Chapter>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        terms: &Terms,
        mut change: impl FnMut(&E) -> Result<E>,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        self.told_by::<E>(of, entry, id).await?;
        let kept = |current: &E| Ok(change(current)?.in_place_of(current));
        self.backing.change_row(of, id, terms, kept).await
    }

    /// Soft-deletes something live that this entry tells of.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    #[tracing::instrument(name = "journal.delete_under", level = "debug", skip_all, fields(kind = E::KIND.as_str()))]
    pub async fn delete_under<E: Chapter>(
        &self,
        of: CharacterId,
        entry: JournalEntryId,
        id: E::Id,
        terms: &Terms,
    ) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        self.told_by::<E>(of, entry, id).await?;
        self.backing.delete_row::<E>(of, id, terms).await
    }

    /// That an act may be done under this entry.
    async fn open(&self, of: CharacterId, entry: JournalEntryId) -> Result<()> {
        self.backing.character(of, Deleted::Exclude).await?;
        self.backing.owned_row::<JournalEntry>(of, entry, Deleted::Exclude).await?;
        Ok(())
    }

    /// That this entry tells of it. That is so for good, so it need not be asked again when a race was lost.
    async fn told_by<E: Chapter>(&self, of: CharacterId, entry: JournalEntryId, id: E::Id) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        self.open(of, entry).await?;
        let row: E = self.backing.owned_row(of, id, Deleted::Exclude).await?;
        if row.journal_entry_id() == entry { Ok(()) } else { Err(RepositoryError::NotFound(E::KIND)) }
    }
}

fn only<E: Chapter>(mut rows: Vec<E>) -> Result<E> {
    rows.pop().ok_or(RepositoryError::NotFound(E::KIND))
}
