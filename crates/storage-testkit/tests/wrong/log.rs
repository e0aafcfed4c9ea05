//! Storages with a right log that report it wrongly, or wait for it wrongly.

use crate::{IMPATIENCE, PATIENCE, log::LogMistake as M};
use async_trait::async_trait;
use character_domain::{Revision, now};
use character_storage_port::{
    Commit, Committed, Epoch, ErrorKind, Fingerprint, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOWED,
    MemoryStorage, Result, RowChange, StoragePort, Tick, Transaction, delegate_port,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore};

/// What is wrong with the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogMistake {
    None,
    // Entries.
    LosesTheOwnersBefore,
    LosesTheOwnersAfter,
    LosesTheChangedFields,
    ReportsTheRevisionBefore,
    SortsRows,
    ReversesEvents,
    LosesTheTraceparent,
    TakesTheTraceparentForContents,
    StampsEntriesWhenTheyAreRead,
    ReturnsNoChanges,
    ReturnsANewTickForARepeat,
    GivesEveryCommitOneTick,
    PutsNamesIntoEntries,
    ForgetsOldTransactions,
    CutsLongEntries,
    CutsLargeEvents,
    // Cursors.
    ReturnsACommitTwiceAtBorders,
    SkipsACommitAtBorders,
    IgnoresTheLimit,
    TakesAnyLimit,
    SaysThatNothingIsLeft,
    SaysThatMoreIsLeft,
    StandsStill,
    ForgetsTheEpoch,
    TakesNonsenseForTheBeginning,
    WaitsForWhatLiesAhead,
    StaysAtTheBeginning,
    ChangesItsEpoch,
    // Waits.
    ReturnsBeforeItsWait,
    WaitsTooLong,
    NeverWakes,
    WaitsBeforeItRefuses,
    LosesPlacesOfDroppedFollows,
    LetsEightFollow,
}

/// The clauses wait for these without end, or as long as a test does not.
fn patience(mistake: LogMistake) -> Duration {
    match mistake {
        M::NeverWakes
        | M::WaitsForWhatLiesAhead
        | M::WaitsBeforeItRefuses
        | M::LosesPlacesOfDroppedFollows
        | M::LetsEightFollow
        | M::StaysAtTheBeginning
        | M::TakesNonsenseForTheBeginning => IMPATIENCE,
        _ => PATIENCE,
    }
}

#[derive(Debug)]
struct WrongLog {
    mistake: LogMistake,
    inner: MemoryStorage,
    places: Semaphore,
}

fn storage(mistake: LogMistake) -> Arc<dyn StoragePort> {
    Arc::new(WrongLog { mistake, inner: MemoryStorage::new(), places: Semaphore::new(8) })
}

delegate_port!(Store, Consumers, Snapshot, Probe for [] WrongLog, storage => storage.inner);

/// The cursor this number of commits further on.
fn moved(cursor: &LogCursor, by: isize) -> LogCursor {
    let place: usize = cursor.place().parse().unwrap();
    LogCursor::new(cursor.epoch(), &place.saturating_add_signed(by))
}

impl WrongLog {
    fn described(&self, change: &mut RowChange) {
        match self.mistake {
            M::LosesTheOwnersBefore if !change.before.is_empty() => change.before.clone_from(&change.after),
            M::LosesTheOwnersAfter => change.after.clone_from(&change.before),
            M::LosesTheChangedFields => change.changed.clear(),
            M::ReportsTheRevisionBefore => change.revision = Revision(change.revision.0 - 1),
            _ => {}
        }
    }

    fn reported(&self, entry: &LoggedCommit) -> LoggedCommit {
        let mut entry = entry.clone();
        if let Some(rows) = &mut entry.rows {
            rows.iter_mut().for_each(|change| self.described(change));
            if self.mistake == M::SortsRows {
                rows.sort_by_key(|change| (change.kind, change.id));
            }
        }
        match self.mistake {
            M::ReversesEvents => entry.events.reverse(),
            M::LosesTheTraceparent => entry.traceparent = None,
            M::StampsEntriesWhenTheyAreRead => entry.committed_at = now(),
            M::GivesEveryCommitOneTick => entry.tick = Tick(1),
            M::CutsLongEntries => {
                entry.rows.iter_mut().for_each(|rows| rows.truncate(500));
                entry.events.truncate(500);
            }
            M::CutsLargeEvents => entry.events.retain(|event| event.data.to_string().len() < 100_000),
            _ => {}
        }
        entry
    }

    fn answered(&self, mut committed: Committed, is_repeat: bool) -> Committed {
        committed.changes.iter_mut().for_each(|change| self.described(change));
        match self.mistake {
            M::ReturnsNoChanges => committed.changes.clear(),
            M::GivesEveryCommitOneTick => committed.tick = Tick(1),
            M::ReturnsANewTickForARepeat if is_repeat => committed.tick.0 += 1,
            _ => {}
        }
        committed
    }

    async fn waited(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        match self.mistake {
            M::ReturnsBeforeItsWait => self.inner.follow(after, limit, wait / 2).await,
            M::WaitsTooLong => self.inner.follow(after, limit, wait + Duration::from_millis(1_500)).await,
            M::NeverWakes => {
                let batch = self.inner.follow(after, limit, Duration::ZERO).await?;
                if !batch.commits.is_empty() {
                    return Ok(batch);
                }
                tokio::time::sleep(wait.min(PATIENCE)).await;
                self.inner.follow(after, limit, Duration::ZERO).await
            }
            M::LosesPlacesOfDroppedFollows => {
                self.places.acquire().await.unwrap().forget();
                tokio::task::yield_now().await;
                let batch = self.inner.follow(after, limit, wait).await;
                self.places.add_permits(1);
                batch
            }
            M::LetsEightFollow => {
                let _place = self.places.acquire().await.unwrap();
                self.inner.follow(after, limit, wait).await
            }
            _ => self.inner.follow(after, limit, wait).await,
        }
    }

    /// The cursor as it is understood.
    async fn understood(&self, cursor: &LogCursor) -> Result<LogCursor> {
        let head = self.inner.head().await?;
        let place: Option<usize> = cursor.place().parse().ok();
        Ok(match self.mistake {
            M::ForgetsTheEpoch | M::ChangesItsEpoch => LogCursor::new(head.epoch(), &cursor.place()),
            M::TakesNonsenseForTheBeginning if place.is_none() => LogCursor::new(head.epoch(), &0),
            M::WaitsForWhatLiesAhead if place > head.place().parse().ok() => head,
            _ => cursor.clone(),
        })
    }
}

#[async_trait]
impl Commit for WrongLog {
    async fn commit(&self, mut transaction: Transaction) -> Result<Committed> {
        if self.mistake == M::TakesTheTraceparentForContents {
            let contents = format!("{:?}{:?}", transaction.fingerprint(), transaction.traceparent);
            transaction.fingerprint = Some(Fingerprint::of(contents.as_bytes()));
        }
        if self.mistake == M::PutsNamesIntoEntries
            && let Some(character_storage_port::Write::Character(change)) = transaction.writes.first()
            && let Some(row) = change.entity()
        {
            transaction.traceparent = Some(row.name.clone());
        }
        let before = self.inner.head().await?;
        if self.mistake == M::ForgetsOldTransactions {
            let start = LogCursor::new(before.epoch(), &0);
            let logged = self.inner.follow(&start, MAX_FOLLOWED, Duration::ZERO).await?.commits;
            let place = logged.iter().position(|entry| entry.transaction == transaction.id);
            if place.is_some_and(|place| place + 50 < logged.len()) {
                // An old one is taken for a new one.
                transaction.id = character_storage_port::TransactionId::new();
            }
        }
        let committed = self.inner.commit(transaction).await?;
        let is_repeat = self.inner.head().await? == before;
        Ok(self.answered(committed, is_repeat))
    }

    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let outcomes = self.inner.commit_each(transactions).await.into_iter();
        outcomes.map(|outcome| outcome.map(|committed| self.answered(committed, false))).collect()
    }
}

#[async_trait]
impl Log for WrongLog {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let after = &self.understood(after).await?;
        let asked = match self.mistake {
            M::IgnoresTheLimit => MAX_FOLLOWED,
            M::TakesAnyLimit => limit.clamp(1, MAX_FOLLOWED),
            _ => limit,
        };
        let mut batch = match self.waited(after, asked, wait).await {
            Err(error) if self.mistake == M::WaitsBeforeItRefuses && *error.kind() == ErrorKind::Gone => {
                let never = Notify::new();
                let _waited = tokio::time::timeout(wait.min(PATIENCE), never.notified()).await;
                return Err(error);
            }
            answer => answer?,
        };
        batch.commits = batch.commits.iter().map(|entry| Arc::new(self.reported(entry))).collect();
        match self.mistake {
            M::ReturnsACommitTwiceAtBorders if batch.more && batch.commits.len() > 1 => {
                batch.next = moved(&batch.next, -1)
            }
            M::SkipsACommitAtBorders if batch.more => batch.next = moved(&batch.next, 1),
            M::SaysThatNothingIsLeft => batch.more = false,
            M::SaysThatMoreIsLeft => batch.more = true,
            M::StandsStill if batch.more => batch.next = after.clone(),
            M::GivesEveryCommitOneTick => batch.settled = Tick(1),
            M::ChangesItsEpoch => batch.next = LogCursor::new(Epoch::new(), &batch.next.place()),
            _ => {}
        }
        Ok(batch)
    }

    async fn head(&self) -> Result<LogCursor> {
        let head = self.inner.head().await?;
        Ok(if self.mistake == M::StaysAtTheBeginning { LogCursor::new(head.epoch(), &0) } else { head })
    }
}

caught! {
    storage;
    a_log_that_loses_the_owners_before_is_caught: LosesTheOwnersBefore breaks
        "an_entry_names_the_owners_before_and_after_every_change";
    a_log_that_loses_the_owners_after_is_caught: LosesTheOwnersAfter breaks
        "an_entry_names_the_owners_before_and_after_every_change";
    a_log_that_loses_the_changed_fields_is_caught: LosesTheChangedFields breaks
        "an_entry_names_the_fields_that_changed";
    a_log_that_reports_the_revision_before_is_caught: ReportsTheRevisionBefore breaks
        "an_entry_names_each_row_in_the_order_of_the_writes", "the_outcome_of_a_commit_equals_its_entry";
    a_log_that_sorts_rows_is_caught: SortsRows breaks
        "an_entry_names_each_row_in_the_order_of_the_writes", "the_outcome_of_a_commit_equals_its_entry";
    a_log_that_reverses_events_is_caught: ReversesEvents breaks
        "an_entry_holds_its_events_in_their_order";
    a_log_that_loses_the_traceparent_is_caught: LosesTheTraceparent breaks
        "an_entry_holds_the_traceparent";
    a_log_that_takes_the_traceparent_for_contents_is_caught: TakesTheTraceparentForContents breaks
        "a_traceparent_is_no_part_of_the_contents";
    a_log_that_stamps_entries_when_they_are_read_is_caught: StampsEntriesWhenTheyAreRead breaks
        "an_entry_stays_the_same_and_has_the_time_of_its_commit";
    a_storage_that_returns_no_changes_is_caught: ReturnsNoChanges breaks
        "the_outcome_of_a_commit_equals_its_entry", "every_follower_receives_every_commit_exactly_once";
    a_storage_that_returns_a_new_tick_for_a_repeat_is_caught: ReturnsANewTickForARepeat breaks
        "a_repeat_returns_the_first_tick_and_changes";
    a_log_that_gives_every_commit_one_tick_is_caught: GivesEveryCommitOneTick breaks
        "a_later_commit_of_a_row_has_a_higher_tick";
    a_log_that_holds_contents_is_caught: PutsNamesIntoEntries breaks
        "an_entry_holds_no_contents";
    a_storage_that_forgets_old_transactions_is_caught: ForgetsOldTransactions breaks
        "the_id_of_every_entry_is_remembered";
    a_log_that_cuts_long_entries_is_caught: CutsLongEntries breaks
        "an_entry_of_a_thousand_rows_is_complete";
    a_log_that_cuts_large_events_is_caught: CutsLargeEvents breaks
        "large_commits_are_received_complete_and_once";
    a_log_that_returns_a_commit_twice_at_borders_is_caught: ReturnsACommitTwiceAtBorders breaks
        "batches_of_every_limit_join_to_the_whole_log";
    a_log_that_skips_a_commit_at_borders_is_caught: SkipsACommitAtBorders breaks
        "batches_of_every_limit_join_to_the_whole_log", "every_cursor_leads_to_the_rest_of_the_log",
        "the_head_lies_before_every_later_commit";
    a_log_that_ignores_the_limit_is_caught: IgnoresTheLimit breaks
        "batches_of_every_limit_join_to_the_whole_log", "a_follow_outside_its_limits_is_invalid";
    a_log_that_takes_any_limit_is_caught: TakesAnyLimit breaks
        "a_follow_outside_its_limits_is_invalid";
    a_log_that_says_that_nothing_is_left_is_caught: SaysThatNothingIsLeft breaks
        "batches_of_every_limit_join_to_the_whole_log";
    a_log_that_says_that_more_is_left_is_caught: SaysThatMoreIsLeft breaks
        "batches_of_every_limit_join_to_the_whole_log", "a_follow_that_may_not_wait_returns_at_once";
    a_log_that_stands_still_is_caught: StandsStill breaks
        "batches_of_every_limit_join_to_the_whole_log", "every_cursor_leads_to_the_rest_of_the_log";
    a_log_that_forgets_its_epoch_is_caught: ForgetsTheEpoch breaks
        "a_cursor_of_another_epoch_is_gone_at_once";
    a_log_that_changes_its_epoch_is_caught: ChangesItsEpoch breaks
        "every_cursor_has_the_epoch_of_the_storage";
    a_log_that_takes_nonsense_for_the_beginning_is_caught: TakesNonsenseForTheBeginning breaks
        "a_cursor_without_a_meaning_is_refused_at_once";
    a_log_that_waits_for_what_lies_ahead_is_caught: WaitsForWhatLiesAhead breaks
        "a_cursor_that_lies_ahead_of_the_log_is_gone";
    a_head_that_stays_at_the_beginning_is_caught: StaysAtTheBeginning breaks
        "the_head_passes_acknowledged_commits";
    a_follow_that_returns_before_its_wait_is_caught: ReturnsBeforeItsWait breaks
        "a_follow_with_nothing_new_returns_an_empty_batch_after_its_wait";
    a_follow_that_waits_too_long_is_caught: WaitsTooLong breaks
        "a_follow_with_nothing_new_returns_an_empty_batch_after_its_wait",
        "a_follow_that_may_not_wait_returns_at_once";
    a_follow_that_never_wakes_is_caught: NeverWakes breaks
        "a_commit_wakes_a_waiting_follow", "a_thousand_follows_may_wait_at_once";
    a_follow_that_waits_before_it_refuses_is_caught: WaitsBeforeItRefuses breaks
        "a_cursor_of_another_epoch_is_gone_at_once", "a_cursor_that_lies_ahead_of_the_log_is_gone";
    a_log_that_loses_the_places_of_dropped_follows_is_caught: LosesPlacesOfDroppedFollows breaks
        "a_dropped_follow_leaves_nothing_behind";
    a_log_that_lets_eight_follow_is_caught: LetsEightFollow breaks
        "a_thousand_follows_may_wait_at_once";
}
