//! Storages that keep too little of what they acknowledged when they are closed and opened again.

use crate::durability::Lost as L;
use async_trait::async_trait;
use character_domain::{Character, Revision, now};
use character_storage_port::{
    Commit, Committed, ConsumerName, ConsumerState, Consumers, Deleted, DomainEvent, Entity, Epoch, EventId, HolderId,
    LeaseToken, Leased, Log, LogBatch, LogCursor, LoggedCommit, MemoryStorage, Page, PageRequest, ParkedEvent, Read,
    Result, Snapshot, SnapshotStream, StoragePort, Store, Tick, Transaction, TransactionId, delegate_port,
};
use character_storage_testkit::durable_clauses;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::{
    any::Any,
    collections::{BTreeSet, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What is lost when the storage is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nothing,
    Everything,
    // Rows.
    DeletedRows,
    Revisions,
    TheLastCommit,
    TheLastBatch,
    AllBehindTheFirstHundreds,
    TheOrder,
    Dropped,
    LargeNumbers,
    // Repeats.
    Ids,
    Answers,
    AnswersOfNull,
    Fingerprints,
    FingerprintsOfEvents,
    // The log.
    Events,
    TimesOfEntries,
    Traceparents,
    TheEpoch,
    TheCountOfTicks,
    TheLastTick,
    ChangedFields,
    // Consumers.
    Cursors,
    Leases,
    Tokens,
    ParkedEvents,
    Marks,
    Reasons,
}

/// What lies on the disk of a test.
#[derive(Debug)]
struct Disk {
    lost: Lost,
    /// Everything that was acknowledged.
    kept: MemoryStorage,
    /// The transactions in the order of their commits, those of a batch with `true`.
    transactions: Mutex<Vec<(Transaction, bool)>>,
    /// The ticks that callers have seen.
    ticks: Mutex<HashMap<TransactionId, Tick>>,
    is_closed_once: AtomicBool,
    epoch: Epoch,
}

impl Disk {
    /// The storage over it, as far as the mistaken adapter finds everything again.
    async fn opened(self: &Arc<Self>) -> Arc<dyn StoragePort> {
        let all = std::mem::take(&mut *self.transactions.lock().unwrap());
        let ids = all.iter().map(|(transaction, _)| transaction.id).collect();
        let is_lost = |place: usize, in_batch: bool| match self.lost {
            L::Everything => true,
            L::TheLastCommit => place + 1 == all.len(),
            L::TheLastBatch => place + 1 == all.len() && in_batch,
            L::AllBehindTheFirstHundreds => place >= 300,
            _ => false,
        };
        let mut inner = self.kept.clone();
        let is_any_lost = all.iter().enumerate().any(|(place, (_, in_batch))| is_lost(place, *in_batch));
        // All are written again, in another order or without those whose calls were dropped.
        if is_any_lost || matches!(self.lost, L::TheOrder | L::Dropped) {
            inner = MemoryStorage::new();
            let mut order: Vec<usize> = (0..all.len()).collect();
            if self.lost == L::TheOrder && all.len() > 2 {
                order.swap(all.len() - 2, all.len() - 1);
            }
            for place in order {
                let (transaction, in_batch) = &all[place];
                if !is_lost(place, *in_batch) {
                    inner.commit(transaction.clone()).await.unwrap();
                }
            }
        }
        if self.lost == L::Leases && self.is_closed_once.load(Ordering::SeqCst) {
            free(&inner).await;
        }
        *self.transactions.lock().unwrap() = all;
        let is_reopened = self.is_closed_once.swap(true, Ordering::SeqCst);
        Arc::new(Forgetful { disk: Arc::clone(self), inner, is_reopened, ids })
    }
}

/// Ends every lease.
async fn free(storage: &MemoryStorage) {
    for state in storage.consumers().await.unwrap() {
        if let Some(holder) = state.holder {
            let leased = storage.lease(&state.name, holder, Duration::from_secs(600)).await.unwrap().unwrap();
            storage.release(&leased.token).await.unwrap();
        }
    }
}

/// The value with its numbers as 64-bit floats.
fn imprecise(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(imprecise).collect(),
        value => value.as_f64().map_or_else(|| value.clone(), Value::from),
    }
}

#[derive(Debug)]
struct Forgetful {
    disk: Arc<Disk>,
    inner: MemoryStorage,
    /// Whether there was one before it.
    is_reopened: bool,
    /// The ids of the transactions that were committed before it was opened.
    ids: HashSet<TransactionId>,
}

delegate_port!(Probe for [] Forgetful, storage => storage.inner);

impl Forgetful {
    fn has_lost(&self, what: Lost) -> bool {
        self.is_reopened && self.disk.lost == what
    }

    fn row<E: Entity>(&self, mut row: E) -> Option<E> {
        if self.has_lost(L::Revisions) {
            row.meta_mut().revision = Revision::FIRST;
        }
        if let Some(row) =
            (&mut row as &mut dyn Any).downcast_mut::<Character>().filter(|_| self.has_lost(L::LargeNumbers))
        {
            row.data =
                row.data.0.iter().map(|(name, value)| (name.clone(), imprecise(value))).collect::<Map<_, _>>().into();
        }
        Some(row).filter(|row| !self.has_lost(L::DeletedRows) || !row.meta().is_deleted())
    }

    async fn apply(&self, mut transaction: Transaction, in_batch: bool) -> Result<Committed> {
        let id = transaction.id;
        let is_old = self.ids.contains(&id);
        if is_old && self.has_lost(L::Ids) {
            transaction.id = TransactionId::new();
        }
        if is_old && self.has_lost(L::Fingerprints) {
            let old = self.disk.transactions.lock().unwrap().iter().find(|(old, _)| old.id == id).cloned();
            transaction = old.unwrap().0;
        }
        if is_old && self.has_lost(L::FingerprintsOfEvents) {
            let old = self.disk.transactions.lock().unwrap().iter().find(|(old, _)| old.id == id).cloned();
            transaction.events = old.unwrap().0.events;
        }
        let before = self.inner.head().await?;
        let mut committed = self.inner.commit(transaction.clone()).await?;
        if self.disk.lost == L::Dropped {
            tokio::task::yield_now().await;
        }
        if self.inner.head().await? != before {
            self.disk.transactions.lock().unwrap().push((transaction, in_batch));
        }
        committed.id = id;
        committed.tick = self.tick(committed.tick);
        if self.disk.lost == L::TheLastTick {
            let since_it_was_opened = self.disk.transactions.lock().unwrap().len() - self.ids.len();
            let mut ticks = self.disk.ticks.lock().unwrap();
            committed.tick = *ticks.entry(id).or_insert(Tick(since_it_was_opened as u64));
        }
        committed.answer = committed.answer.filter(|answer| match self.disk.lost {
            L::Answers => !is_old,
            L::AnswersOfNull => !is_old || answer.text().get() != "null",
            _ => true,
        });
        Ok(committed)
    }

    fn tick(&self, tick: Tick) -> Tick {
        if self.has_lost(L::TheCountOfTicks) { Tick(tick.0.saturating_sub(self.ids.len() as u64)) } else { tick }
    }

    fn entry(&self, entry: &LoggedCommit) -> LoggedCommit {
        let mut entry = entry.clone();
        if self.has_lost(L::Events) {
            entry.events.clear();
        }
        if self.has_lost(L::TimesOfEntries) {
            entry.committed_at = now();
        }
        if self.has_lost(L::Traceparents) {
            entry.traceparent = None;
        }
        if self.has_lost(L::ChangedFields) {
            entry.rows.iter_mut().flatten().for_each(|row| row.changed.clear());
        }
        entry.tick = self.disk.ticks.lock().unwrap().get(&entry.transaction).copied().unwrap_or(self.tick(entry.tick));
        entry
    }

    /// The cursor as callers see it.
    fn shown(&self, cursor: LogCursor) -> LogCursor {
        if self.has_lost(L::TheEpoch) { LogCursor::new(self.disk.epoch, &cursor.place()) } else { cursor }
    }

    /// The cursor as the storage below knows it.
    async fn known(&self, cursor: &LogCursor) -> Result<LogCursor> {
        let head = self.inner.head().await?;
        let is_ours = self.has_lost(L::TheEpoch) && cursor.epoch() == self.disk.epoch;
        Ok(if is_ours { LogCursor::new(head.epoch(), &cursor.place()) } else { cursor.clone() })
    }

    fn parked_event(&self, mut parked: ParkedEvent) -> Option<ParkedEvent> {
        if self.has_lost(L::Marks) {
            parked.replay = false;
        }
        if self.has_lost(L::Reasons) {
            parked.reason.clear();
        }
        Some(parked).filter(|_| !self.has_lost(L::ParkedEvents))
    }
}

#[async_trait]
impl<E: Entity> Store<E> for Forgetful {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        let found = Store::<E>::find(&self.inner, id, deleted).await?;
        Ok(Read::origin(found.value.and_then(|row| self.row(row))))
    }

    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        let mut page = Store::<E>::list(&self.inner, query, page).await?.value;
        page.items = page.items.into_iter().filter_map(|row| self.row(row)).collect();
        Ok(Read::origin(page))
    }
}

#[async_trait]
impl Commit for Forgetful {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.apply(transaction, false).await
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut outcomes = Vec::new();
        for transaction in transactions {
            outcomes.push(self.apply(transaction, true).await);
        }
        outcomes
    }
}

#[async_trait]
impl Log for Forgetful {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let mut batch = self.inner.follow(&self.known(after).await?, limit, wait).await?;
        batch.commits = batch.commits.iter().map(|entry| Arc::new(self.entry(entry))).collect();
        batch.next = self.shown(batch.next);
        Ok(batch)
    }

    async fn head(&self) -> Result<LogCursor> {
        Ok(self.shown(self.inner.head().await?))
    }
}

#[async_trait]
impl Snapshot for Forgetful {
    async fn snapshot(&self) -> Result<SnapshotStream> {
        self.inner.snapshot().await
    }
}

#[async_trait]
impl Consumers for Forgetful {
    async fn lease(&self, consumer: &ConsumerName, holder: HolderId, lease: Duration) -> Result<Option<Leased>> {
        let Some(mut leased) = self.inner.lease(consumer, holder, lease).await? else { return Ok(None) };
        if self.has_lost(L::Cursors) {
            leased.cursor = LogCursor::new(leased.cursor.epoch(), &0);
        }
        if self.has_lost(L::Tokens) {
            self.inner.release(&leased.token).await?;
            leased = self.inner.lease(consumer, holder, lease).await?.unwrap();
        }
        leased.replays = leased.replays.into_iter().filter_map(|parked| self.parked_event(parked)).collect();
        leased.replays.retain(|parked| parked.replay);
        leased.cursor = self.shown(leased.cursor);
        Ok(Some(leased))
    }

    async fn advance(&self, token: &LeaseToken, to: &LogCursor) -> Result<()> {
        self.inner.advance(token, &self.known(to).await?).await
    }

    async fn release(&self, token: &LeaseToken) -> Result<()> {
        self.inner.release(token).await
    }

    async fn park(&self, token: &LeaseToken, event: &DomainEvent, reason: &str) -> Result<()> {
        self.inner.park(token, event, reason).await
    }

    async fn parked(&self, consumer: &ConsumerName, after: Option<EventId>, limit: usize) -> Result<Vec<ParkedEvent>> {
        let parked = self.inner.parked(consumer, after, limit).await?;
        Ok(parked.into_iter().filter_map(|parked| self.parked_event(parked)).collect())
    }

    async fn unpark(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.inner.unpark(consumer, ids).await
    }

    async fn discard(&self, consumer: &ConsumerName, ids: &[EventId]) -> Result<u64> {
        self.inner.discard(consumer, ids).await
    }

    async fn consumers(&self) -> Result<Vec<ConsumerState>> {
        self.inner.consumers().await
    }
}

/// Whether a storage that loses this breaks the clause.
fn breaks(lost: Lost, clause: &str) -> bool {
    let clause = durable_clauses().into_iter().find(|listed| listed.name == clause).expect("the clause is listed");
    let disk = Arc::new(Disk {
        lost,
        kept: MemoryStorage::new(),
        transactions: Mutex::default(),
        ticks: Mutex::default(),
        is_closed_once: AtomicBool::new(false),
        epoch: Epoch::new(),
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let judged = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let storage = disk.opened().await;
            let reopen = || -> LocalBoxFuture<'_, _> { Box::pin(disk.opened()) };
            (clause.run)(storage, &reopen).await;
        });
    }));
    judged.is_err()
}

/// A test for each loss, and one over a storage that loses nothing.
macro_rules! noticed {
    ($($test:ident: $lost:ident breaks $($clause:literal),+;)+) => {
        $(
            #[test]
            fn $test() {
                $(assert!(breaks(L::$lost, $clause), "{} does not notice the loss of {:?}", $clause, L::$lost);)+
            }
        )+

        #[test]
        fn a_storage_that_loses_nothing_breaks_no_clause() {
            let named = BTreeSet::from([$($($clause),+),+]);
            assert_eq!(named.len(), durable_clauses().len());
            for clause in named {
                assert!(!breaks(L::Nothing, clause), "{clause}");
            }
        }
    };
}

noticed! {
    a_storage_that_loses_everything_is_caught: Everything breaks
        "rows_survive_a_restart", "the_last_commit_survives_a_restart", "repeats_are_known_after_a_restart",
        "the_log_goes_on_after_a_restart", "consumers_survive_a_restart";
    a_storage_that_loses_deleted_rows_is_caught: DeletedRows breaks "rows_survive_a_restart";
    a_storage_that_loses_revisions_is_caught: Revisions breaks "rows_survive_a_restart";
    a_storage_that_loses_the_last_commit_is_caught: TheLastCommit breaks "the_last_commit_survives_a_restart";
    a_storage_that_loses_the_last_batch_is_caught: TheLastBatch breaks "the_last_commit_survives_a_restart";
    a_storage_that_reads_a_part_of_a_long_file_is_caught: AllBehindTheFirstHundreds breaks
        "hundreds_of_concurrent_commits_survive_a_restart_in_their_order";
    a_storage_that_writes_in_another_order_is_caught: TheOrder breaks
        "hundreds_of_concurrent_commits_survive_a_restart_in_their_order";
    a_storage_that_shows_what_it_has_not_written_is_caught: Dropped breaks
        "what_a_dropped_commit_has_shown_survives_a_restart";
    a_storage_that_loses_the_precision_of_numbers_is_caught: LargeNumbers breaks "rows_survive_a_restart";
    a_storage_that_compares_requests_without_their_events_is_caught: FingerprintsOfEvents breaks
        "repeats_are_known_after_a_restart";
    a_storage_that_begins_its_ticks_again_is_caught: TheLastTick breaks "the_log_goes_on_after_a_restart";
    a_storage_that_loses_changed_fields_is_caught: ChangedFields breaks "the_log_goes_on_after_a_restart";
    a_storage_that_loses_ids_is_caught: Ids breaks "repeats_are_known_after_a_restart";
    a_storage_that_loses_answers_is_caught: Answers breaks "repeats_are_known_after_a_restart";
    a_storage_that_loses_answers_of_null_is_caught: AnswersOfNull breaks "repeats_are_known_after_a_restart";
    a_storage_that_loses_fingerprints_is_caught: Fingerprints breaks "repeats_are_known_after_a_restart";
    a_storage_that_loses_events_is_caught: Events breaks
        "the_log_goes_on_after_a_restart", "the_last_commit_survives_a_restart";
    a_storage_that_loses_times_of_entries_is_caught: TimesOfEntries breaks "the_log_goes_on_after_a_restart";
    a_storage_that_loses_traceparents_is_caught: Traceparents breaks "the_log_goes_on_after_a_restart";
    a_storage_that_loses_its_epoch_is_caught: TheEpoch breaks "the_log_goes_on_after_a_restart";
    a_storage_that_counts_ticks_anew_is_caught: TheCountOfTicks breaks "the_log_goes_on_after_a_restart";
    a_storage_that_loses_cursors_is_caught: Cursors breaks "consumers_survive_a_restart";
    a_storage_that_loses_leases_is_caught: Leases breaks "consumers_survive_a_restart";
    a_storage_that_loses_tokens_is_caught: Tokens breaks "consumers_survive_a_restart";
    a_storage_that_loses_parked_events_is_caught: ParkedEvents breaks "consumers_survive_a_restart";
    a_storage_that_loses_marks_is_caught: Marks breaks "consumers_survive_a_restart";
    a_storage_that_loses_reasons_is_caught: Reasons breaks "consumers_survive_a_restart";
}
