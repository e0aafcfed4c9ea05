//! The log under concurrent writers: complete, in order, and honest about what is settled.

use crate::{
    history::History,
    kinds::{SomeRow, one_of_each},
    sample::{at, beginning, create, follow_from, logged, of_user, party, replacement},
};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    Change, ErrorKind, Expect, LogCursor, MAX_FOLLOWED, StorageError, StoragePort, Transaction,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// While twelve tasks commit, every follower receives every commit behind its first cursor exactly once, whatever its
/// limit and wait, and nothing of a refused transaction.
pub async fn every_follower_receives_every_commit_exactly_once(storage: Arc<dyn StoragePort>) {
    History::of(&storage).await.is_complete();
}

/// While twelve tasks commit, every follower receives the changes of each row, of whatever kind, in the order of its
/// revisions.
pub async fn changes_of_a_row_are_received_in_the_order_of_its_revisions(storage: Arc<dyn StoragePort>) {
    History::of(&storage).await.is_in_the_order_of_revisions();
}

/// While twelve tasks commit, all followers receive the events of each subject in one order.
///
/// Lesson 10: a later event of a character is not handled before an earlier one.
pub async fn events_of_a_subject_are_received_in_one_order(storage: Arc<dyn StoragePort>) {
    History::of(&storage).await.has_one_order_of_events();
}

/// While twelve tasks commit, `settled` never falls and is never above the tick of a commit that is received later.
pub async fn settled_never_falls_and_never_passes_a_later_commit(storage: Arc<dyn StoragePort>) {
    History::of(&storage).await.settled_is_right();
}

/// While twelve tasks commit, the ceiling of each batch is above the tick of every commit that was received in it or
/// before it.
pub async fn the_ceiling_is_above_every_received_tick(storage: Arc<dyn StoragePort>) {
    History::of(&storage).await.ceiling_is_right();
}

/// `settled` passes the tick of an acknowledged commit when no more is committed.
pub async fn settled_passes_an_acknowledged_commit(storage: Arc<dyn StoragePort>) {
    let mut cursor = beginning(&*storage).await;
    for _ in 0..3 {
        let committed = storage.commit(Transaction::new()).await.expect("an empty transaction is allowed");
        // Transactions in other databases of the same server may hold it back for a while.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let batch = storage.follow(&cursor, 10, Duration::from_millis(5)).await.expect("the cursor is good");
            cursor = batch.next;
            if batch.settled > committed.tick {
                break;
            }
            assert!(Instant::now() < deadline, "settled stays at {} below {}", batch.settled, committed.tick);
        }
    }
}

/// A creation is received before every change of its row, also when the changes begin before the creation has ended.
pub async fn a_creation_is_received_before_the_changes_that_follow_it(storage: Arc<dyn StoragePort>) {
    let start = beginning(&*storage).await;
    let rows: Vec<_> = (0..6).map(|_| party(4)).collect();
    let mut tasks = Vec::new();
    for rows in &rows {
        for row in rows.iter().rev().take(2) {
            let (storage, row) = (Arc::clone(&storage), row.clone());
            tasks.push(tokio::spawn(async move { change_when_created(&storage, &row).await }));
        }
    }
    for rows in rows.clone() {
        let storage = Arc::clone(&storage);
        tasks.push(tokio::spawn(async move { create(&*storage, &rows).await }));
    }
    // Batches of every size, so that a border may lie between any two commits.
    let follower = {
        let (storage, mut cursor) = (Arc::clone(&storage), start.clone());
        tokio::spawn(async move {
            let mut received = Vec::new();
            while received.len() < 6 + 12 * 3 {
                let limit = 1 + received.len() % 4;
                let batch = storage.follow(&cursor, limit, Duration::from_secs(20)).await.expect("the cursor is good");
                received.extend(batch.commits);
                cursor = batch.next;
            }
            received
        })
    };
    for task in tasks {
        task.await.expect("every change gets through");
    }
    let received = follower.await.expect("every commit is received");
    for commits in [received, follow_from(&*storage, start, MAX_FOLLOWED).await.0] {
        let mut revisions: HashMap<Uuid, u64> = HashMap::new();
        for change in commits.iter().flat_map(|commit| commit.rows.iter().flatten()) {
            let last = revisions.entry(change.id).or_default();
            assert_eq!(change.revision.0, *last + 1, "{change:?}");
            *last += 1;
        }
    }
}

/// Changes the row three times, as soon as it is there.
async fn change_when_created(storage: &Arc<dyn StoragePort>, row: &Character) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for _ in 0..3 {
        loop {
            let outcome = storage.commit(Transaction::new().with(replacement(row, Expect::Any))).await;
            match outcome.as_ref().map_err(StorageError::kind) {
                Ok(_) => break,
                Err(ErrorKind::NotFound) => tokio::task::yield_now().await,
                Err(_) => panic!("{outcome:?}"),
            }
            assert!(Instant::now() < deadline, "the row does not come");
        }
    }
}

/// A read that starts after a batch was received, a find or a list of any kind of row, returns at least the revisions that
/// the batch reports, while others write and read.
pub async fn a_read_after_a_batch_returns_what_it_reports(storage: Arc<dyn StoragePort>) {
    let (party, others) = (party(3), one_of_each(Uuid::new_v4));
    create(&*storage, &party).await;
    let writes = others.iter().map(|row| row.create.clone()).collect();
    storage.commit(Transaction { writes, ..Transaction::new() }).await.expect("the rows are new and valid");
    let rows = Arc::new((party, others));
    let cursor = storage.head().await.expect("the head is answered");
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (storage, rows, is_done) = (Arc::clone(&storage), Arc::clone(&rows), Arc::clone(&is_done));
            tokio::spawn(async move {
                while !is_done.load(Ordering::SeqCst) {
                    for row in &rows.1 {
                        row.held(&*storage).await.expect("the row is live");
                    }
                    characters(&storage, &rows.0).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (storage, rows) = (Arc::clone(&storage), Arc::clone(&rows));
            tokio::spawn(async move {
                for round in 0..6 {
                    let row = Character { is_active: round % 2 == 0, ..rows.0[writer].clone() };
                    let mut transaction = Transaction::new().with(replacement(&row, Expect::Any));
                    transaction.writes.push(rows.1[(writer * 4 + round) % rows.1.len()].replace.clone());
                    storage.commit(transaction).await.expect("no revision was expected");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    are_readable(&storage, cursor, &rows.0, &rows.1, 18).await;
    is_done.store(true, Ordering::SeqCst);
    for task in writers.into_iter().chain(readers) {
        task.await.expect("no task panics");
    }
}

/// Receives this number of commits and reads each row that they report.
async fn are_readable(
    storage: &Arc<dyn StoragePort>,
    mut cursor: LogCursor,
    party: &[Character],
    others: &[SomeRow],
    commits: usize,
) {
    let mut received = 0;
    while received < commits {
        let batch = storage.follow(&cursor, 2, Duration::from_secs(20)).await.expect("the cursor is good");
        for change in batch.commits.iter().flat_map(|commit| commit.rows.iter().flatten()) {
            let found = match others.iter().find(|row| (row.kind, row.id) == (change.kind, change.id)) {
                Some(row) => row.held(&**storage).await.map(|row| row["meta"]["revision"].as_u64()),
                None => {
                    let listed = characters(storage, party).await;
                    let listed = listed.get(&CharacterId(change.id)).copied();
                    assert!(listed >= Some(change.revision.0), "a list after {change:?} has revision {listed:?}");
                    crate::sample::found(&**storage, CharacterId(change.id)).await.map(|row| Some(row.meta.revision.0))
                }
            };
            let found = found.flatten();
            assert!(found >= Some(change.revision.0), "a find after {change:?} has revision {found:?}");
        }
        received += batch.commits.len();
        cursor = batch.next;
    }
}

/// The revisions in the list of the user.
async fn characters(storage: &Arc<dyn StoragePort>, party: &[Character]) -> HashMap<CharacterId, u64> {
    let rows = crate::sample::list(&**storage, &of_user(party[0].user_id)).await;
    rows.into_iter().map(|row| (row.id, row.meta.revision.0)).collect()
}

/// A later commit of a row has a higher tick, of whatever kind the change is, and a log that is read again has the same
/// ticks.
pub async fn a_later_commit_of_a_row_has_a_higher_tick(storage: Arc<dyn StoragePort>) {
    let row = crate::sample::character();
    let mut ticks = Vec::new();
    for round in 0..4 {
        let changes = [
            if round == 0 { Change::Create(row.clone()) } else { replacement(&row, Expect::Any) },
            Change::Delete { id: row.id, expect: Expect::Any, at: at(1) },
            Change::Restore { id: row.id, expect: Expect::Any, at: at(2) },
        ];
        for change in changes {
            ticks.push(crate::sample::must(&*storage, change).await.tick);
        }
    }
    assert!(ticks.is_sorted_by(|one, other| one < other), "{ticks:?}");
    assert_eq!(logged(&*storage).await.iter().map(|commit| commit.tick).collect::<Vec<_>>(), ticks);
}
