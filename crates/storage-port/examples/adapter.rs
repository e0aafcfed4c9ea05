//! A whole adapter, small enough to read: it keeps every row as JSON text in a map. It leaves consumers and snapshots out,
//! and says so; the suite would find that, too.
#![expect(clippy::unwrap_used, reason = "an example: a poisoned lock is its end")]

use async_trait::async_trait;
use character_domain::{Character, Meta, Revision, json};
use character_storage_port::*;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Debug)]
struct TextStorage {
    state: Mutex<State>,
    epoch: Epoch,
    committed: Notify,
}

#[derive(Debug, Default, Clone)]
struct State {
    rows: BTreeMap<(EntityKind, Uuid), String>,
    transactions: HashMap<TransactionId, (Fingerprint, Committed)>,
    log: Vec<Arc<LoggedCommit>>,
}

impl State {
    fn read<E: Entity>(&self, id: Uuid) -> Result<Option<E>> {
        let unreadable = |error| StorageError::new(ErrorKind::Corrupt, E::FIND).with_source(error);
        self.rows.get(&(E::KIND, id)).map(|text| json::parse(text.as_bytes()).map_err(unreadable)).transpose()
    }

    fn write<E: Entity>(&mut self, mut row: E, meta: Meta) -> Meta {
        let Meta { revision, created_at, updated_at, deleted_at } = meta;
        let meta = Meta { revision, created_at, updated_at, deleted_at };
        *row.meta_mut() = meta;
        self.rows.insert((E::KIND, row.id().into()), serde_json::json!(row).to_string());
        meta
    }

    /// What the change did, and the new times of the row.
    fn told<E: Entity>(&mut self, change: Change<E>) -> Result<(RowChange, Meta)> {
        let (kind, id) = (E::KIND, change.id().into());
        let before = self.read::<E>(id)?;
        let meta = self.apply(change)?;
        let after = self.read::<E>(id)?;
        let unreadable = |error| StorageError::new(ErrorKind::Corrupt, COMMIT).with_source(error);
        let changed = match (&before, &after) {
            (Some(before), Some(after)) => changed_fields(before, after).map_err(unreadable)?,
            _ => Vec::new(),
        };
        let owners = |row: Option<E>| row.as_ref().map(E::owners).unwrap_or_default();
        let (before, after) = (owners(before), owners(after));
        Ok((RowChange { kind, id, revision: meta.revision, before, after, changed }, meta))
    }

    fn apply<E: Entity>(&mut self, change: Change<E>) -> Result<Meta> {
        let refuse = |kind| Err(StorageError::new(kind, COMMIT).with_entity(E::KIND, change.id()));
        let (change, current) = match (change.clone(), self.read::<E>(change.id().into())?) {
            (Change::Create(row), None) => {
                let meta = Meta { revision: Revision::FIRST, ..*row.meta() };
                return Ok(self.write(row, meta));
            }
            (Change::Import(row), None) => {
                let meta = *row.meta();
                return Ok(self.write(row, meta));
            }
            (Change::Create(_) | Change::Import(_), Some(_)) => return refuse(ErrorKind::AlreadyExists),
            (_, None) => return refuse(ErrorKind::NotFound),
            (change, Some(current)) => (change, current),
        };
        let actual = current.meta().revision;
        match change.expect() {
            Some(Expect::Revision(expected)) if expected != actual => {
                return refuse(ErrorKind::Conflict { expected, actual });
            }
            _ => {}
        }
        let meta = Meta { revision: actual.next(), ..*current.meta() };
        match (change, current.meta().is_deleted()) {
            (Change::Replace { entity, .. }, false) => {
                let meta = Meta { updated_at: entity.meta().updated_at, ..meta };
                Ok(self.write(entity, meta))
            }
            (Change::Delete { at, .. }, false) => {
                Ok(self.write(current, Meta { updated_at: at, deleted_at: Some(at), ..meta }))
            }
            (Change::Restore { at, .. }, true) => {
                Ok(self.write(current, Meta { updated_at: at, deleted_at: None, ..meta }))
            }
            (Change::Revive { entity, .. }, true) => {
                let meta = Meta { updated_at: entity.meta().updated_at, deleted_at: None, ..meta };
                Ok(self.write(entity, meta))
            }
            (Change::Restore { .. } | Change::Revive { .. }, false) => refuse(ErrorKind::AlreadyExists),
            (_, _) => refuse(ErrorKind::NotFound),
        }
    }
}

#[async_trait]
impl<E: Entity> Store<E> for TextStorage {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let found: Option<E> = self.state.lock().unwrap().read(id.into())?;
        Ok(Read::origin(found.filter(|row| deleted == Deleted::Include || !row.meta().is_deleted())))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        let state = self.state.lock().unwrap().clone();
        let ids = state.rows.keys().filter(|(kind, _)| *kind == E::KIND);
        let rows: Result<Vec<Option<E>>> = ids.map(|(_, id)| state.read(*id)).collect();
        let mut rows: Vec<E> = rows?.into_iter().flatten().filter(|row| query.matches(row)).collect();
        let place = |row: &E| Cursor::of(row, query.order());
        rows.sort_by(|one, other| place(one).compare(&place(other)));
        let from = match &page.start {
            Start::First => 0,
            Start::Offset(rows) => *rows as usize,
            Start::After(cursor) => rows.partition_point(|row| place(row).compare(cursor).is_le()),
        };
        let mut answer = PageBuilder::new(query, page.limit);
        for row in rows.into_iter().skip(from) {
            if !answer.push(row) {
                break;
            }
        }
        Ok(Read::origin(answer.finish()))
    }
}

#[async_trait]
impl Commit for TextStorage {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        transaction.check()?;
        let fingerprint = transaction.fingerprint();
        let mut state = self.state.lock().unwrap();
        match state.transactions.get(&transaction.id) {
            Some((first, committed)) if *first == fingerprint => return Ok(committed.clone()),
            Some(_) => return Err(StorageError::new(ErrorKind::TransactionReused, COMMIT)),
            None => {}
        }
        // All or nothing: work on a copy, and put it in place when every write has been judged.
        let mut next = state.clone();
        let (mut changes, mut written) = (Vec::new(), Vec::new());
        for write in transaction.writes {
            let (change, meta) = for_write!(write, change => next.told(change))?;
            changes.push(change);
            written.push(meta);
        }
        // With one lock around every commit, a number is a tick. Where commits overlap, it is not: see `Log`.
        let Transaction { id, events, answer, traceparent, .. } = transaction;
        let (tick, committed_at) = (Tick(next.log.len() as u64 + 1), character_domain::now());
        let committed = Committed { id, tick, written, changes: changes.clone(), answer };
        let entry = LoggedCommit { tick, transaction: id, committed_at, rows: Some(changes), events, traceparent };
        next.log.push(Arc::new(entry));
        next.transactions.insert(id, (fingerprint, committed.clone()));
        *state = next;
        self.committed.notify_waiters();
        Ok(committed)
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes = Vec::new();
        for transaction in transactions {
            outcomes.push(self.commit(transaction).await);
        }
        outcomes
    }
}

#[async_trait]
impl Log for TextStorage {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        check_follow(limit)?;
        let gone = || StorageError::new(ErrorKind::Gone, FOLLOW);
        let told: usize = after.place().parse().map_err(|_| gone())?;
        let deadline = tokio::time::Instant::now() + wait.min(MAX_FOLLOW_WAIT);
        loop {
            // Enabled before the log is read, so that no commit falls between.
            let mut committed = std::pin::pin!(self.committed.notified());
            committed.as_mut().enable();
            let log = self.state.lock().unwrap().log.clone();
            if after.epoch() != self.epoch || told > log.len() {
                return Err(gone());
            }
            let commits: Vec<_> = log.iter().skip(told).take(limit).cloned().collect();
            let told = told + commits.len();
            let batch = LogBatch {
                next: LogCursor::new(self.epoch, &told),
                settled: Tick(told as u64 + 1),
                ceiling: Tick(told as u64 + 1),
                more: told < log.len(),
                commits,
            };
            if !batch.commits.is_empty() || tokio::time::timeout_at(deadline, committed).await.is_err() {
                return Ok(batch);
            }
        }
    }

    async fn head(&self) -> Result<LogCursor> {
        Ok(LogCursor::new(self.epoch, &self.state.lock().unwrap().log.len()))
    }
}

// Every method of the consumers fails as `Unsupported` here.
#[async_trait]
impl Consumers for TextStorage {
    async fn lease(&self, _: &ConsumerName, _: HolderId, _: Duration) -> Result<Option<Leased>> {
        Err(StorageError::new(ErrorKind::Unsupported, LEASE))
    }
    async fn advance(&self, _: &LeaseToken, _: &LogCursor) -> Result<()> {
        Err(StorageError::new(ErrorKind::Unsupported, ADVANCE))
    }
    async fn release(&self, _: &LeaseToken) -> Result<()> {
        Err(StorageError::new(ErrorKind::Unsupported, RELEASE))
    }
    async fn park(&self, _: &LeaseToken, _: &DomainEvent, _: &str) -> Result<()> {
        Err(StorageError::new(ErrorKind::Unsupported, PARK))
    }
    async fn parked(&self, _: &ConsumerName, _: Option<EventId>, _: usize) -> Result<Vec<ParkedEvent>> {
        Err(StorageError::new(ErrorKind::Unsupported, PARKED))
    }
    async fn unpark(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> {
        Err(StorageError::new(ErrorKind::Unsupported, UNPARK))
    }
    async fn discard(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> {
        Err(StorageError::new(ErrorKind::Unsupported, DISCARD))
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        Err(StorageError::new(ErrorKind::Unsupported, CONSUMERS))
    }
}

#[async_trait]
impl Snapshot for TextStorage {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        Err(StorageError::new(ErrorKind::Unsupported, SNAPSHOT))
    }
}

#[async_trait]
impl Probe for TextStorage {
    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (state, epoch, committed) = (Mutex::default(), Epoch::new(), Notify::new());
    let storage: Box<dyn StoragePort> = Box::new(TextStorage { state, epoch, committed });
    let user = character_domain::UserId::new();
    let hero = storage.create_character(Character::new(user, "Torormir", character_domain::now())).await?;
    storage.delete_character(hero.id, Expect::Any).await?;
    assert_eq!(storage.restore_character(hero.id, Expect::Any).await?.revision, Revision(3));
    assert_eq!(storage.get_character(hero.id).await?.value.name, "Torormir");
    Ok(())
}
