//! Invariant 8: a failed call says whether it was certainly not applied.

use crate::sample::{character, create, creation, deletion, must, refused, replacement, restoration, revision};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    Change, Expect, MAX_TRANSACTIONS, PageRequest, Retry, StorageError, StorageExt, StoragePort, Transaction,
};
use std::{error::Error, slice, sync::Arc, time::Duration};

fn certainly_refused(error: &StorageError) {
    assert!(error.certainly_not_applied(), "{error}");
    assert_eq!(error.retry(), Retry::Never, "{error}");
}

/// Every refusal says that the transaction was certainly not applied and that repeating it is of no use.
pub async fn a_refusal_says_certainly_not_applied(storage: Arc<dyn StoragePort>) {
    let (row, absent) = (character(), character());
    let first = creation(slice::from_ref(&row));
    storage.commit(first.clone()).await.expect("a new row is allowed");
    for change in [
        replacement(&row, revision(5)),
        replacement(&absent, Expect::Any),
        deletion(absent.id, Expect::Any),
        restoration(row.id, Expect::Any),
        Change::Create(row.clone()),
        Change::Create(Character { name: String::new(), ..character() }),
    ] {
        certainly_refused(&refused(&storage, change).await);
    }
    let reused = Transaction { id: first.id, ..creation(&[absent]) };
    certainly_refused(&storage.commit(reused).await.expect_err("the id was used"));
}

/// The refusals of a batch say so too.
pub async fn a_refusal_in_a_batch_says_certainly_not_applied(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let batch = vec![Transaction::new().with(replacement(&row, revision(5))), creation(slice::from_ref(&row))];
    for outcome in storage.commit_each(batch).await {
        certainly_refused(&outcome.expect_err("each is refused"));
    }
    let too_many = vec![Transaction::new(); MAX_TRANSACTIONS + 1];
    for outcome in storage.commit_each(too_many).await {
        certainly_refused(&outcome.expect_err("each is refused"));
    }
}

/// The message of an error is one line that names the operation and does not repeat its source.
pub async fn a_message_is_one_line(storage: Arc<dyn StoragePort>) {
    let error = refused(&storage, deletion(CharacterId::new(), Expect::Any)).await;
    let text = error.to_string();
    assert!(text.contains(error.operation()) && !text.contains('\n'), "{text}");
    if let Some(source) = error.source() {
        assert!(!text.contains(&source.to_string()), "the message holds its source: {text}");
    }
}

/// A row that is absent is not an error to a reader, in whichever way it is asked for.
pub async fn absence_is_not_an_error(storage: Arc<dyn StoragePort>) {
    let id = CharacterId::new();
    for _ in 0..2 {
        assert_eq!(crate::sample::found(&storage, id).await, None);
        assert_eq!(crate::sample::live(&storage, id).await, None);
    }
}

/// A storage that works answers its probe.
pub async fn a_working_storage_answers_its_probe(storage: Arc<dyn StoragePort>) {
    storage.probe().await.expect("the storage works");
}

/// A refusal does not hurt what comes after it.
pub async fn a_refusal_does_not_hurt_what_comes_after(storage: Arc<dyn StoragePort>) {
    let row = character();
    for _ in 0..60 {
        refused(&storage, deletion(row.id, Expect::Any)).await;
    }
    let head = storage.head().await.expect("the storage works");
    storage.follow(&head, 0, Duration::ZERO).await.expect_err("a batch of nothing is invalid");
    must(&storage, Change::Create(row.clone())).await;
    storage.probe().await.expect("the storage works");
    let page = storage.list_characters(&crate::sample::of_user(row.user_id), PageRequest::default()).await;
    assert_eq!(page.expect("a list is answered").value.items, [row]);
}
