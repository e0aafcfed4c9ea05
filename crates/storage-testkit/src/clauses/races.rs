//! Invariant 3 for every kind, every change and both calls: of concurrent writers exactly one wins.

use crate::{
    kinds::{Sample, held, put, twin, with},
    sample::{Call, at, creation, event, follow_from, found, kept, logged_events, numbers, party, revision},
};
use character_domain::{CharacterId, Revision};
use character_storage_port::{
    Change, Committed, ErrorKind, Expect, MAX_FOLLOWED, Result, StoragePort, Transaction, TransactionId, every_kind,
};
use futures_util::future::join_all;
use serde_json::json;
use std::{slice, sync::Arc};

/// How many writers want the same.
const WRITERS: usize = 8;

/// The outcomes of these transactions, committed at the same time by one task each, the even ones by `commit` and the odd ones
/// by `commit_each`.
async fn race(storage: &Arc<dyn StoragePort>, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
    let start = Arc::new(tokio::sync::Barrier::new(transactions.len()));
    let tasks = transactions.into_iter().zip(Call::BOTH.iter().copied().cycle()).map(|(transaction, call)| {
        let (storage, start) = (Arc::clone(storage), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            call.commit_one(&*storage, transaction).await
        })
    });
    let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
    outcomes.into_iter().map(|outcome| outcome.expect("no task panics")).collect()
}

/// A sort of change, for which each writer makes one of its own.
type Make<E> = fn(E, Expect) -> Change<E>;

/// The changes of a row that is absent, is there, or was deleted, and the answers to those that lose it.
fn sorts<E: Sample>() -> [(Make<E>, ErrorKind); 6] {
    let conflict = ErrorKind::Conflict { expected: Revision(1), actual: Revision(2) };
    [
        (|row, _| Change::Create(row), ErrorKind::AlreadyExists),
        (|row, _| Change::Import(with(&row, |row| row.meta_mut().revision = Revision(2))), ErrorKind::AlreadyExists),
        (|entity, expect| Change::Replace { entity, expect }, conflict.clone()),
        (|row, expect| Change::Delete { id: row.id(), expect, at: row.meta().updated_at }, conflict.clone()),
        (|row, expect| Change::Restore { id: row.id(), expect, at: row.meta().updated_at }, conflict.clone()),
        (|entity, expect| Change::Revive { entity, expect }, conflict.clone()),
    ]
}

/// The row of each sort of change, of which those are put there that must be there.
async fn rows<E: Sample>(storage: &Arc<dyn StoragePort>) -> Vec<E> {
    let mut rows: Vec<E> = (0..6).map(|_| twin(&E::full())).collect();
    rows[4..].iter_mut().for_each(|row| row.meta_mut().deleted_at = Some(at(3)));
    put(&**storage, &rows[2..]).await;
    rows
}

/// The state that the writer of this number leaves behind: its time tells it.
fn written_by<E: Sample>(row: &E, writer: usize) -> E {
    with(&row.changed(), |row| {
        row.meta_mut().deleted_at = None;
        row.meta_mut().updated_at = at(100 + i64::try_from(writer).unwrap_or_default());
    })
}

async fn one_wins<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let start = storage.head().await.expect("the head is answered");
    let rows = rows::<E>(storage).await;
    let mut transactions = Vec::new();
    for (row, (change, _)) in rows.iter().zip(sorts::<E>()) {
        for writer in 0..WRITERS {
            let number = writer as u64;
            let change = change(written_by(row, writer), revision(1));
            let event = event(CharacterId(row.id().into()), number);
            transactions.push(Transaction::new().with(change).with_event(event));
        }
    }
    let ids: Vec<_> = transactions.iter().map(|transaction| transaction.id).collect();
    let outcomes = race(storage, transactions).await;
    let logged = follow_from(&**storage, start, MAX_FOLLOWED).await.0;
    for (place, (row, (_, expected))) in rows.iter().zip(sorts::<E>()).enumerate() {
        let of_row = place * WRITERS..(place + 1) * WRITERS;
        let outcomes = &outcomes[of_row.clone()];
        let winners: Vec<usize> = (0..WRITERS).filter(|writer| outcomes[*writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "the winners {winners:?} of change {place} of a {}", E::KIND);
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            let named = Some((E::KIND, row.id().into()));
            assert_eq!((error.kind(), error.entity()), (&expected, named), "change {place}");
        }
        let held = held::<E>(storage, row.id()).await.expect("the row is held");
        assert_eq!(held.meta().updated_at, written_by(row, winners[0]).meta().updated_at, "change {place}");
        let told: Vec<_> = logged.iter().filter(|entry| ids[of_row.clone()].contains(&entry.transaction)).collect();
        assert_eq!(told.len(), 1, "entries of change {place} of a {}", E::KIND);
        assert_eq!(numbers(&told[0].events, CharacterId(row.id().into())), [winners[0] as u64]);
    }
}

/// Of eight writers that make the same change of a row at the same time, of whatever kind and sort it is, alone and in
/// batches, one wins: its row, its entry and its events are there, and the others are refused by the right name.
pub async fn of_concurrent_changes_of_any_kind_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => one_wins::<Row>(&storage).await);
}

async fn are_one_after_the_other<E: Sample>(storage: &Arc<dyn StoragePort>) {
    let rows = rows::<E>(storage).await;
    let sorts = sorts::<E>();
    let mut transactions = Vec::new();
    for (row, (change, _)) in rows.iter().zip(&sorts).skip(2) {
        for writer in 0..WRITERS {
            transactions.push(Transaction::new().with(change(written_by(row, writer), Expect::Any)));
        }
    }
    let outcomes = race(storage, transactions).await;
    // Every replacement is applied; of deletions and restorations only the first.
    let losers = [None, Some(ErrorKind::NotFound), Some(ErrorKind::AlreadyExists), Some(ErrorKind::AlreadyExists)];
    for (place, (row, loser)) in rows[2..].iter().zip(losers).enumerate() {
        let outcomes = &outcomes[place * WRITERS..(place + 1) * WRITERS];
        let mut revisions = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(committed) => revisions.push(committed.written[0].revision.0),
                Err(error) => assert_eq!(Some(error.kind()), loser.as_ref(), "change {place} of a {}", E::KIND),
            }
        }
        revisions.sort_unstable();
        let winners = if loser.is_none() { WRITERS } else { 1 };
        assert_eq!(revisions, (2..2 + winners as u64).collect::<Vec<_>>(), "change {place} of a {}", E::KIND);
        let held = held::<E>(storage, row.id()).await.expect("the row is held");
        assert_eq!(held.meta().revision.0, 1 + winners as u64);
    }
}

/// Writers of any kind that expect nothing are judged one after the other, alone and in batches: every replacement counts, and
/// of deletions and restorations only the first.
pub async fn concurrent_changes_without_an_expectation_follow_each_other(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => are_one_after_the_other::<Row>(&storage).await);
}

/// Of sixteen requests with one id and different contents that are sent at the same time, alone and in batches, one is
/// committed and the others are `TransactionReused`.
pub async fn of_concurrent_requests_with_one_id_exactly_one_wins(storage: Arc<dyn StoragePort>) {
    for _ in 0..4 {
        let (id, rows) = (TransactionId::new(), party(16));
        let requests = rows.iter().zip(0..).map(|(row, number)| Transaction {
            id,
            answer: Some(kept(&json!(number))),
            ..creation(slice::from_ref(row)).with_event(event(row.id, number))
        });
        let requests: Vec<_> = requests.collect();
        let outcomes = race(&storage, requests.clone()).await;
        let winners: Vec<usize> = (0..16).filter(|place| outcomes[*place].is_ok()).collect();
        assert_eq!(winners.len(), 1, "the winners: {winners:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.kind(), &ErrorKind::TransactionReused);
        }
        for (place, row) in rows.iter().enumerate() {
            let expected = Some(row).filter(|_| place == winners[0]);
            assert_eq!(found(&*storage, row.id).await.as_ref(), expected);
        }
        let repeat = storage.commit(requests[winners[0]].clone()).await.expect("it is a repeat");
        assert_eq!(Some(&repeat), outcomes[winners[0]].as_ref().ok());
    }
    assert_eq!(logged_events(&*storage).await.len(), 4);
}

/// Commits the same transactions in sixteen tasks at the same time, by these calls in turn.
async fn have_one_effect(storage: &Arc<dyn StoragePort>, calls: &'static [Call]) {
    let rows = party(3);
    put(&**storage, &rows).await;
    let transactions: Vec<_> = rows
        .iter()
        .map(|row| {
            let change = Change::Replace { entity: row.clone(), expect: Expect::Any };
            let answer = Some(kept(&json!({ "row": row.id })));
            Transaction { answer, ..Transaction::new() }.with(change).with_event(event(row.id, 1))
        })
        .collect();
    let start = Arc::new(tokio::sync::Barrier::new(16));
    let tasks = (0..16).zip(calls.iter().copied().cycle()).map(|(task, call)| {
        let (storage, start, mut transactions) = (Arc::clone(storage), Arc::clone(&start), transactions.clone());
        // In whatever order a batch has them.
        transactions.rotate_left(task % 3);
        tokio::spawn(async move {
            start.wait().await;
            let mut outcomes = call.commit(&*storage, &transactions).await;
            outcomes.rotate_right(task % 3);
            outcomes
        })
    });
    let mut first = None;
    for outcomes in join_all(tasks.collect::<Vec<_>>()).await {
        let outcomes = outcomes.expect("no task panics").into_iter();
        let answers: Vec<Committed> = outcomes.map(|outcome| outcome.expect("each repeat is answered")).collect();
        assert_eq!(&answers, first.get_or_insert_with(|| answers.clone()), "{calls:?}");
    }
    for row in &rows {
        assert_eq!(found(&**storage, row.id).await.map(|row| row.meta.revision), Some(Revision(2)), "{calls:?}");
        assert_eq!(numbers(&logged_events(&**storage).await, row.id), [1], "{calls:?}");
    }
}

/// Sixteen tasks that commit the same transactions at the same time get the same answers, and each transaction takes effect
/// once: all of the tasks in batches, and half of them.
pub async fn concurrent_repeats_in_batches_have_one_effect(storage: Arc<dyn StoragePort>) {
    // Batches alone too: a commit that is first in a mixed race leaves the batches nothing but repeats.
    for calls in [&[Call::CommitEach], Call::BOTH] {
        have_one_effect(&storage, calls).await;
    }
}
