//! A storage that others use too, as if it held nothing but the rows that were created through this wrapper.

use async_trait::async_trait;
use character_domain::now;
use character_storage_port::{
    ADVANCE, CONSUMERS, Change, Commit, Committed, ConsumerName, ConsumerState, Consumers, DISCARD, Deleted,
    DomainEvent, Entity, EntityKind, ErrorKind, EventId, Expect, FOLLOW, HEAD, HolderId, LEASE, LeaseToken, Leased,
    Limit, Log, LogBatch, LogCursor, PARK, PARKED, Page, PageBuilder, PageRequest, ParkedEvent, Probe, RELEASE, Read,
    Result, Snapshot, SnapshotItem, SnapshotStream, Start, StorageError, StoragePort, Store, Transaction, UNPARK,
    Write, check_list, for_row, for_write,
};
use futures_util::StreamExt;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// The most rows that one transaction may leave behind on a storage of others.
const MOST_ROWS: usize = 1_200;

#[derive(Debug)]
pub(crate) struct OwnRows {
    inner: Arc<dyn StoragePort>,
    rows: Arc<Mutex<HashSet<(EntityKind, Uuid)>>>,
    deletions: Mutex<Vec<Write>>,
    needs_its_own: AtomicBool,
}

impl OwnRows {
    pub(crate) fn over(inner: Arc<dyn StoragePort>) -> Self {
        Self { inner, rows: Arc::default(), deletions: Mutex::default(), needs_its_own: AtomicBool::new(false) }
    }

    /// Whether something was asked for that others would notice, or that a second run would find there already.
    pub(crate) fn needs_a_storage_of_its_own(&self) -> bool {
        self.needs_its_own.load(Ordering::Relaxed)
    }

    /// Soft-deletes every row that was created here and is live.
    pub(crate) async fn clean(&self) -> std::result::Result<(), String> {
        let deletions = std::mem::take(&mut *lock(&self.deletions));
        let transactions = deletions.into_iter().map(|write| Transaction { writes: vec![write], ..Transaction::new() });
        let transactions: Vec<_> = transactions.collect();
        for some in transactions.chunks(500) {
            for outcome in self.inner.commit_each(some.to_vec()).await {
                match outcome {
                    Err(error) if *error.kind() != ErrorKind::NotFound => return Err(error.to_string()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn holds(&self, kind: EntityKind, id: Uuid) -> bool {
        lock(&self.rows).contains(&(kind, id))
    }

    fn refuse<T>(&self, operation: &'static str) -> Result<T> {
        self.needs_its_own.store(true, Ordering::Relaxed);
        Err(StorageError::new(ErrorKind::Unsupported, operation))
    }

    /// Notes the rows that a transaction may create. False when an id of it is not a random one.
    fn note(&self, transaction: &Transaction) -> bool {
        fn deletion<E: Entity>(change: &Change<E>) -> Option<Write> {
            let deleted = Change::Delete { id: change.id(), expect: Expect::Any, at: now() };
            change.first_revision().map(|_| E::write(deleted))
        }
        let is_random = |id: Uuid| matches!(id.get_version_num(), 4 | 7);
        for write in &transaction.writes {
            if let Some(deletion) = for_write!(write, change => deletion(change)) {
                // A version and a progress have ids made of those of their characters.
                let derived = matches!(write.row().0, EntityKind::CharacterVersion | EntityKind::CharacterProgress);
                if !derived && !is_random(write.row().1) {
                    return false;
                }
                lock(&self.rows).insert(write.row());
                lock(&self.deletions).push(deletion);
            }
        }
        is_random(transaction.id.0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl<E: Entity> Store<E> for OwnRows
where
    dyn StoragePort: Store<E>,
{
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        Store::<E>::find(self.inner.as_ref(), id, deleted).await
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        check_list::<E>(query, &page)?;
        let (mut skipped, mut request) = (0, PageRequest::first(Limit::MAX));
        match page.start {
            Start::First => {}
            Start::Offset(rows) => skipped = rows,
            Start::After(cursor) => request = request.after(cursor),
        }
        let mut answer = PageBuilder::new(query, page.limit);
        loop {
            let part = Store::<E>::list(self.inner.as_ref(), query, request.clone()).await?.value;
            for row in part.items.into_iter().filter(|row| self.holds(E::KIND, row.id().into())) {
                if skipped > 0 {
                    skipped -= 1;
                } else if !answer.push(row) {
                    return Ok(Read::origin(answer.finish()));
                }
            }
            match part.next {
                Some(cursor) => request = request.after(cursor),
                None => return Ok(Read::origin(answer.finish())),
            }
        }
    }
}

#[async_trait]
impl Commit for OwnRows {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        if transaction.writes.len() > MOST_ROWS && transaction.check().is_ok() || !self.note(&transaction) {
            return self.refuse("commit");
        }
        self.inner.commit(transaction).await
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if !transactions.iter().all(|transaction| self.note(transaction)) {
            return transactions.iter().map(|_| self.refuse("commit")).collect();
        }
        self.inner.commit_each(transactions).await
    }
}

/// The log tells of everybody's commits, and its consumers belong to everybody.
#[async_trait]
impl Log for OwnRows {
    async fn follow(&self, _: &LogCursor, _: usize, _: Duration) -> Result<LogBatch> {
        self.refuse(FOLLOW)
    }
    async fn head(&self) -> Result<LogCursor> {
        self.refuse(HEAD)
    }
}

#[async_trait]
impl Consumers for OwnRows {
    async fn lease(&self, _: &ConsumerName, _: HolderId, _: Duration) -> Result<Option<Leased>> {
        self.refuse(LEASE)
    }
    async fn advance(&self, _: &LeaseToken, _: &LogCursor) -> Result<()> {
        self.refuse(ADVANCE)
    }
    async fn release(&self, _: &LeaseToken) -> Result<()> {
        self.refuse(RELEASE)
    }
    async fn park(&self, _: &LeaseToken, _: &DomainEvent, _: &str) -> Result<()> {
        self.refuse(PARK)
    }
    async fn parked(&self, _: &ConsumerName, _: Option<EventId>, _: usize) -> Result<Vec<ParkedEvent>> {
        self.refuse(PARKED)
    }
    async fn unpark(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> {
        self.refuse(UNPARK)
    }
    async fn discard(&self, _: &ConsumerName, _: &[EventId]) -> Result<u64> {
        self.refuse(DISCARD)
    }
    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.refuse(CONSUMERS)
    }
}

#[async_trait]
impl Snapshot for OwnRows {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        fn place<E: Entity>(row: &E) -> (EntityKind, Uuid) {
            (E::KIND, row.id().into())
        }
        let rows = Arc::clone(&self.rows);
        let items = self.inner.snapshot().await?;
        Ok(Box::pin(items.filter(move |item| {
            let own = match item.clone() {
                Ok(SnapshotItem::Row(row)) => lock(&rows).contains(&for_row!(row, row => place(&row))),
                Ok(SnapshotItem::Unreadable(_)) => false,
                Err(_) => true,
            };
            std::future::ready(own)
        })))
    }
}

#[async_trait]
impl Probe for OwnRows {
    async fn probe(&self) -> Result<()> {
        self.inner.probe().await
    }
}
