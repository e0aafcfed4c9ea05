//! Creates, changes, deletes and restores rows of a character that have no rules over several rows.

use crate::{
    RepositoryError, RequestContext, Result, StorageContext,
    act::{Attempt, Decision},
    unit_of_work::Changes,
};
use character_domain::{CharacterId, JournalEntry, JournalEntryId, Timestamp};
use character_storage_port::{ChangeKind, Deleted, Entity, Owned, StoragePort, Store};

/// The names of the acts on such rows.
const CREATED: &str = "row.created";
const CHANGED: &str = "row.changed";
const DELETED: &str = "row.deleted";
const RESTORED: &str = "row.restored";

/// The parent of a row in the path of the request.
#[derive(Debug)]
pub(crate) enum Under<E> {
    /// The character alone.
    Character,
    /// An entry of its journal, which must be live; how to read the entry of a row, and how to give a row to a character.
    Entry(JournalEntryId, fn(&E) -> JournalEntryId, fn(E, CharacterId) -> E),
}

impl<E> Clone for Under<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Under<E> {}

impl StorageContext {
    /// Stores a new row of this character, with the changes that `judge` begins when it accepts the attempt.
    pub(crate) async fn create_row<E: Owned, F>(
        &self,
        of: CharacterId,
        id: Option<E::Id>,
        request: &RequestContext,
        judge: impl Fn(Attempt) -> F,
        row: impl Fn(Timestamp) -> E,
    ) -> Result<E>
    where
        F: Future<Output = Result<Changes>>,
        dyn StoragePort: Store<E>,
    {
        let (judge, row) = (&judge, &row);
        let created = self.act(CREATED, request, move |attempt| async move {
            attempt.existing(of).await?;
            let mut changes = judge(attempt).await?;
            let row = changes.create(row(changes.at))?;
            changes.row_event(&row, ChangeKind::Create);
            Ok(changes.finish(row))
        });
        self.name_deleted::<E, _>(id, created.await).await
    }

    /// Gives a live row to `change` and stores the result. Nothing is written when nothing changes.
    pub(crate) async fn change_row<E: Owned>(
        &self,
        of: CharacterId,
        id: E::Id,
        request: &RequestContext,
        under: Under<E>,
        change: impl Fn(&E) -> Result<E>,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let change = &change;
        self.act(CHANGED, request, move |attempt| async move {
            let Belonging { row: current, entry, has_moved } =
                belonging(&attempt, of, id, Deleted::Exclude, under).await?;
            let next = change(&current)?;
            if next == current && !has_moved {
                return Ok(Decision::Unchanged(current));
            }
            let mut changes = attempt.changes();
            // What its entry has left behind comes along, so the entry must not move on meanwhile.
            if let Some(entry) = entry.filter(|_| has_moved) {
                changes.keep_in_place(entry)?;
            }
            let next = changes.replace(next)?;
            changes.row_event(&next, ChangeKind::Replace);
            Ok(changes.finish(next))
        })
        .await
    }

    /// Soft-deletes a live row.
    pub(crate) async fn delete_row<E: Owned>(
        &self,
        of: CharacterId,
        id: E::Id,
        request: &RequestContext,
        under: Under<E>,
    ) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        self.act(DELETED, request, move |attempt| async move {
            let Belonging { row: current, .. } = belonging(&attempt, of, id, Deleted::Exclude, under).await?;
            let mut changes = attempt.changes();
            changes.delete(&current);
            changes.row_event(&current, ChangeKind::Delete);
            Ok(changes.finish(()))
        })
        .await
    }

    /// Restores a soft-deleted row. One that is live is returned unchanged.
    pub(crate) async fn restore_row<E: Owned>(
        &self,
        of: CharacterId,
        id: E::Id,
        request: &RequestContext,
        under: Under<E>,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        self.act(RESTORED, request, move |attempt| async move {
            let Belonging { row: current, entry, has_moved } =
                belonging(&attempt, of, id, Deleted::Include, under).await?;
            if !current.meta().is_deleted() {
                return Ok(Decision::Unchanged(current));
            }
            let mut changes = attempt.changes();
            if let Some(entry) = entry {
                changes.keep_in_place(entry)?;
            }
            let restored = if has_moved { changes.revive(current)? } else { changes.restore(current) };
            changes.row_event(&restored, ChangeKind::Restore);
            Ok(changes.finish(restored))
        })
        .await
    }

    /// Adds to the refusal of an id that is taken whether its row is soft-deleted.
    pub(crate) async fn name_deleted<E: Entity, T>(&self, id: Option<E::Id>, created: Result<T>) -> Result<T>
    where
        dyn StoragePort: Store<E>,
    {
        match (created, id) {
            (Err(RepositoryError::AlreadyExists { kind, .. }), Some(id)) => {
                let deleted = match self.decide_row::<E>(id, Deleted::Include).await {
                    Ok(row) => row.meta().is_deleted(),
                    Err(RepositoryError::NotFound(_)) => false,
                    Err(error) => return Err(error),
                };
                Err(RepositoryError::AlreadyExists { kind, deleted })
            }
            (created, _) => created,
        }
    }
}

/// A row below what a request names.
struct Belonging<E> {
    /// The row, as one of the character.
    row: E,
    /// The entry that it lies under.
    entry: Option<JournalEntry>,
    /// Whether it is stored as one of another character: its entry has moved without it.
    has_moved: bool,
}

/// A row of a live character, below what the request names, whose revision it accepts. What lies under an entry belongs to the
/// character of the entry: a change of theme leaves the deleted rows under an entry that it moves.
async fn belonging<E: Owned>(
    attempt: &Attempt,
    of: CharacterId,
    id: E::Id,
    deleted: Deleted,
    under: Under<E>,
) -> Result<Belonging<E>>
where
    dyn StoragePort: Store<E>,
{
    attempt.existing(of).await?;
    let Under::Entry(entry, entry_of, given_to) = under else {
        let row = attempt.accept(attempt.owned_row(of, id, deleted).await?)?;
        return Ok(Belonging { row, entry: None, has_moved: false });
    };
    let entry = attempt.owned_row::<JournalEntry>(of, entry, Deleted::Exclude).await?;
    let row: E = attempt.row(id, deleted).await?;
    if entry_of(&row) != entry.id {
        return Err(RepositoryError::NotFound(E::KIND));
    }
    let row = attempt.accept(row)?;
    let has_moved = row.character_id() != of;
    Ok(Belonging { row: given_to(row, of), entry: Some(entry), has_moved })
}
