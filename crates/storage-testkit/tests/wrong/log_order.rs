//! Storages that keep a log of their own beside their rows, and keep it wrongly.

use crate::{PATIENCE, log_order::LogOrderMistake as M};
use async_trait::async_trait;
use character_domain::now;
use character_storage_port::{
    Commit, Committed, Epoch, ErrorKind, FOLLOW, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOW_WAIT,
    MemoryStorage, Result, StorageError, StoragePort, Tick, Transaction, check_batch, check_follow, delegate_port,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// What is wrong with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogOrderMistake {
    None,
    /// Numbers are taken before the commit, and the cursor is the highest one that was returned.
    OrdersByANumberTakenBeforeTheCommit,
    /// Numbers are taken before the rows are locked, and a batch is in their order.
    NumbersBeforeItLocks,
    /// Numbers are taken before the commit, and everything below the highest that was returned counts as settled.
    SettlesTooEarly,
    SettledFalls,
    SettlesNothing,
    PutsTheCeilingTooLow,
    LogsRefusals,
    LogsRepeatsAgain,
    LogsNothingOfBatches,
    LogsBatchesWithoutRows,
    LogsNothingThatIsEmpty,
    LogsBatchesBackwards,
    AcknowledgesBeforeItLogs,
    WakesNobodyAfterBatches,
}

/// The clauses wait for these without end.
fn patience(mistake: LogOrderMistake) -> Duration {
    match mistake {
        M::OrdersByANumberTakenBeforeTheCommit
        | M::SettlesNothing
        | M::LogsNothingOfBatches
        | M::WakesNobodyAfterBatches => crate::IMPATIENCE,
        _ => PATIENCE,
    }
}

#[derive(Debug)]
struct OwnLog {
    mistake: LogOrderMistake,
    inner: Arc<MemoryStorage>,
    epoch: Epoch,
    numbers: AtomicU64,
    /// Held while a commit is made and logged.
    commits: tokio::sync::Mutex<()>,
    /// In the order of the commits.
    entries: Arc<Mutex<Vec<Arc<LoggedCommit>>>>,
    committed: Arc<Notify>,
    /// Whether a batch is being committed.
    is_batch: AtomicBool,
}

fn storage(mistake: LogOrderMistake) -> Arc<dyn StoragePort> {
    Arc::new(OwnLog {
        mistake,
        inner: Arc::default(),
        epoch: Epoch::new(),
        numbers: AtomicU64::new(1),
        commits: tokio::sync::Mutex::default(),
        entries: Arc::default(),
        committed: Arc::default(),
        is_batch: AtomicBool::new(false),
    })
}

delegate_port!(Store, Consumers, Snapshot, Probe for [] OwnLog, storage => storage.inner);

impl OwnLog {
    fn takes_numbers_early(&self) -> bool {
        matches!(self.mistake, M::OrdersByANumberTakenBeforeTheCommit | M::NumbersBeforeItLocks | M::SettlesTooEarly)
    }

    fn entries(&self) -> Vec<Arc<LoggedCommit>> {
        self.entries.lock().unwrap().clone()
    }

    async fn apply(&self, transaction: Transaction) -> Result<Committed> {
        let early = self.numbers.fetch_add(1, Ordering::SeqCst);
        if self.takes_numbers_early() {
            tokio::time::sleep(Duration::from_millis(early % 3)).await;
        }
        let lock = self.commits.lock().await;
        let number = if self.takes_numbers_early() { early } else { self.numbers.fetch_add(1, Ordering::SeqCst) };
        let mut entry = LoggedCommit {
            tick: Tick(number),
            transaction: transaction.id,
            committed_at: now(),
            rows: Some(Vec::new()),
            events: transaction.events.clone(),
            traceparent: transaction.traceparent.clone(),
        };
        let known = self.entries().into_iter().find(|entry| entry.transaction == transaction.id);
        let outcome = self.inner.commit(transaction).await;
        let mut committed = match outcome {
            Err(error) => {
                if self.mistake == M::LogsRefusals {
                    self.log(entry);
                }
                return Err(error);
            }
            Ok(committed) => committed,
        };
        entry.rows = Some(committed.changes.clone());
        committed.tick = known.as_ref().map_or(entry.tick, |known| known.tick);
        let is_empty = entry.rows == Some(Vec::new()) && entry.events.is_empty();
        match self.mistake {
            M::LogsNothingThatIsEmpty if is_empty => {}
            M::LogsRepeatsAgain => self.log(entry),
            _ if known.is_some() => {}
            M::AcknowledgesBeforeItLogs => {
                let (entries, committed) = (Arc::clone(&self.entries), Arc::clone(&self.committed));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    entries.lock().unwrap().push(Arc::new(entry));
                    committed.notify_waiters();
                });
            }
            _ => self.log(entry),
        }
        drop(lock);
        Ok(committed)
    }

    fn log(&self, entry: LoggedCommit) {
        self.entries.lock().unwrap().push(Arc::new(entry));
        if self.mistake != M::WakesNobodyAfterBatches || !self.is_batch.load(Ordering::SeqCst) {
            self.committed.notify_waiters();
        }
    }

    fn batch(&self, after: &LogCursor, limit: usize) -> Result<LogBatch> {
        let gone = || StorageError::new(ErrorKind::Gone, FOLLOW);
        let place: usize = after.place().parse().map_err(|_| gone())?;
        let mut entries = self.entries();
        let (passed, highest) = (entries.len(), |entries: &[Arc<LoggedCommit>]| {
            entries.iter().map(|entry| entry.tick.0).max().unwrap_or_default()
        });
        if self.mistake == M::OrdersByANumberTakenBeforeTheCommit {
            entries.sort_by_key(|entry| entry.tick);
            entries.retain(|entry| entry.tick.0 > place as u64);
            let more = entries.len() > limit;
            entries.truncate(limit);
            let next = highest(&entries).max(place as u64);
            let tick = Tick(next + 1);
            let next = LogCursor::new(self.epoch, &next);
            return Ok(LogBatch { commits: entries, next, settled: tick, ceiling: tick, more });
        }
        if after.epoch() != self.epoch || place > passed {
            return Err(gone());
        }
        let passed = passed.min(place.saturating_add(limit));
        let top = highest(&entries[..passed]);
        let mut commits = entries[place..passed].to_vec();
        if self.mistake == M::NumbersBeforeItLocks {
            commits.sort_by_key(|entry| entry.tick);
        }
        let settled = match self.mistake {
            M::SettledFalls if commits.is_empty() => 0,
            M::SettlesNothing => 0,
            // What is written is settled as far as nothing with a lower number is to come; the numbers of others are not known.
            M::NumbersBeforeItLocks => 0,
            _ => top + 1,
        };
        let ceiling = Tick(if self.mistake == M::PutsTheCeilingTooLow { top } else { top + 1 });
        let next = LogCursor::new(self.epoch, &passed);
        Ok(LogBatch { commits, next, settled: Tick(settled), ceiling, more: passed < entries.len() })
    }
}

#[async_trait]
impl Commit for OwnLog {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        self.apply(transaction).await
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = check_batch(&transactions) {
            return transactions.iter().map(|_| Err(error.clone())).collect();
        }
        let mut outcomes = Vec::new();
        let logged = self.entries().len();
        self.is_batch.store(true, Ordering::SeqCst);
        for transaction in transactions {
            outcomes.push(self.apply(transaction).await);
        }
        self.is_batch.store(false, Ordering::SeqCst);
        let mut entries = self.entries.lock().unwrap();
        match self.mistake {
            M::LogsNothingOfBatches => entries.truncate(logged),
            M::LogsBatchesBackwards => entries[logged..].reverse(),
            M::LogsBatchesWithoutRows => {
                for entry in &mut entries[logged..] {
                    *entry = Arc::new(LoggedCommit { rows: Some(Vec::new()), ..(**entry).clone() });
                }
            }
            _ => {}
        }
        drop(entries);
        outcomes
    }
}

#[async_trait]
impl Log for OwnLog {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        check_follow(limit)?;
        let deadline = Instant::now() + wait.min(MAX_FOLLOW_WAIT);
        // The consumers of the inner storage begin at its own beginning.
        let beginning = (after.epoch() != self.epoch && after.place() == "0").then(|| LogCursor::new(self.epoch, &0));
        let after = beginning.as_ref().unwrap_or(after);
        loop {
            let mut committed = std::pin::pin!(self.committed.notified());
            committed.as_mut().enable();
            let batch = self.batch(after, limit)?;
            if !batch.commits.is_empty() || timeout_at(deadline, committed).await.is_err() {
                return Ok(batch);
            }
        }
    }

    async fn head(&self) -> Result<LogCursor> {
        let entries = self.entries();
        Ok(match self.mistake {
            M::OrdersByANumberTakenBeforeTheCommit => {
                let highest = entries.iter().map(|entry| entry.tick.0).max().unwrap_or_default();
                LogCursor::new(self.epoch, &highest)
            }
            _ => LogCursor::new(self.epoch, &entries.len()),
        })
    }
}

caught! {
    storage;
    a_log_that_orders_by_a_number_taken_before_the_commit_is_caught: OrdersByANumberTakenBeforeTheCommit breaks
        "every_follower_receives_every_commit_exactly_once";
    a_log_that_takes_numbers_before_it_locks_is_caught: NumbersBeforeItLocks breaks
        "changes_of_a_row_are_received_in_the_order_of_its_revisions",
        "events_of_a_subject_are_received_in_one_order",
        "a_creation_is_received_before_the_changes_that_follow_it";
    a_log_that_settles_too_early_is_caught: SettlesTooEarly breaks
        "settled_never_falls_and_never_passes_a_later_commit";
    a_log_whose_settled_falls_is_caught: SettledFalls breaks
        "settled_never_falls_and_never_passes_a_later_commit";
    a_log_that_settles_nothing_is_caught: SettlesNothing breaks
        "settled_passes_an_acknowledged_commit";
    a_log_with_a_ceiling_that_is_too_low_is_caught: PutsTheCeilingTooLow breaks
        "the_ceiling_is_above_every_received_tick";
    a_log_that_holds_refused_transactions_is_caught: LogsRefusals breaks
        "a_refused_transaction_is_never_logged", "every_follower_receives_every_commit_exactly_once";
    a_log_that_holds_repeats_is_caught: LogsRepeatsAgain breaks
        "a_repeated_transaction_is_logged_once", "every_follower_receives_every_commit_exactly_once",
        "a_repeated_transaction_brings_its_events_once";
    a_log_without_batches_is_caught: LogsNothingOfBatches breaks
        "each_transaction_of_a_batch_has_an_entry", "every_follower_receives_every_commit_exactly_once";
    a_log_without_the_rows_of_batches_is_caught: LogsBatchesWithoutRows breaks
        "each_transaction_of_a_batch_has_an_entry", "the_outcome_of_a_commit_equals_its_entry";
    a_log_without_empty_transactions_is_caught: LogsNothingThatIsEmpty breaks
        "an_empty_transaction_is_logged";
    a_log_that_holds_batches_backwards_is_caught: LogsBatchesBackwards breaks
        "each_transaction_of_a_batch_has_an_entry";
    a_log_that_wakes_nobody_after_batches_is_caught: WakesNobodyAfterBatches breaks
        "a_batch_wakes_a_waiting_follow";
    a_log_that_is_written_after_the_acknowledgement_is_caught: AcknowledgesBeforeItLogs breaks
        "an_acknowledged_commit_is_returned_at_once";
}
