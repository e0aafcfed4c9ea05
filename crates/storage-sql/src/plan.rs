//! The writes of a transaction as statements, and what their answers mean.

use crate::{
    dialect::Dialect,
    fault::Fault,
    session::{Session, Statement},
    table::{Table, own_values, written_columns},
    value::{Column, Row, Unreadable, Value},
};
use character_domain::{Meta, Revision, Timestamp};
use character_storage_port::{
    Applied, COMMIT, Change, Entity, EntityKind, ErrorKind, Expect, Result, RowChange, Scope, StorageError,
    Transaction, for_write,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};
use uuid::Uuid;

mod update_text;

use update_text::{Lifecycle, Old, UpdateText};

/// The statements of a transaction's writes, in the order in which every transaction touches rows: first creates,
/// then the rest, each by kind and id. A common order keeps concurrent transactions from waiting in a circle.
pub(crate) struct Plan {
    dialect: Dialect,
    creates: BTreeMap<EntityKind, Creates>,
    updates: Vec<Update>,
    writes: usize,
}

struct Creates {
    columns: Vec<Column>,
    rows: Vec<NewRow>,
}

struct NewRow {
    id: Uuid,
    /// Its place among the transaction's writes.
    index: usize,
    meta: Meta,
    owners: Vec<Scope>,
    values: Vec<Value>,
}

struct Update {
    row: (EntityKind, Uuid),
    /// Its place among the transaction's writes.
    index: usize,
    expect: Expect,
    from: Lifecycle,
    /// The columns that name the owners.
    owners: &'static [&'static str],
    /// The owners in the new state, when the change carries one.
    after: Option<Vec<Scope>>,
    /// The columns of the new state, when the change carries one.
    columns: &'static [Column],
    /// Whether a statement in front of the update compares the row before the change with it, because the update cannot return that.
    is_compared: bool,
    statements: Vec<Statement>,
}

impl Plan {
    pub(crate) fn of(transaction: &Transaction, dialect: Dialect) -> Result<Self, Fault> {
        let (creates, updates) = (BTreeMap::new(), Vec::new());
        let mut plan = Self { dialect, creates, updates, writes: transaction.writes.len() };
        for (index, write) in transaction.writes.iter().enumerate() {
            for_write!(write, change => plan.add(index, change))?;
        }
        for creates in plan.creates.values_mut() {
            creates.rows.sort_by_key(|row| row.id);
        }
        plan.updates.sort_by_key(|update| update.row);
        Ok(plan)
    }

    fn add<E: Table>(&mut self, index: usize, change: &Change<E>) -> Result<(), Fault> {
        let id: Uuid = change.id().into();
        let mut update = UpdateText::new(id);
        let (expect, from) = match change {
            Change::Create(entity) | Change::Import(entity) => {
                let meta = stored_first(entity.meta(), change.first_revision().unwrap_or(Revision::FIRST));
                let mut values = vec![
                    Value::Uuid(id),
                    Value::revision(meta.revision),
                    Value::time(meta.created_at),
                    Value::time(meta.updated_at),
                    Value::or_null(meta.deleted_at.map(Value::time)),
                ];
                values.extend(own_values(entity)?.into_iter().map(|(_, value)| value));
                let creates = self.creates.entry(E::KIND);
                let creates = creates.or_insert_with(|| Creates { columns: written_columns::<E>(), rows: Vec::new() });
                creates.rows.push(NewRow { id, index, meta, owners: entity.owners(), values });
                return Ok(());
            }
            Change::Replace { entity, expect } => {
                update.set_all(entity)?;
                (*expect, Lifecycle::Live)
            }
            Change::Revive { entity, expect } => {
                update.set_all(entity)?;
                update.set("deleted_at", Value::Null);
                (*expect, Lifecycle::Deleted)
            }
            Change::Delete { expect, at, .. } => {
                update.set("updated_at", Value::time(*at));
                update.set("deleted_at", Value::time(*at));
                (*expect, Lifecycle::Live)
            }
            Change::Restore { expect, at, .. } => {
                update.set("updated_at", Value::time(*at));
                update.set("deleted_at", Value::Null);
                (*expect, Lifecycle::Deleted)
            }
        };
        let (table, owners) = (E::KIND.collection(), E::OWNERS);
        let after = change.entity().map(Entity::owners);
        let old = match (self.dialect, &after) {
            // SQLite returns only what a row has become, so what it was must be read before.
            (Dialect::Sqlite, Some(_)) => Old::ReadBefore,
            (Dialect::Postgres, Some(_)) => Old::Joined,
            (_, None) => Old::Unchanged,
        };
        let columns = if after.is_some() { E::COLUMNS } else { &[] };
        let is_compared = old == Old::ReadBefore;
        let mut statements = Vec::with_capacity(2);
        statements.extend(is_compared.then(|| update.comparison(table, owners, columns)));
        statements.push(update.statement(table, from, expect, owners, columns, old));
        let row = (E::KIND, id);
        self.updates.push(Update { row, index, expect, from, owners, after, columns, is_compared, statements });
        Ok(())
    }

    /// The number of its writes. Each returns a row when it was made.
    pub(crate) fn writes(&self) -> usize {
        self.writes
    }

    /// First the inserts, then the updates, each with what must be read before it.
    pub(crate) fn take_statements(&mut self, dialect: Dialect) -> Vec<Statement> {
        let mut statements = Vec::with_capacity(self.creates.len() + 2 * self.updates.len());
        for (kind, creates) in &mut self.creates {
            let rows = creates.rows.iter_mut().map(|row| std::mem::take(&mut row.values)).collect();
            statements.extend(dialect.insert(kind.collection(), &creates.columns, "id", rows));
        }
        for update in &mut self.updates {
            statements.append(&mut update.statements);
        }
        statements
    }

    /// What was written, and what the log tells of it, in the order of the writes; or the refusal of the first write that
    /// cannot be made.
    pub(crate) async fn judge<S: Session>(
        self,
        session: &mut S,
        mut answers: Vec<Vec<Row>>,
    ) -> Result<(Vec<Meta>, Vec<RowChange>), Fault> {
        let mut written: BTreeMap<usize, (Meta, RowChange)> = BTreeMap::new();
        let mut refused: BTreeMap<usize, StorageError> = BTreeMap::new();
        let of_updates: usize = self.updates.iter().map(|update| 1 + usize::from(update.is_compared)).sum();
        let updated = answers.split_off(answers.len().saturating_sub(of_updates));
        let new = answers.into_iter().flatten().map(|mut row| row.read()).collect::<Result<HashSet<Uuid>, _>>()?;
        for (kind, creates) in self.creates {
            for NewRow { id, index, meta, owners: after, .. } in creates.rows {
                if new.contains(&id) {
                    let change =
                        RowChange { kind, id, revision: meta.revision, before: Vec::new(), after, changed: Vec::new() };
                    written.insert(index, (meta, change));
                } else {
                    let error = StorageError::new(ErrorKind::AlreadyExists, COMMIT).with_entity(kind, id);
                    refused.insert(index, error);
                }
            }
        }
        let mut missed = Vec::new();
        let mut updated = updated.into_iter();
        let mut answer = || updated.next().and_then(|rows| rows.into_iter().next());
        for update in self.updates {
            let compared = update.is_compared.then(&mut answer);
            match answer() {
                Some(mut row) => {
                    let meta = row.read_meta()?;
                    let mut row = compared.flatten().unwrap_or(row);
                    let before = read_owners(update.owners, &mut row)?;
                    let changed = read_changed(update.columns, &mut row)?;
                    let after = update.after.unwrap_or_else(|| before.clone());
                    let (kind, id) = update.row;
                    let change = RowChange { kind, id, revision: meta.revision, before, after, changed };
                    written.insert(update.index, (meta, change));
                }
                None => missed.push(update),
            }
        }
        if !missed.is_empty() {
            let reads: Vec<Statement> = missed.iter().map(Update::current).collect();
            for (update, rows) in missed.into_iter().zip(session.query_all(&reads).await?) {
                refused.insert(update.index, update.refusal(rows)?);
            }
        }
        match refused.into_values().next() {
            Some(error) => Err(error.into()),
            None if written.len() == self.writes => Ok(written.into_values().unzip()),
            None => Err(StorageError::new(ErrorKind::Corrupt, COMMIT)
                .with_applied(Applied::No)
                .with_detail("the database did not answer every write")
                .into()),
        }
    }
}

impl Update {
    fn current(&self) -> Statement {
        let sql = format!("SELECT revision, deleted_at FROM {} WHERE id = $1", self.row.0.collection());
        Statement::new(sql, vec![self.row.1.into()])
    }

    /// Why the row was not updated.
    fn refusal(&self, rows: Vec<Row>) -> Result<StorageError, Fault> {
        let (kind, id) = self.row;
        let error = |reason| Ok(StorageError::new(reason, COMMIT).with_entity(kind, id));
        let Some(mut row) = rows.into_iter().next() else {
            return error(ErrorKind::NotFound);
        };
        let (actual, deleted_at) = (row.read::<Revision>()?, row.read::<Option<Timestamp>>()?);
        match (self.expect, self.from, deleted_at) {
            (Expect::Revision(expected), ..) if expected != actual => error(ErrorKind::Conflict { expected, actual }),
            (_, Lifecycle::Deleted, None) => error(ErrorKind::AlreadyExists),
            (_, Lifecycle::Live, Some(_)) => error(ErrorKind::NotFound),
            _ => Err(Fault::concurrent("the row changed between the update and its inspection")),
        }
    }
}

/// The block of a row that was absent: the revision of its first state, and the times as given.
fn stored_first(given: &Meta, revision: Revision) -> Meta {
    Meta { revision, ..*given }
}

fn read_owners(columns: &[&'static str], row: &mut Row) -> Result<Vec<Scope>, Unreadable> {
    let mut owners = Vec::with_capacity(columns.len());
    for column in columns {
        owners.extend(row.read::<Option<Uuid>>()?.map(|owner| Scope::Owner(column, owner)));
    }
    Ok(owners)
}

/// Reads which columns a statement of [`UpdateText`] found to change.
fn read_changed(columns: &'static [Column], row: &mut Row) -> Result<Vec<Cow<'static, str>>, Unreadable> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let found: String = row.read()?;
    let found: HashSet<&str> = found.split_terminator(',').collect();
    let mut changed: Vec<_> = columns.iter().map(|column| column.name).filter(|name| found.contains(name)).collect();
    changed.sort_unstable();
    Ok(changed.into_iter().map(Cow::Borrowed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::every_kind;

    #[test]
    fn every_owner_is_a_column_of_its_table() {
        fn missing<E: Table>() -> Vec<String> {
            let is_column = |owner: &&&str| E::COLUMNS.iter().any(|column| column.name == **owner);
            let missing = E::OWNERS.iter().filter(|owner| !is_column(owner));
            missing.map(|owner| format!("{}.{owner}", E::KIND)).collect()
        }
        assert_eq!(every_kind!(Row => missing::<Row>()).concat(), Vec::<String>::new());
    }
}
