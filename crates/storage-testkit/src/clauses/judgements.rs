//! Every change of a row in every state, by `commit` and by `commit_each`.

use crate::{
    kinds::{Sample, held, twin, walked, with},
    sample::{Call, at, character, event, kept, logged_events, revision},
};
use character_domain::{Meta, Revision, Timestamp};
use character_storage_port::{
    Change, Committed, DomainEvent, EntityKind, Expect, MemoryStorage, Result, StorageError, StoragePort, StoredRow,
    Tick, Transaction, every_kind,
};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The revision of the rows before they are changed. One of 32 bits is too small for it.
const REVISION: u64 = (1 << 33) + 7;

/// Times at both ends of the range, and the last but one microsecond of it.
fn times() -> [Timestamp; 4] {
    let microsecond = Duration::from_micros(1);
    [
        Timestamp::MIN,
        Timestamp::MAX,
        Timestamp::MIN.saturating_add(microsecond),
        Timestamp::MAX.saturating_sub(microsecond),
    ]
}

/// Rows in every state, and a transaction for each change of each.
#[derive(Debug, Default)]
struct Cases {
    /// Puts the rows there.
    rows: Option<Transaction>,
    changes: Vec<Transaction>,
}

/// A row of the kind that every case has for itself: absent, live or soft-deleted.
fn states<E: Sample>() -> [(E, bool); 3] {
    let row = |deleted_at, is_there| {
        let row = with(&twin(&E::full()), |row| {
            *row.meta_mut() = Meta { revision: Revision(REVISION), created_at: at(1), updated_at: at(2), deleted_at };
        });
        (row, is_there)
    };
    [row(None, false), row(None, true), row(Some(at(3)), true)]
}

/// Every change of a row, with every expectation.
fn changes<E: Sample>(row: &E) -> Vec<Change<E>> {
    let id = row.id();
    let changed = with(&row.changed(), |row| row.meta_mut().updated_at = at(9));
    let mut changes = vec![Change::Create(changed.clone()), Change::Import(changed.clone())];
    // The same revision, those beside it, the one that has the same lower 32 bits, and those at the ends.
    for expected in [REVISION, REVISION - 1, REVISION + 1, REVISION % (1 << 32), 0, 1, u64::MAX] {
        let (expect, entity) = (revision(expected), changed.clone());
        changes.push(Change::Replace { entity: entity.clone(), expect });
        changes.push(Change::Delete { id, expect, at: at(10) });
        changes.push(Change::Restore { id, expect, at: at(11) });
        changes.push(Change::Revive { entity, expect });
    }
    let (expect, entity) = (Expect::Any, changed);
    changes.push(Change::Replace { entity: entity.clone(), expect });
    changes.push(Change::Delete { id, expect, at: at(10) });
    changes.push(Change::Restore { id, expect, at: at(11) });
    changes.push(Change::Revive { entity, expect });
    changes
}

async fn add<E: Sample>(cases: &Mutex<Cases>) {
    let mut cases = cases.lock().expect("no panic holds it");
    let number_of_changes = changes(&E::full()).len();
    for number in 0..number_of_changes {
        for (row, is_there) in states::<E>() {
            if is_there {
                let rows = cases.rows.take().unwrap_or_else(Transaction::new);
                cases.rows = Some(rows.with(Change::Import(row.clone())));
            }
            let change = changes(&row).swap_remove(number);
            let answer = [Some(kept(&json!({ "number": number }))), Some(kept(&Value::Null)), None];
            let transaction = Transaction { answer: answer[number % 3].clone(), ..Transaction::new() };
            cases.changes.push(transaction.with(change).with_event(event(character().id, number as u64)));
        }
    }
}

/// What a caller learns of an outcome, but for the number that each log counts by itself.
fn learned(outcome: &Result<Committed>) -> Result<Committed, String> {
    let described = |error: &StorageError| {
        format!("{:?} of {:?}, {:?}, {:?}", error.kind(), error.entity(), error.certainly_not_applied(), error.retry())
    };
    outcome.as_ref().map(|committed| Committed { tick: Tick::default(), ..committed.clone() }).map_err(described)
}

async fn rows(storage: &dyn StoragePort) -> Vec<StoredRow> {
    let items: Vec<_> = storage.snapshot().await.expect("a snapshot begins").try_collect().await.expect("it ends");
    items.into_iter().map(crate::clauses::snapshots::row).collect()
}

async fn lists_agree<E: Sample>(storage: &dyn StoragePort, reference: &dyn StoragePort) {
    for is_deleted_included in [false, true] {
        let mut query = E::every_live();
        if is_deleted_included {
            E::include_deleted(&mut query);
        }
        let (listed, expected) = (walked::<E>(storage, &query, 1000).await, walked::<E>(reference, &query, 1000).await);
        assert!(listed == expected, "the list for {query:?} differs from that of the reference");
    }
}

/// Whether each outcome is that of the reference.
fn agree(outcomes: &[Result<Committed>], expected: &[Result<Committed>], transactions: &[Transaction]) {
    assert_eq!(outcomes.len(), expected.len());
    for ((outcome, expected), transaction) in outcomes.iter().zip(expected).zip(transactions) {
        assert_eq!(learned(outcome), learned(expected), "the outcome of {:?}", transaction.writes);
    }
}

/// Judges all cases, which begin by one call and are repeated by the other.
async fn are_judged(storage: &Arc<dyn StoragePort>, first: Call, again: Call) {
    let reference: Arc<dyn StoragePort> = Arc::new(MemoryStorage::new());
    let cases = Mutex::default();
    every_kind!(Row => add::<Row>(&cases).await);
    let Cases { rows: given, changes } = cases.into_inner().expect("no panic held it");
    for storage in [storage, &reference] {
        let rows = given.clone().expect("there are rows");
        storage.commit(rows).await.expect("the rows are new and valid");
    }
    let outcomes = first.commit(&**storage, &changes).await;
    agree(&outcomes, &Call::Commit.commit(&*reference, &changes).await, &changes);
    let applied: Vec<_> = outcomes.iter().zip(&changes).filter(|(outcome, _)| outcome.is_ok()).collect();
    let repeats: Vec<_> = applied.iter().map(|(_, transaction)| (*transaction).clone()).collect();
    for (repeat, (outcome, transaction)) in again.commit(&**storage, &repeats).await.into_iter().zip(applied) {
        assert_eq!(repeat.as_ref().ok(), outcome.as_ref().ok(), "the repeat of {:?}", transaction.writes);
    }
    let (held, expected) = (rows(&**storage).await, rows(&*reference).await);
    assert_eq!(held.len(), expected.len());
    for (held, expected) in held.iter().zip(&expected) {
        assert_eq!(held, expected);
    }
    every_kind!(Row => lists_agree::<Row>(&**storage, &*reference).await);
}

/// Every change of an absent, a live and a deleted row of every kind, with every expectation, has the outcome of the reference
/// and the same repeat; revisions count beyond 32 bits.
pub async fn every_change_in_every_state_is_judged_right(storage: Arc<dyn StoragePort>) {
    are_judged(&storage, Call::Commit, Call::CommitEach).await;
}

/// A batch judges every change of every row as a commit does: the same outcomes, refusals that name their rows, answers,
/// repeats and rows.
pub async fn a_batch_judges_every_change_as_a_commit_does(storage: Arc<dyn StoragePort>) {
    are_judged(&storage, Call::CommitEach, Call::Commit).await;
}

async fn keeps_any_time<E: Sample>(storage: &Arc<dyn StoragePort>) {
    for (time, call) in times().into_iter().zip(Call::BOTH.iter().copied().cycle()) {
        let row = twin(&E::full());
        let (id, expect) = (row.id(), Expect::Any);
        let (deleted, restored) = (
            Meta { revision: Revision(2), created_at: row.meta().created_at, updated_at: time, deleted_at: Some(time) },
            Meta { revision: Revision(3), created_at: row.meta().created_at, updated_at: time, deleted_at: None },
        );
        let told = DomainEvent { time, ..event(character().id, 1) };
        let changes =
            [Change::Create(row), Change::Delete { id, expect, at: time }, Change::Restore { id, expect, at: time }];
        for (change, meta) in changes.into_iter().zip([None, Some(deleted), Some(restored)]) {
            let transaction = Transaction::new().with(change).with_event(told.clone());
            let committed = call.commit_one(&**storage, transaction).await.expect("no other call writes");
            if let Some(meta) = meta {
                assert_eq!(committed.written, [meta], "the outcome for {time}");
                assert_eq!(held::<E>(&**storage, id).await.map(|row| *row.meta()), Some(meta));
            }
        }
    }
}

/// Deletions, restorations and events keep any time to the microsecond, the first and the last included.
pub async fn a_change_keeps_any_time(storage: Arc<dyn StoragePort>) {
    every_kind!(Row => keeps_any_time::<Row>(&storage).await);
    let told = logged_events(&*storage).await;
    let mut kept_times: Vec<_> = told.iter().map(|event| event.time).collect();
    kept_times.dedup();
    let expected: Vec<_> = (0..EntityKind::ALL.len()).flat_map(|_| times()).collect();
    assert_eq!(kept_times, expected);
}
