//! Commits: one semantics for both engines.

use crate::{
    dialect::Dialect,
    fault::{Cause, Fault, corrupt},
    session::{Session, Statement, Work},
    table::{Table, own_values, written_columns},
    value::{Column, ColumnType, Row, Value},
};
use character_domain::{Meta, Revision, Timestamp, json};
use character_storage_port::{
    Applied, COMMIT, Change, Committed, DomainEvent, EntityKind, ErrorKind, Expect, Fingerprint, Result, StorageError,
    Transaction, Write, for_write,
};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

const EVENT_COLUMNS: [Column; 3] = [
    Column::new("event_id", ColumnType::Uuid),
    Column::new("subject", ColumnType::Uuid),
    Column::new("event", ColumnType::Text),
];
const SAVE: &str = "SAVEPOINT item";
const UNDO: &str = "ROLLBACK TO SAVEPOINT item";
const RELEASE: &str = "RELEASE SAVEPOINT item";

/// A transaction that passed its checks.
pub(crate) struct Checked {
    transaction: Transaction,
    fingerprint: Fingerprint,
}

impl Checked {
    pub(crate) fn new(transaction: Transaction) -> Result<Self> {
        transaction.check()?;
        let fingerprint = transaction.fingerprint();
        if fingerprint.0.contains('\0') {
            let violations = character_domain::Violations::one("fingerprint", "must not contain the character U+0000");
            return Err(StorageError::invalid(violations, COMMIT));
        }
        Ok(Self { transaction, fingerprint })
    }

    /// The rows and subjects over which it may race with others. Nobody else can know of a row that it creates, and
    /// an import that locked its thousands of new rows would hold up everybody.
    fn contended(&self) -> Vec<Uuid> {
        let Transaction { writes, events, .. } = &self.transaction;
        let is_new = |write: &Write| for_write!(write, change => change.first_revision().is_some());
        let created: HashSet<Uuid> = writes.iter().filter(|write| is_new(write)).map(|write| write.row().1).collect();
        let rows = writes.iter().map(|write| write.row().1);
        rows.chain(events.iter().map(|event| event.subject.0)).filter(|id| !created.contains(id)).collect()
    }
}

/// The outcome of one transaction of a batch.
pub(crate) enum Outcome {
    /// It was applied now.
    Applied(Committed),
    /// It was applied before, or it is refused: nothing of it is to be kept.
    Judged(Result<Committed>),
}

impl Outcome {
    pub(crate) fn into_result(self) -> Result<Committed> {
        match self {
            Self::Applied(committed) => Ok(committed),
            Self::Judged(result) => result,
        }
    }
}

/// Applies transactions one after the other, each whole or not at all, to be made durable together.
pub(crate) struct CommitAll {
    pub(crate) items: Vec<Checked>,
}

impl Work for CommitAll {
    type Output = Vec<Outcome>;

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<Outcome>, Fault> {
        // Locked before any row, and for all items at once, so that batches and single commits cannot deadlock here.
        let subjects = self.items.iter().flat_map(Checked::contended);
        let mut prelude: Vec<Statement> = session.dialect().lock_subjects(subjects).into_iter().collect();
        let [item] = self.items.as_slice() else {
            let mut outcomes = Vec::with_capacity(self.items.len());
            for item in &self.items {
                let outcome = match apply(session, item, std::mem::take(&mut prelude), true).await {
                    Err(fault) if fault.cause() == Some(Cause::Broken) => {
                        Outcome::Judged(Err(fault.into_error(COMMIT, Applied::No)))
                    }
                    other => other?,
                };
                if let Outcome::Judged(_) = outcome {
                    session.query_all(&[Statement::new(UNDO, vec![]), Statement::new(RELEASE, vec![])]).await?;
                }
                outcomes.push(outcome);
            }
            return Ok(outcomes);
        };
        Ok(vec![apply(session, item, prelude, false).await?])
    }

    fn has_changes(outcomes: &Vec<Outcome>) -> bool {
        outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied(_)))
    }
}

async fn apply<S: Session>(
    session: &mut S,
    item: &Checked,
    prelude: Vec<Statement>,
    in_savepoint: bool,
) -> Result<Outcome, Fault> {
    let Checked { transaction, fingerprint } = item;
    let dialect = session.dialect();
    let plan = Plan::of(transaction)?;

    let mut statements = prelude;
    if in_savepoint {
        statements.push(Statement::new(SAVE, vec![]));
    }
    let before = statements.len();
    // Waits for a concurrent transaction with the same id. When the id turns out to be taken, the writes behind it
    // are undone: repeats are rare, and waiting for the answer here would cost everyone a round trip.
    statements.push(Statement::new(
        format!(
            "INSERT INTO transactions (id, fingerprint, committed_at) VALUES ($1, $2, {}) \
             ON CONFLICT DO NOTHING RETURNING id",
            dialect.now()
        ),
        vec![transaction.id.0.into(), Value::Text(fingerprint.0.clone())],
    ));
    let inserts = plan.insert_statements(dialect);
    let updates = statements.len() + inserts.len();
    statements.extend(inserts);
    statements.extend(plan.updates.iter().map(|update| update.statement.clone()));

    let mut results = session.query_all(&statements).await?;
    let updated = results.split_off(updates);
    let inserted = results.split_off(before + 1);
    if results.pop().is_none_or(|claimed| claimed.is_empty()) {
        return Ok(Outcome::Judged(repeated(session, item).await?));
    }
    let written = match plan.judge(session, inserted, updated).await {
        Ok(written) => written,
        Err(Fault::Refused(error)) => return Ok(Outcome::Judged(Err(error))),
        Err(fault) => return Err(fault),
    };

    let committed = Committed { id: transaction.id, written, answer: transaction.answer.clone() };
    let mut statements = event_statements(dialect, &transaction.events)?;
    let outcome = serde_json::to_string(&committed).map_err(|error| corrupt(COMMIT, error))?;
    statements.push(Statement::new(
        "UPDATE transactions SET outcome = $2 WHERE id = $1",
        vec![transaction.id.0.into(), Value::Text(outcome)],
    ));
    if in_savepoint {
        statements.push(Statement::new(RELEASE, vec![]));
    }
    session.query_all(&statements).await?;
    Ok(Outcome::Applied(committed))
}

/// The answer for an id that was committed before.
async fn repeated<S: Session>(session: &mut S, item: &Checked) -> Result<Result<Committed>, Fault> {
    let sql = "SELECT fingerprint, outcome FROM transactions WHERE id = $1";
    let rows = session.query(Statement::new(sql, vec![item.transaction.id.0.into()])).await?;
    let Some(mut row) = rows.into_iter().next() else {
        return Err(Fault::concurrent("the first commit of this transaction was forgotten meanwhile"));
    };
    if row.read::<String>()? != item.fingerprint.0 {
        return Ok(Err(StorageError::new(ErrorKind::TransactionReused, COMMIT)));
    }
    let outcome: String = row.read()?;
    Ok(json::parse(outcome.as_bytes()).map_err(|error| corrupt(COMMIT, error)))
}

fn event_statements(dialect: Dialect, events: &[DomainEvent]) -> Result<Vec<Statement>, Fault> {
    let row = |event: &DomainEvent| {
        let text = serde_json::to_string(event).map_err(|error| corrupt(COMMIT, error))?;
        Ok(vec![event.id.0.into(), event.subject.0.into(), Value::Text(text)])
    };
    let rows = events.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(dialect.insert("outbox", &EVENT_COLUMNS, "position", rows))
}

/// The statements of a transaction's writes, in the order in which every transaction touches rows: first creates,
/// then the rest, each by kind and id. A common order keeps concurrent transactions from waiting in a circle.
#[derive(Default)]
struct Plan {
    creates: BTreeMap<EntityKind, Creates>,
    updates: Vec<Update>,
    writes: usize,
}

struct Creates {
    columns: Vec<Column>,
    rows: Vec<(Uuid, usize, Meta, Vec<Value>)>,
}

struct Update {
    row: (EntityKind, Uuid),
    /// Its place among the transaction's writes.
    index: usize,
    expect: Expect,
    restores: bool,
    statement: Statement,
}

impl Plan {
    fn of(transaction: &Transaction) -> Result<Self, Fault> {
        let mut plan = Self { writes: transaction.writes.len(), ..Self::default() };
        for (index, write) in transaction.writes.iter().enumerate() {
            for_write!(write, change => plan.add(index, change))?;
        }
        for creates in plan.creates.values_mut() {
            creates.rows.sort_by_key(|(id, ..)| *id);
        }
        plan.updates.sort_by_key(|update| update.row);
        Ok(plan)
    }

    fn add<E: Table>(&mut self, index: usize, change: &Change<E>) -> Result<(), Fault> {
        let id: Uuid = change.id().into();
        let mut update = UpdateText::new(id);
        let (expect, restores) = match change {
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
                creates.rows.push((id, index, meta, values));
                return Ok(());
            }
            Change::Replace { entity, expect } => {
                update.set_all(entity)?;
                (*expect, false)
            }
            Change::Revive { entity, expect } => {
                update.set_all(entity)?;
                update.set("deleted_at", Value::Null);
                (*expect, true)
            }
            Change::Delete { expect, at, .. } => {
                update.set("updated_at", Value::time(*at));
                update.set("deleted_at", Value::time(*at));
                (*expect, false)
            }
            Change::Restore { expect, at, .. } => {
                update.set("updated_at", Value::time(*at));
                update.set("deleted_at", Value::Null);
                (*expect, true)
            }
        };
        let statement = update.statement(E::KIND.collection(), restores, expect);
        self.updates.push(Update { row: (E::KIND, id), index, expect, restores, statement });
        Ok(())
    }

    fn insert_statements(&self, dialect: Dialect) -> Vec<Statement> {
        let insert = |(kind, creates): (&EntityKind, &Creates)| {
            let rows = creates.rows.iter().map(|(.., values)| values.clone()).collect();
            dialect.insert(kind.collection(), &creates.columns, "id", rows)
        };
        self.creates.iter().flat_map(insert).collect()
    }

    /// What was written, in the order of the writes; or the refusal of the first write that cannot be made.
    async fn judge<S: Session>(
        self,
        session: &mut S,
        inserted: Vec<Vec<Row>>,
        updated: Vec<Vec<Row>>,
    ) -> Result<Vec<Meta>, Fault> {
        let mut written: BTreeMap<usize, Meta> = BTreeMap::new();
        let mut refused: BTreeMap<usize, StorageError> = BTreeMap::new();
        let new = inserted.into_iter().flatten().map(|mut row| row.read()).collect::<Result<HashSet<Uuid>, _>>()?;
        for (kind, creates) in self.creates {
            for (id, index, meta, _) in creates.rows {
                if new.contains(&id) {
                    written.insert(index, meta);
                } else {
                    let error = StorageError::new(ErrorKind::AlreadyExists, COMMIT).with_entity(kind, id);
                    refused.insert(index, error);
                }
            }
        }
        let mut missed = Vec::new();
        for (update, rows) in self.updates.into_iter().zip(updated) {
            match rows.into_iter().next() {
                Some(mut row) => {
                    written.insert(update.index, row.read_meta()?);
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
            None if written.len() == self.writes => Ok(written.into_values().collect()),
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
        match (self.expect, self.restores, deleted_at) {
            (Expect::Revision(expected), ..) if expected != actual => error(ErrorKind::Conflict { expected, actual }),
            (_, true, None) => error(ErrorKind::AlreadyExists),
            (_, false, Some(_)) => error(ErrorKind::NotFound),
            _ => Err(Fault::concurrent("the row changed between the update and the look at it")),
        }
    }
}

/// The block of a row that was absent: the revision of its first state, and the times as given.
fn stored_first(given: &Meta, revision: Revision) -> Meta {
    Meta { revision, ..*given }
}

/// An UPDATE of one row, in the making.
struct UpdateText {
    assignments: Vec<String>,
    parameters: Vec<Value>,
}

impl UpdateText {
    fn new(id: Uuid) -> Self {
        Self { assignments: vec!["revision = revision + 1".into()], parameters: vec![id.into()] }
    }

    fn set(&mut self, column: &str, value: Value) {
        self.parameters.push(value);
        self.assignments.push(format!("{column} = ${}", self.parameters.len()));
    }

    fn set_all<E: Table>(&mut self, entity: &E) -> Result<(), Fault> {
        for (column, value) in own_values(entity)? {
            self.set(column, value);
        }
        self.set("updated_at", Value::time(entity.meta().updated_at));
        Ok(())
    }

    fn statement(mut self, table: &str, restores: bool, expect: Expect) -> Statement {
        let state = if restores { "IS NOT NULL" } else { "IS NULL" };
        let mut revision = String::new();
        if let Expect::Revision(expected) = expect {
            self.parameters.push(Value::revision(expected));
            revision = format!(" AND revision = ${}", self.parameters.len());
        }
        let sql = format!(
            "UPDATE {table} SET {} WHERE id = $1 AND deleted_at {state}{revision} \
             RETURNING revision, created_at, updated_at, deleted_at",
            self.assignments.join(", ")
        );
        Statement::new(sql, self.parameters)
    }
}
