//! The reference adapter: everything in memory, nothing kept.

use crate::{
    COMMIT, Change, Commit, Committed, Cursor, Deleted, Entity, EntityKind, ErrorKind, EventId, Expect, Fingerprint,
    MAX_TRANSACTIONS, Outbox, OutboxEvent, Page, PageBuilder, PageRequest, Probe, Query, Read, Result, Snapshot,
    SnapshotItem, SnapshotStream, Start, StorageError, Store, Transaction, TransactionId, check_list, every_kind,
    for_write,
};
use async_trait::async_trait;
use character_domain::{CharacterId, Meta, Revision, Violations};
use futures_util::stream;
use std::{
    any::Any,
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// Keeps everything in memory. The reference for what the port's words mean, the fake for tests, and small
/// enough to be read as a specification.
#[derive(Debug, Default, Clone)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
}

type Row = Arc<dyn Any + Send + Sync>;

#[derive(Debug, Default)]
struct State {
    rows: HashMap<(EntityKind, Uuid), Row>,
    transactions: HashMap<TransactionId, (Fingerprint, Committed)>,
    outbox: BTreeMap<u64, Waiting>,
    last_position: u64,
}

#[derive(Debug)]
struct Waiting {
    event: crate::DomainEvent,
    leased_until: Option<Instant>,
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

    fn apply<E: Entity>(&self, change: &Change<E>) -> Result<(Meta, Row)> {
        let error = |kind| StorageError::new(kind, COMMIT).with_entity(E::KIND, change.id());
        let (current, expect) = match (change, self.row::<E>(change.id())) {
            (Change::Create(entity) | Change::Import(entity), None) => {
                let mut created = entity.clone();
                created.meta_mut().revision = change.first_revision().unwrap_or(Revision::FIRST);
                return Ok((*created.meta(), Arc::new(created)));
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
        Ok((*next.meta(), Arc::new(next)))
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
        let mut rows = Vec::with_capacity(transaction.writes.len());
        for write in &transaction.writes {
            let (meta, row) = for_write!(write, change => self.apply(change))?;
            written.push(meta);
            rows.push((write.row(), row));
        }
        self.rows.extend(rows);
        for event in transaction.events {
            self.last_position += 1;
            self.outbox.insert(self.last_position, Waiting { event, leased_until: None });
        }
        let committed = Committed { id: transaction.id, written, answer: transaction.answer };
        self.transactions.insert(transaction.id, (fingerprint, committed.clone()));
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
}

#[async_trait]
impl Commit for MemoryStorage {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.state().commit(transaction)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        transactions.into_iter().map(|transaction| self.state().commit(transaction)).collect()
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

/// Refuses a claim outside 1 to 1000.
///
/// # Errors
/// `Invalid`.
pub fn check_claim(limit: usize) -> Result<()> {
    if (1..=1000).contains(&limit) {
        return Ok(());
    }
    Err(StorageError::invalid(Violations::one("limit", "must be from 1 to 1000"), "outbox.claim"))
}

#[async_trait]
impl Outbox for MemoryStorage {
    async fn claim(&self, limit: usize, lease: Duration) -> Result<Vec<OutboxEvent>> {
        check_claim(limit)?;
        let now = Instant::now();
        let mut state = self.state();
        let leased = |waiting: &Waiting| waiting.leased_until.is_some_and(|until| until > now);
        let busy: HashSet<CharacterId> = state.outbox.values().filter(|w| leased(w)).map(|w| w.event.subject).collect();
        let free = state.outbox.iter_mut().filter(|(_, waiting)| !busy.contains(&waiting.event.subject));
        // A lease beyond what the clock can count is as good as one of a century.
        let until = now.checked_add(lease).unwrap_or(now + Duration::from_secs(100 * 365 * 86_400));
        Ok(free
            .take(limit)
            .map(|(position, waiting)| {
                waiting.leased_until = Some(until);
                OutboxEvent { position: *position, event: waiting.event.clone() }
            })
            .collect())
    }

    async fn acknowledge(&self, ids: &[EventId]) -> Result<()> {
        let ids: HashSet<_> = ids.iter().collect();
        self.state().outbox.retain(|_, waiting| !ids.contains(&waiting.event.id));
        Ok(())
    }
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
