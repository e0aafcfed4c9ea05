//! Transactions that are sent together and stand for themselves.

use crate::sample::{
    character, create, creation, event, found, kept, list, logged_events, numbers, of_user, party, replacement,
    revision,
};
use character_domain::{Character, Revision};
use character_storage_port::{ErrorKind, Expect, MAX_TRANSACTIONS, StoragePort, Transaction};
use serde_json::json;
use std::{slice, sync::Arc};

/// A batch gives one outcome for each transaction, in the order given.
pub async fn a_batch_gives_one_outcome_each_in_order(storage: Arc<dyn StoragePort>) {
    let rows = party(10);
    let batch: Vec<_> = rows.chunks(1).map(creation).collect();
    let ids: Vec<_> = batch.iter().map(|transaction| transaction.id).collect();
    let outcomes = storage.commit_each(batch).await;
    let answered: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("a new row is allowed").id).collect();
    assert_eq!(answered, ids);
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await.len(), 10);
}

/// A refused transaction of a batch does not touch the others, wherever it is.
pub async fn a_refused_transaction_of_a_batch_does_not_touch_the_others(storage: Arc<dyn StoragePort>) {
    let rows = party(6);
    create(&storage, &rows[..1]).await;
    let batch = vec![
        creation(&rows[..1]),
        creation(&rows[1..2]),
        Transaction::new().with(replacement(&rows[0], revision(9))),
        creation(&rows[2..4]).with_event(event(rows[2].id, 1)),
        creation(&[Character { name: String::new(), ..rows[5].clone() }]),
        creation(&rows[4..5]),
        Transaction::new().with(replacement(&rows[5], Expect::Any)),
    ];
    let outcomes = storage.commit_each(batch).await;
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().err().map_or("committed", |error| error.kind().code()))
        .collect();
    let expected = ["already-exists", "committed", "conflict", "committed", "invalid", "committed", "not-found"];
    assert_eq!(codes, expected);
    let mut held = list(&storage, &of_user(rows[0].user_id)).await;
    held.reverse();
    assert_eq!(held, rows[..5]);
    assert_eq!(numbers(&logged_events(&storage).await, rows[2].id), [1]);
}

/// Each transaction of a batch is atomic by itself.
///
/// Lesson 3: revisions are checked on every path, in batches as in single commits.
pub async fn each_transaction_of_a_batch_is_atomic(storage: Arc<dyn StoragePort>) {
    let rows = party(3);
    create(&storage, &rows[2..]).await;
    let batch = vec![creation(&rows).with_event(event(rows[0].id, 1)), creation(&rows[..1])];
    let outcomes = storage.commit_each(batch).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
    assert_eq!(found(&storage, rows[1].id).await, None);
    assert_eq!(logged_events(&storage).await, []);
}

/// A batch of more than `MAX_TRANSACTIONS` is `Invalid` throughout, and nothing of it is applied.
pub async fn a_batch_that_is_too_large_is_invalid_throughout(storage: Arc<dyn StoragePort>) {
    let row = character();
    let mut batch = vec![creation(slice::from_ref(&row))];
    batch.extend((0..MAX_TRANSACTIONS).map(|_| Transaction::new()));
    let outcomes = storage.commit_each(batch).await;
    assert_eq!(outcomes.len(), MAX_TRANSACTIONS + 1);
    for outcome in outcomes {
        let error = outcome.expect_err("the batch is too large");
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    }
    assert_eq!(found(&storage, row.id).await, None);
}

/// A transaction that is twice in one batch has one effect and the same answer twice.
pub async fn a_transaction_twice_in_one_batch_has_one_effect(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let mut transaction = Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, 1));
    transaction.answer = Some(kept(&json!({ "first": true })));
    let outcomes = storage.commit_each(vec![transaction.clone(), Transaction::new(), transaction]).await;
    let answers: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("each is allowed")).collect();
    assert_eq!(answers[0], answers[2]);
    assert_eq!(found(&storage, row.id).await.map(|row| row.meta.revision), Some(Revision(2)));
    assert_eq!(numbers(&logged_events(&storage).await, row.id), [1]);
}

/// Of two transactions with one id and other contents in one batch, one commits and the other is refused.
pub async fn an_id_twice_in_one_batch_with_other_contents_is_refused(storage: Arc<dyn StoragePort>) {
    let rows = party(2);
    let first = creation(&rows[..1]);
    let second = Transaction { id: first.id, ..creation(&rows[1..]) };
    let outcomes = storage.commit_each(vec![first, second]).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].kind(), &ErrorKind::TransactionReused);
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await.len(), 1);
}

/// A transaction that was committed by itself is answered in a batch as a repeat, and the other way round.
///
/// Lesson 5: repeating a batch does not make its first part fail on its own effect.
pub async fn a_batch_and_a_commit_share_their_ids(storage: Arc<dyn StoragePort>) {
    let rows = party(2);
    let (alone, together) = (creation(&rows[..1]), creation(&rows[1..]));
    let first = storage.commit(alone.clone()).await.expect("a new row is allowed");
    let outcomes = storage.commit_each(vec![alone, together.clone()]).await;
    let answers: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("each is allowed")).collect();
    assert_eq!(answers[0], first);
    assert_eq!(storage.commit(together).await.expect("a repeat is answered"), answers[1]);
}

/// A batch of a hundred commits.
pub async fn a_batch_of_a_hundred_commits(storage: Arc<dyn StoragePort>) {
    let rows = party(100);
    let outcomes = storage.commit_each(rows.chunks(1).map(creation).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(list(&storage, &of_user(rows[0].user_id)).await.len(), 100);
}

/// A batch of nothing has no outcome.
pub async fn an_empty_batch_has_no_outcome(storage: Arc<dyn StoragePort>) {
    assert!(storage.commit_each(Vec::new()).await.is_empty());
}
