//! Invariant 2: a repeated commit has one effect and the same answer.

use super::concurrency::race;
use crate::sample::{
    beginning, character, create, creation, deletion, event, follow_from, found, kept, list, logged_events, must,
    numbers, of_user, party, replacement, revision,
};
use character_domain::{Character, CharacterId, Revision};
use character_storage_port::{
    Change, Committed, ErrorKind, Expect, Fingerprint, MAX_FOLLOWED, Result, StoragePort, Transaction, TransactionId,
};
use serde_json::json;
use std::{slice, sync::Arc};

async fn commit(storage: &Arc<dyn StoragePort>, transaction: &Transaction) -> Committed {
    storage.commit(transaction.clone()).await.expect("the transaction is allowed")
}

async fn reused(storage: &Arc<dyn StoragePort>, transaction: Transaction) {
    let error = storage.commit(transaction).await.expect_err("the id was used for something else");
    assert_eq!(error.kind(), &ErrorKind::TransactionReused);
}

async fn at_revision(storage: &Arc<dyn StoragePort>, id: CharacterId) -> Option<Revision> {
    found(storage, id).await.map(|row| row.meta.revision)
}

/// Repeating a transaction does not change the rows a second time.
pub async fn a_repeated_transaction_has_one_effect(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let transaction = Transaction::new().with(replacement(&row, Expect::Any));
    for _ in 0..3 {
        commit(&storage, &transaction).await;
    }
    assert_eq!(at_revision(&storage, row.id).await, Some(Revision(2)));
}

/// Repeating a transaction gives the first outcome again, to the letter.
pub async fn a_repeated_transaction_gives_the_same_answer(storage: Arc<dyn StoragePort>) {
    let mut transaction = creation(&party(3));
    transaction.answer = Some(kept(&json!({ "created": 3 })));
    let first = commit(&storage, &transaction).await;
    assert_eq!(commit(&storage, &transaction).await, first);
    assert_eq!(commit(&storage, &transaction).await, first);
}

/// Repeating a transaction does not bring its events again, also after the log returned them.
pub async fn a_repeated_transaction_brings_its_events_once(storage: Arc<dyn StoragePort>) {
    let row = character();
    let transaction = creation(slice::from_ref(&row)).with_event(event(row.id, 1));
    commit(&storage, &transaction).await;
    commit(&storage, &transaction).await;
    let (told, next) = follow_from(&*storage, beginning(&storage).await, MAX_FOLLOWED).await;
    let told: Vec<_> = told.iter().flat_map(|commit| commit.events.clone()).collect();
    assert_eq!(told, transaction.events);
    commit(&storage, &transaction).await;
    assert_eq!(follow_from(&*storage, next, MAX_FOLLOWED).await.0, [], "the event came back after it was told");
    assert_eq!(logged_events(&storage).await, transaction.events);
}

/// A repeat gives the first outcome also when the rows have changed since.
pub async fn a_repeat_after_later_changes_gives_the_first_answer(storage: Arc<dyn StoragePort>) {
    let row = character();
    let transaction = creation(slice::from_ref(&row));
    let first = commit(&storage, &transaction).await;
    must(&storage, replacement(&row, revision(1))).await;
    must(&storage, deletion(row.id, revision(2))).await;
    assert_eq!(commit(&storage, &transaction).await, first);
    assert_eq!(at_revision(&storage, row.id).await, Some(Revision(3)));
}

/// A repeated create is answered as the first was, not as `AlreadyExists`.
///
/// Lesson 39: the second answer to a request is the first one's.
pub async fn a_repeated_create_is_not_already_exists(storage: Arc<dyn StoragePort>) {
    let transaction = creation(&[character()]);
    commit(&storage, &transaction).await;
    let repeated = storage.commit(transaction).await;
    assert!(repeated.is_ok(), "{repeated:?}");
}

/// Sixteen tasks that commit one transaction at the same time get the same answer, and it takes effect once.
pub async fn concurrent_repeats_have_one_effect(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let transaction = Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, 1));
    let outcomes = race(&storage, vec![transaction; 16]).await;
    let answers: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("each repeat is answered")).collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answers differ: {answers:?}");
    assert_eq!(at_revision(&storage, row.id).await, Some(Revision(2)));
    assert_eq!(numbers(&logged_events(&storage).await, row.id), [1]);
}

/// An empty transaction holds its id too.
pub async fn an_empty_transaction_can_be_repeated(storage: Arc<dyn StoragePort>) {
    let transaction = Transaction::new();
    let first = commit(&storage, &transaction).await;
    assert_eq!(commit(&storage, &transaction).await, first);
    reused(&storage, transaction.with(Change::Create(character()))).await;
}

/// An id that was committed with other writes is `TransactionReused`, and nothing is applied.
pub async fn a_reused_id_with_other_writes_is_refused(storage: Arc<dyn StoragePort>) {
    let rows = party(2);
    let first = creation(&rows[..1]);
    commit(&storage, &first).await;
    reused(&storage, Transaction { id: first.id, ..creation(&rows[1..]) }).await;
    reused(&storage, Transaction { id: first.id, ..creation(&rows) }).await;
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await, rows[..1]);
    commit(&storage, &first).await;
}

/// An id that was committed with other events is `TransactionReused`, and no event is brought.
pub async fn a_reused_id_with_other_events_is_refused(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row)).with_event(event(row.id, 1));
    commit(&storage, &first).await;
    reused(&storage, Transaction { events: vec![event(row.id, 2)], ..first.clone() }).await;
    reused(&storage, Transaction { events: Vec::new(), ..first.clone() }).await;
    assert_eq!(numbers(&logged_events(&storage).await, row.id), [1]);
}

/// A single changed field in the contents makes it another transaction.
pub async fn a_reused_id_with_one_other_field_is_refused(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row));
    commit(&storage, &first).await;
    let other = Character { is_active: false, ..row.clone() };
    reused(&storage, Transaction { id: first.id, ..creation(&[other]) }).await;
    assert_eq!(found(&storage, row.id).await, Some(row));
}

/// With a fingerprint of its own, a transaction is repeated whatever its writes are.
pub async fn a_given_fingerprint_decides_what_is_a_repeat(storage: Arc<dyn StoragePort>) {
    let rows = party(2);
    let fingerprint = Some(Fingerprint::of(b"one request"));
    let first = Transaction { fingerprint: fingerprint.clone(), ..creation(&rows[..1]) };
    let answer = commit(&storage, &first).await;
    let derived_anew = Transaction { id: first.id, fingerprint, ..creation(&rows[1..]) };
    assert_eq!(commit(&storage, &derived_anew).await, answer);
    assert_eq!(found(&storage, rows[1].id).await, None, "a repeat was applied");
}

/// With another fingerprint, the same writes are another transaction.
pub async fn another_fingerprint_is_another_request(storage: Arc<dyn StoragePort>) {
    let first = Transaction { fingerprint: Some(Fingerprint::of(b"one")), ..creation(&[character()]) };
    commit(&storage, &first).await;
    reused(&storage, Transaction { fingerprint: Some(Fingerprint::of(b"two")), ..first.clone() }).await;
    reused(&storage, Transaction { fingerprint: None, ..first }).await;
}

/// The answer that a transaction carries is returned by its commit and by each repeat.
pub async fn the_answer_is_kept_and_given_back(storage: Arc<dyn StoragePort>) {
    let row = character();
    let mut transaction = creation(slice::from_ref(&row));
    transaction.answer =
        Some(kept(&json!({ "text": "Ärger \u{1f409}\n", "numbers": [u64::MAX, i64::MIN, 0.1], "none": null })));
    assert_eq!(commit(&storage, &transaction).await.answer, transaction.answer);
    must(&storage, deletion(row.id, Expect::Any)).await;
    assert_eq!(commit(&storage, &transaction).await.answer, transaction.answer);
}

/// The answer is no part of the contents: a repeat with another one is given the first.
pub async fn the_first_answer_stays(storage: Arc<dyn StoragePort>) {
    let mut transaction = creation(&[character()]);
    transaction.answer = Some(kept(&json!("first")));
    commit(&storage, &transaction).await;
    for other in [Some(kept(&json!("second"))), None] {
        let repeat = Transaction { answer: other, ..transaction.clone() };
        assert_eq!(commit(&storage, &repeat).await.answer, transaction.answer);
    }
}

/// An answer of any JSON value is kept and returned by each commit and repeat, alone or in a batch: `null` is an answer,
/// and a transaction without one has none.
pub async fn an_answer_of_any_json_is_kept(storage: Arc<dyn StoragePort>) {
    let values = [json!(null), json!(false), json!(0), json!(-0.0), json!(""), json!("null"), json!([]), json!({})];
    let answers = values.iter().map(|value| Some(kept(value))).chain([None, Some(kept(&json!([null, { "": null }])))]);
    let transactions: Vec<_> = answers.map(|answer| Transaction { answer, ..Transaction::new() }).collect();
    let (alone, together) = transactions.split_at(transactions.len() / 2);
    let given = |outcome: Result<Committed>| outcome.expect("the transaction is allowed").answer;
    for _ in 0..2 {
        for (those_alone, those_together) in [(alone, together), (together, alone)] {
            for transaction in those_alone {
                assert_eq!(given(storage.commit(transaction.clone()).await), transaction.answer);
            }
            let outcomes = storage.commit_each(those_together.to_vec()).await;
            let expected: Vec<_> = those_together.iter().map(|transaction| transaction.answer.clone()).collect();
            assert_eq!(outcomes.into_iter().map(given).collect::<Vec<_>>(), expected);
        }
    }
}

/// A refused transaction may be sent again unchanged, and is judged again.
pub async fn a_refused_transaction_may_be_sent_again(storage: Arc<dyn StoragePort>) {
    let row = character();
    let transaction = Transaction::new().with(replacement(&row, revision(1))).with_event(event(row.id, 1));
    for _ in 0..2 {
        let error = storage.commit(transaction.clone()).await.expect_err("the row is absent");
        assert_eq!(error.kind(), &ErrorKind::NotFound);
    }
    create(&storage, slice::from_ref(&row)).await;
    commit(&storage, &transaction).await;
    assert_eq!(at_revision(&storage, row.id).await, Some(Revision(2)));
    assert_eq!(numbers(&logged_events(&storage).await, row.id), [1]);
}

/// A refused transaction leaves no trace: its id may be used with other contents.
pub async fn a_refused_transaction_does_not_use_up_its_id(storage: Arc<dyn StoragePort>) {
    let row = character();
    let refused = Transaction::new().with(deletion(row.id, Expect::Any));
    storage.commit(refused.clone()).await.expect_err("the row is absent");
    commit(&storage, &Transaction { id: refused.id, ..creation(slice::from_ref(&row)) }).await;
    assert_eq!(found(&storage, row.id).await, Some(row));
}

/// A reused id is noticed before any row is read.
///
/// Lesson 38: a repeated request is distinguished from a row that is taken.
pub async fn a_reused_id_is_seen_before_the_rows_are(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row));
    commit(&storage, &first).await;
    for change in [replacement(&row, revision(9)), deletion(CharacterId::new(), Expect::Any), Change::Create(row)] {
        let other = Transaction { id: first.id, ..Transaction::new().with_event(event(change.id(), 1)).with(change) };
        reused(&storage, other).await;
    }
}

/// An invalid transaction is refused as such before its id is read.
pub async fn an_invalid_transaction_is_refused_before_its_id_is_looked_at(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row));
    commit(&storage, &first).await;
    let nameless = Character { name: String::new(), ..row };
    let error = storage.commit(Transaction { id: first.id, ..creation(&[nameless]) }).await;
    let error = error.expect_err("an empty name is invalid");
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
}

/// An id made from a caller's key is an id like any other.
pub async fn an_id_made_from_a_key_is_an_id_like_any_other(storage: Arc<dyn StoragePort>) {
    let (first, second) = (TransactionId::from_key("POST /x", "key"), TransactionId::from_key("POST /y", "key"));
    let rows = party(2);
    let transaction = Transaction { id: first, ..creation(&rows[..1]) };
    let committed = commit(&storage, &transaction).await;
    assert_eq!(committed.id, first);
    assert_eq!(commit(&storage, &transaction).await, committed);
    commit(&storage, &Transaction { id: second, ..creation(&rows[1..]) }).await;
}
