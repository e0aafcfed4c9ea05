//! Rows that belong to a character and follow no rule but their own: looked at, made, changed, deleted, restored.

use crate::{Backing, Result, Terms, act::Changes, idempotency::Repeatable, race::Race};
use character_domain::CharacterId;
use character_storage_port::{Deleted, Owned, StoragePort, Store};
use serde::Serialize;

impl Backing {
    /// Stores new rows of this character together, in one transaction. `request` is all that the caller asked for.
    pub(crate) async fn create_rows<E: Owned>(
        &self,
        act: &str,
        of: CharacterId,
        rows: Vec<E>,
        request: &impl Serialize,
        terms: &Terms,
    ) -> Result<Vec<E>> {
        let repeatable = terms.repeatable(act, &(of, request))?;
        let outcome = self.create_checked(of, rows, repeatable.as_ref()).await;
        self.or_first_answer(outcome, repeatable.as_ref()).await
    }

    async fn create_checked<E: Owned>(
        &self,
        of: CharacterId,
        rows: Vec<E>,
        repeatable: Option<&Repeatable>,
    ) -> Result<Vec<E>> {
        let mut race = Race::default();
        loop {
            self.character(of, Deleted::Exclude).await?;
            let mut changes = Changes::at(self.now());
            let mut created = Vec::with_capacity(rows.len());
            for row in &rows {
                let row = changes.create(row.clone())?;
                changes.row_event(&row, "create");
                created.push(row);
            }
            let settled = self.settle(changes.into_transaction(), repeatable, created, &mut race).await?;
            if let Some(created) = settled {
                return Ok(created);
            }
        }
    }

    /// Gives a live row to `change` and stores what comes back; again when another writer was faster. Nothing is
    /// written when nothing changes.
    pub(crate) async fn change_row<E: Owned>(
        &self,
        of: CharacterId,
        id: E::Id,
        terms: &Terms,
        mut change: impl FnMut(&E) -> Result<E>,
    ) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let mut race = Race::default();
        loop {
            let current: E = self.accepted(of, id, Deleted::Exclude, terms).await?;
            let next = change(&current)?;
            if next == current {
                return Ok(current);
            }
            let mut changes = Changes::at(self.now());
            let next = changes.replace(next)?;
            changes.row_event(&next, "replace");
            if let Some(done) = self.settle(changes.into_transaction(), None, next, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// Soft-deletes a live row.
    pub(crate) async fn delete_row<E: Owned>(&self, of: CharacterId, id: E::Id, terms: &Terms) -> Result<()>
    where
        dyn StoragePort: Store<E>,
    {
        let mut race = Race::default();
        loop {
            let current: E = self.accepted(of, id, Deleted::Exclude, terms).await?;
            let mut changes = Changes::at(self.now());
            changes.delete(&current);
            changes.row_event(&current, "delete");
            if self.settle(changes.into_transaction(), None, (), &mut race).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Brings a soft-deleted row back. One that is live is answered as it is.
    pub(crate) async fn restore_row<E: Owned>(&self, of: CharacterId, id: E::Id, terms: &Terms) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        let mut race = Race::default();
        loop {
            let current: E = self.accepted(of, id, Deleted::Include, terms).await?;
            if !current.meta().is_deleted() {
                return Ok(current);
            }
            let mut changes = Changes::at(self.now());
            let restored = changes.restore(current);
            changes.row_event(&restored, "restore");
            if let Some(done) = self.settle(changes.into_transaction(), None, restored, &mut race).await? {
                return Ok(done);
            }
        }
    }

    /// A row of a live character that an act is to change, when its revision fulfils the condition.
    async fn accepted<E: Owned>(&self, of: CharacterId, id: E::Id, deleted: Deleted, terms: &Terms) -> Result<E>
    where
        dyn StoragePort: Store<E>,
    {
        self.character(of, Deleted::Exclude).await?;
        let current: E = self.owned_row(of, id, deleted).await?;
        terms.condition.judge(current.meta().revision)?;
        Ok(current)
    }
}
