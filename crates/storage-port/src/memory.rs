//! The reference adapter: everything in memory, nothing kept.

use crate::{
    COMMIT, Change, Commit, Committed, Cursor, Deleted, Entity, EntityKind, ErrorKind, Expect, Fingerprint,
    MAX_TRANSACTIONS, Page, PageBuilder, PageRequest, Probe, Query, Read, Result, RowChange, Snapshot, SnapshotItem,
    SnapshotStream, Start, StorageError, Store, Transaction, TransactionId, changed_fields, check_count, check_list,
    every_kind, for_write,
};
use async_trait::async_trait;
use character_domain::{Meta, Revision, Violations};
use futures_util::stream;
use log::MemoryLog;
use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use uuid::Uuid;

mod consumers;
mod log;

/// Keeps everything in memory. The reference for what the port's words mean, the fake for tests, and small
/// enough to be read as a specification.
#[derive(Debug, Default, Clone)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
    /// Wakes followers after a commit.
    committed: Arc<Notify>,
}

type Row = Arc<dyn Any + Send + Sync>;

#[derive(Debug, Default)]
struct State {
    rows: HashMap<(EntityKind, Uuid), Row>,
    transactions: HashMap<TransactionId, (Fingerprint, Committed)>,
    log: MemoryLog,
    consumers: consumers::MemoryConsumers,
}

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held cannot leave half a commit: the new rows are put in at the end.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn row<E: Entity>(&self, id: E::Id) -> Option<&E> {
        self.rows.get(&(E::KIND, id.into()))?.downcast_ref()
    }

    fn apply<E: Entity>(&self, change: &Change<E>) -> Result<(RowChange, Meta, Row)> {
        let next = self.next_state(change)?;
        let current = self.row::<E>(next.id());
        let changed = current.map(|current| changed_fields(current, &next)).transpose();
        let changed = changed.map_err(|error| {
            StorageError::new(ErrorKind::Corrupt, COMMIT).with_entity(E::KIND, next.id()).with_source(error)
        })?;
        let told = RowChange {
            kind: E::KIND,
            id: next.id().into(),
            revision: next.meta().revision,
            before: current.map(E::owners).unwrap_or_default(),
            after: next.owners(),
            changed: changed.unwrap_or_default(),
        };
        Ok((told, *next.meta(), Arc::new(next)))
    }

    fn next_state<E: Entity>(&self, change: &Change<E>) -> Result<E> {
        let error = |kind| StorageError::new(kind, COMMIT).with_entity(E::KIND, change.id());
        let (current, expect) = match (change, self.row::<E>(change.id())) {
            (Change::Create(entity) | Change::Import(entity), None) => {
                let mut created = entity.clone();
                created.meta_mut().revision = change.first_revision().unwrap_or(Revision::FIRST);
                return Ok(created);
            }
            (Change::Create(_) | Change::Import(_), Some(_)) => return Err(error(ErrorKind::AlreadyExists)),
            (_, None) => return Err(error(ErrorKind::NotFound)),
            (
                Change::Replace { expect, .. }
                | Change::Delete { expect, .. }
                | Change::Restore { expect, .. }
                | Change::Revive { expect, .. },
                Some(row),
            ) => (row, *expect),
        };
        let actual = current.meta().revision;
        if let Expect::Revision(expected) = expect
            && expected != actual
        {
            return Err(error(ErrorKind::Conflict { expected, actual }));
        }
        let restore = matches!(change, Change::Restore { .. } | Change::Revive { .. });
        match (restore, current.meta().is_deleted()) {
            (true, false) => return Err(error(ErrorKind::AlreadyExists)),
            (false, true) => return Err(error(ErrorKind::NotFound)),
            _ => {}
        }
        let mut next = change.entity().unwrap_or(current).clone();
        let (updated_at, deleted_at) = match change {
            Change::Create(_) | Change::Import(_) | Change::Replace { .. } | Change::Revive { .. } => {
                (next.meta().updated_at, None)
            }
            Change::Delete { at, .. } => (*at, Some(*at)),
            Change::Restore { at, .. } => (*at, None),
        };
        let created_at = current.meta().created_at;
        *next.meta_mut() = Meta { revision: actual.next(), created_at, updated_at, deleted_at };
        Ok(next)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<Committed> {
        transaction.check()?;
        let fingerprint = transaction.fingerprint();
        if let Some((first, committed)) = self.transactions.get(&transaction.id) {
            return if *first == fingerprint {
                Ok(committed.clone())
            } else {
                Err(StorageError::new(ErrorKind::TransactionReused, COMMIT))
            };
        }
        let mut written = Vec::with_capacity(transaction.writes.len());
        let (mut rows, mut changes) = (Vec::new(), Vec::with_capacity(transaction.writes.len()));
        for write in &transaction.writes {
            let (told, meta, row) = for_write!(write, change => self.apply(change))?;
            written.push(meta);
            changes.push(told);
            rows.push((write.row(), row));
        }
        self.rows.extend(rows);
        let Transaction { id, events, answer, traceparent, .. } = transaction;
        let tick = self.log.append(id, changes.clone(), events, traceparent);
        let committed = Committed { id, tick, written, changes, answer };
        self.transactions.insert(id, (fingerprint, committed.clone()));
        Ok(committed)
    }
}

#[async_trait]
impl<E: Entity> Store<E> for MemoryStorage {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let found = self.state().row::<E>(id).cloned();
        Ok(Read::origin(found.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted())))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        let mut matching: Vec<(Cursor, E)> = {
            let state = self.state();
            let rows = state.rows.values().filter_map(|row| row.downcast_ref::<E>());
            let rows = rows.filter(|row| query.matches(row));
            rows.map(|row| (Cursor::of(row, query.order()), row.clone())).collect()
        };
        matching.sort_by(|(one, _), (other, _)| one.compare(other));
        let skipped = match &page.start {
            Start::First => 0,
            Start::Offset(rows) => *rows as usize,
            Start::After(cursor) => matching.partition_point(|(place, _)| place.compare(cursor).is_le()),
        };
        let mut answer = PageBuilder::new(query, page.limit);
        for (_, row) in matching.into_iter().skip(skipped) {
            if !answer.push(row) {
                break;
            }
        }
        Ok(Read::origin(answer.finish()))
    }

    async fn count(&self, query: &E::Query) -> Result<u64> {
        check_count::<E>(query)?;
        let state = self.state();
        let rows = state.rows.values().filter_map(|row| row.downcast_ref::<E>());
        Ok(rows.filter(|row| query.matches(row)).count().try_into().unwrap_or(u64::MAX))
    }
}

#[async_trait]
impl Commit for MemoryStorage {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let committed = self.state().commit(transaction)?;
        self.committed.notify_waiters();
        Ok(committed)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let outcomes = transactions.into_iter().map(|transaction| self.state().commit(transaction)).collect();
        self.committed.notify_waiters();
        outcomes
    }
}

/// Refuses a `commit_each` of more than [`MAX_TRANSACTIONS`].
///
/// # Errors
/// `Invalid`.
pub fn check_batch(transactions: &[Transaction]) -> Result<()> {
    if transactions.len() <= MAX_TRANSACTIONS {
        return Ok(());
    }
    let reason = format!("must not be more than {MAX_TRANSACTIONS}");
    Err(StorageError::invalid(Violations::one("transactions", reason), COMMIT))
}

#[async_trait]
impl Snapshot for MemoryStorage {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        fn held<E: Entity>(state: &State) -> Vec<SnapshotItem> {
            let mut rows: Vec<E> = state.rows.values().filter_map(|row| row.downcast_ref::<E>()).cloned().collect();
            rows.sort_by_key(|row| row.id().into());
            rows.into_iter().map(|row| SnapshotItem::Row(row.into_row())).collect()
        }
        let state = self.state();
        let rows = every_kind!(Row => held::<Row>(&state)).into_iter().flatten();
        Ok(Box::pin(stream::iter(rows.map(Ok).collect::<Vec<_>>())))
    }
}

#[async_trait]
impl Probe for MemoryStorage {
    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}
