//! Invariant 3: no lost update.

use crate::sample::{
    at, character, commit, create, deletion, event, found, live, logged_events, must, numbers, party, refused,
    replacement, restoration, revision,
};
use character_domain::{Character, Revision};
use character_storage_port::{
    Change, Committed, EntityKind, ErrorKind, Expect, Result, StorageError, StoragePort, Transaction,
};
use serde_json::{Value, json};
use std::{slice, sync::Arc};

fn is_conflict(error: &StorageError, expected: u64, actual: u64) {
    let conflict = ErrorKind::Conflict { expected: Revision(expected), actual: Revision(actual) };
    assert_eq!(error.kind(), &conflict);
}

/// The outcomes of these transactions, committed at the same time by one task each.
pub(super) async fn race(storage: &Arc<dyn StoragePort>, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
    let start = Arc::new(tokio::sync::Barrier::new(transactions.len()));
    let tasks: Vec<_> = transactions
        .into_iter()
        .map(|transaction| {
            let (storage, start) = (Arc::clone(storage), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                storage.commit(transaction).await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("no task panics"));
    }
    outcomes
}

/// A replacement that expects another revision is a `Conflict` that carries both, and changes nothing.
pub async fn a_replacement_of_another_revision_is_a_conflict(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, replacement(&row, revision(1))).await;
    let before = found(&storage, row.id).await;
    for expected in [1, 3, 0, 4_000_000_000] {
        is_conflict(&refused(&storage, replacement(&row, revision(expected))).await, expected, 2);
    }
    assert_eq!(found(&storage, row.id).await, before);
}

/// A deletion that expects another revision is a `Conflict`, and deletes nothing.
pub async fn a_deletion_of_another_revision_is_a_conflict(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    is_conflict(&refused(&storage, deletion(row.id, revision(2))).await, 2, 1);
    assert_eq!(live(&storage, row.id).await, Some(row));
}

/// A restoration that expects another revision is a `Conflict`, and restores nothing.
pub async fn a_restoration_of_another_revision_is_a_conflict(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, revision(1))).await;
    is_conflict(&refused(&storage, restoration(row.id, revision(1))).await, 1, 2);
    assert_eq!(live(&storage, row.id).await, None);
}

/// The revision is checked before the deletion, so a writer that lost against a deletion gets `Conflict`.
pub async fn a_writer_that_lost_against_a_deletion_gets_a_conflict(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, revision(1))).await;
    is_conflict(&refused(&storage, replacement(&row, revision(1))).await, 1, 2);
    is_conflict(&refused(&storage, deletion(row.id, revision(1))).await, 1, 2);
}

/// The revision is checked before the row being live, so a late restoration gets `Conflict`.
pub async fn a_restoration_that_came_too_late_gets_a_conflict(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    must(&storage, deletion(row.id, revision(1))).await;
    must(&storage, restoration(row.id, revision(2))).await;
    is_conflict(&refused(&storage, restoration(row.id, revision(2))).await, 2, 3);
}

/// `Conflict`, `NotFound` and `AlreadyExists` name the row.
///
/// Lesson 7: an error says which row, which revision was expected and which is there.
pub async fn a_refusal_names_the_row(storage: Arc<dyn StoragePort>) {
    let (row, absent) = (character(), character());
    create(&storage, slice::from_ref(&row)).await;
    for (change, id) in [
        (replacement(&row, revision(5)), row.id),
        (Change::Create(row.clone()), row.id),
        (deletion(absent.id, Expect::Any), absent.id),
    ] {
        let error = refused(&storage, change).await;
        assert_eq!(error.entity(), Some((EntityKind::Character, id.0)), "{error}");
    }
}

/// A writer without an expectation overwrites whatever revision is there.
pub async fn any_expectation_takes_whatever_revision_is_there(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for name in ["second", "third"] {
        must(&storage, replacement(&Character { name: name.to_owned(), ..row.clone() }, Expect::Any)).await;
    }
    must(&storage, deletion(row.id, Expect::Any)).await;
    must(&storage, restoration(row.id, Expect::Any)).await;
    let held = live(&storage, row.id).await.expect("it was restored");
    assert_eq!((held.name.as_str(), held.meta.revision), ("third", Revision(5)));
}

/// Of sixteen writers that expect the same revision one wins; the others get `Conflict` with the new revision.
pub async fn of_concurrent_writers_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let named = |i: usize| Character { name: format!("Writer {i}"), ..row.clone() };
    let transactions = (0..16).map(|i| Transaction::new().with(replacement(&named(i), revision(1)))).collect();
    let outcomes = race(&storage, transactions).await;
    let winners: Vec<usize> = (0..16).filter(|&i| outcomes[i].is_ok()).collect();
    assert_eq!(winners.len(), 1, "the winners: {winners:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        is_conflict(error, 1, 2);
    }
    let held = found(&storage, row.id).await.expect("it was created");
    assert_eq!((held.name, held.meta.revision), (named(winners[0]).name, Revision(2)));
}

/// Of sixteen creations of one id one wins; the others get `AlreadyExists`.
pub async fn of_concurrent_creations_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    let row = character();
    let named = |i: usize| Character { name: format!("Writer {i}"), ..row.clone() };
    let outcomes = race(&storage, (0..16).map(|i| Transaction::new().with(Change::Create(named(i)))).collect()).await;
    let winners: Vec<usize> = (0..16).filter(|&i| outcomes[i].is_ok()).collect();
    assert_eq!(winners.len(), 1, "the winners: {winners:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.kind(), &ErrorKind::AlreadyExists);
    }
    assert_eq!(found(&storage, row.id).await, Some(named(winners[0])));
}

/// Of eight deletions without an expectation one wins; the others get `NotFound`.
pub async fn of_concurrent_deletions_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let outcomes =
        race(&storage, (0..8).map(|_| Transaction::new().with(deletion(row.id, Expect::Any))).collect()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.kind(), &ErrorKind::NotFound);
    }
    assert_eq!(found(&storage, row.id).await.map(|row| row.meta.revision), Some(Revision(2)));
}

/// Writers without an expectation all succeed, and each raises the revision by one.
pub async fn concurrent_writers_without_an_expectation_all_succeed(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let outcomes =
        race(&storage, (0..8).map(|_| Transaction::new().with(replacement(&row, Expect::Any))).collect()).await;
    let mut revisions: Vec<u64> = Vec::new();
    for outcome in outcomes {
        revisions.extend(outcome.expect("no revision was expected").written.iter().map(|meta| meta.revision.0));
    }
    revisions.sort_unstable();
    assert_eq!(revisions, [2, 3, 4, 5, 6, 7, 8, 9]);
}

/// Transactions that write the same rows in opposite order all end, and none is lost.
pub async fn transactions_in_opposite_order_do_not_lock_each_other_out(storage: Arc<dyn StoragePort>) {
    let mut rows = party(6);
    create(&storage, &rows).await;
    let mut transactions = Vec::new();
    for _ in 0..12 {
        rows.reverse();
        transactions.push(rows.iter().fold(Transaction::new(), |t, row| t.with(replacement(row, Expect::Any))));
    }
    for outcome in race(&storage, transactions).await {
        outcome.expect("no revision was expected");
    }
    for row in rows {
        assert_eq!(found(&storage, row.id).await.map(|row| row.meta.revision), Some(Revision(13)));
    }
}

/// Eight tasks that count up by reading, adding and writing, again after each conflict, lose no count, and the
/// events of the row are in the order of its revisions.
pub async fn concurrent_increments_add_up(storage: Arc<dyn StoragePort>) {
    const TASKS: u64 = 8;
    const TIMES: u64 = 4;
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let increment = |storage: Arc<dyn StoragePort>| async move {
        for _ in 0..TIMES {
            let mut attempts = 0;
            loop {
                let mut next = live(&storage, row.id).await.expect("the row is live");
                // Between reading and writing the others get their turn, also over a storage that never waits.
                tokio::task::yield_now().await;
                let count = next.data.0.get("count").and_then(Value::as_u64).unwrap_or(0);
                next.data.0.insert("count".to_owned(), json!(count + 1));
                let expect = Expect::Revision(next.meta.revision);
                next.meta.updated_at = at(10);
                let transaction =
                    Transaction::new().with(replacement(&next, expect)).with_event(event(next.id, count + 1));
                match storage.commit(transaction).await {
                    Ok(_) => break,
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}"),
                }
                attempts += 1;
                assert!(attempts < 2_000, "a writer that reads again after each conflict never gets through");
                tokio::task::yield_now().await;
            }
        }
    };
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(increment(Arc::clone(&storage)))).collect();
    for task in tasks {
        task.await.expect("every increment gets through");
    }
    let held = found(&storage, row.id).await.expect("the row is live");
    assert_eq!(held.data.0.get("count"), Some(&json!(TASKS * TIMES)));
    assert_eq!(held.meta.revision, Revision(1 + TASKS * TIMES));
    let expected: Vec<u64> = (1..=TASKS * TIMES).collect();
    assert_eq!(numbers(&logged_events(&storage).await, row.id), expected);
}

/// Writers of different rows do not get in each other's way.
pub async fn writers_of_different_rows_all_succeed(storage: Arc<dyn StoragePort>) {
    let rows = party(16);
    create(&storage, &rows).await;
    let changes = rows.iter().map(|row| Transaction::new().with(replacement(row, revision(1)))).collect();
    for outcome in race(&storage, changes).await {
        outcome.expect("no other call wrote this row");
    }
    commit(&storage, replacement(&rows[0], revision(2))).await.expect("it is at revision 2");
}
