//! Rows of every kind at once.

use super::{Sample, at_revision, held, with};
use crate::sample::at;
use character_storage_port::{Change, EntityKind, Expect, StoragePort, Write, every_kind};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

/// A row of some kind, for clauses that are about several kinds at once.
#[derive(Debug)]
pub struct SomeRow {
    /// Of which kind it is.
    pub kind: EntityKind,
    /// Which row.
    pub id: Uuid,
    /// Its creation, at a moment that only this kind has in [`one_of_each`].
    pub create: Write,
    /// A creation of it that breaks a rule.
    pub create_broken: Write,
    /// Its replacement by something else in every field.
    pub replace: Write,
    /// Its deletion at [`at`]`(500)`.
    pub delete: Write,
    /// Its restoration at [`at`]`(600)`.
    pub restore: Write,
    /// What is held after its creation.
    pub created: Value,
    /// What is held after its replacement.
    pub replaced: Value,
    find: for<'a> fn(&'a dyn StoragePort, Uuid) -> BoxFuture<'a, Option<Value>>,
}

impl SomeRow {
    fn of<E: Sample>(id: Uuid, moment: i64) -> Self {
        let row = with(&E::full(), |row| {
            row.set_id(id);
            row.meta_mut().created_at = at(moment);
            row.meta_mut().updated_at = at(moment);
        });
        let (changed, expect) = (row.changed(), Expect::Any);
        let broken = with(&row, |row| {
            if let Some((_, fault)) = E::faults().first() {
                fault(row, ());
            }
        });
        Self {
            kind: E::KIND,
            id,
            create: E::write(Change::Create(row.clone())),
            create_broken: E::write(Change::Create(broken)),
            replace: E::write(Change::Replace { entity: changed.clone(), expect }),
            delete: E::write(Change::Delete { id: id.into(), expect, at: at(500) }),
            restore: E::write(Change::Restore { id: id.into(), expect, at: at(600) }),
            created: json!(row),
            replaced: json!(at_revision(&changed, 2)),
            find: |storage, id| Box::pin(async move { held::<E>(storage, id.into()).await.map(|row| json!(row)) }),
        }
    }

    /// What is held of it, live or soft-deleted.
    pub async fn held(&self, storage: &dyn StoragePort) -> Option<Value> {
        (self.find)(storage, self.id).await
    }
}

/// A row of each kind, with an id from `id`.
#[must_use]
pub fn one_of_each(id: impl Fn() -> Uuid) -> Vec<SomeRow> {
    let rows = every_kind!(Row => SomeRow::of::<Row> as fn(Uuid, i64) -> SomeRow);
    (0..).zip(rows).map(|(moment, row)| row(id(), moment)).collect()
}
