//! Invariant 9: a call that is dropped leaks nothing and leaves nothing half done.

use crate::sample::{
    LONG, character, consumer, create, creation, event, found, kept, list, logged_events, numbers, of_user, party,
    replacement,
};
use character_domain::{Character, CharacterId, Revision, UserId};
use character_storage_port::{Deleted, Expect, HolderId, PageRequest, StorageExt, StoragePort, Store, Transaction};
use futures_util::future::{Future, join_all};
use std::{collections::HashMap, pin::pin, slice, sync::Arc, task::Poll, time::Duration};

/// Polls the call at most this number of times, letting other tasks run in between, then drops it.
pub(crate) async fn dropped_after<F: Future>(polls: usize, call: F) {
    let mut call = pin!(call);
    for _ in 0..polls {
        let ended = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        if ended {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Of fifty commits that are dropped at different moments, each is applied whole or not at all; repeating
/// each then has one effect.
pub async fn a_dropped_commit_is_applied_whole_or_not_at_all(storage: Arc<dyn StoragePort>) {
    let user = UserId::new();
    let mut transactions = Vec::new();
    let mut owner = HashMap::new();
    for number in 0..50 {
        let pair: Vec<_> =
            party(2).into_iter().map(|row| character_domain::Character { user_id: user, ..row }).collect();
        let transaction = creation(&pair).with_event(event(pair[0].id, 1));
        owner.extend(pair.iter().map(|row| (row.id, number)));
        if number % 2 == 0 {
            dropped_after(number / 4, storage.commit(transaction.clone())).await;
        } else {
            let call = storage.commit(transaction.clone());
            // Between nothing and some milliseconds, in which a slow storage is in the middle of its work.
            let moment = Duration::from_micros(number as u64 * 120);
            let _dropped_or_ended = tokio::time::timeout(moment, call).await;
        }
        transactions.push((transaction, pair));
        let mut rows_of: HashMap<usize, usize> = HashMap::new();
        for row in list(&storage, &of_user(user)).await {
            *rows_of.entry(owner[&row.id]).or_default() += 1;
        }
        assert!(rows_of.values().all(|rows| *rows == 2), "half of a dropped commit is there");
    }
    for (transaction, pair) in transactions {
        storage.commit(transaction).await.expect("a dropped commit can be repeated");
        for row in &pair {
            assert_eq!(found(&storage, row.id).await.map(|row| row.meta.revision), Some(Revision::FIRST));
        }
    }
    let events = logged_events(&storage).await;
    assert_eq!(events.len(), 50, "each commit brings its event once");
}

/// Of twenty batches that are dropped at different moments, each transaction is applied whole or not at all; repeating each batch
/// then gives every transaction one effect.
pub async fn a_dropped_batch_applies_each_transaction_whole_or_not_at_all(storage: Arc<dyn StoragePort>) {
    let user = UserId::new();
    let mut batches = Vec::new();
    for number in 0..20 {
        let pairs: Vec<Vec<Character>> =
            (0..4).map(|_| party(2).into_iter().map(|row| Character { user_id: user, ..row }).collect()).collect();
        let batch: Vec<_> = pairs.iter().map(|pair| creation(pair).with_event(event(pair[0].id, 1))).collect();
        let call = storage.commit_each(batch.clone());
        if number % 2 == 0 {
            dropped_after(number / 2, call).await;
        } else {
            let moment = Duration::from_micros(number as u64 * 300);
            let _dropped_or_ended = tokio::time::timeout(moment, call).await;
        }
        let there = list(&storage, &of_user(user)).await;
        batches.push((batch, pairs));
        for (_, pairs) in &batches {
            for pair in pairs {
                let rows = pair.iter().filter(|row| there.iter().any(|held| held.id == row.id)).count();
                assert!(rows != 1, "half of a transaction of a dropped batch is there");
            }
        }
    }
    for (batch, pairs) in &batches {
        for outcome in storage.commit_each(batch.clone()).await {
            outcome.expect("a dropped batch can be repeated");
        }
        for row in pairs.iter().flatten() {
            assert_eq!(found(&storage, row.id).await.as_ref(), Some(row));
        }
    }
    assert_eq!(logged_events(&storage).await.len(), 80, "each transaction brings its event once");
}

/// A hundred dropped calls of every kind use nothing up: the storage answers as before.
pub async fn dropped_calls_use_nothing_up(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    let (name, holder, unhandled) = (consumer(), HolderId::new(), event(row.id, 8));
    let leased = storage.lease(&name, holder, LONG).await.expect("a lease is answered").expect("it is free");
    let head = storage.head().await.expect("the storage works");
    for round in 0..20 {
        let polls = 1 + round % 4;
        dropped_after(polls, Store::<Character>::find(&*storage, CharacterId::new(), Deleted::Exclude)).await;
        dropped_after(polls, storage.list_characters(&of_user(row.user_id), PageRequest::default())).await;
        dropped_after(polls, storage.commit(Transaction::new().with(replacement(&row, Expect::Any)))).await;
        dropped_after(polls, storage.commit_each(vec![Transaction::new(), Transaction::new()])).await;
        dropped_after(polls, storage.probe()).await;
        dropped_after(polls, storage.head()).await;
        dropped_after(polls, storage.follow(&head, 1, LONG)).await;
        dropped_after(polls, storage.lease(&name, holder, LONG)).await;
        dropped_after(polls, storage.advance(&leased.token, &head)).await;
        dropped_after(polls, storage.park(&leased.token, &unhandled, "refused")).await;
        dropped_after(polls, storage.parked(&name, None, 1)).await;
        dropped_after(polls, storage.unpark(&name, &[unhandled.id])).await;
        dropped_after(polls, storage.discard(&name, &[unhandled.id])).await;
        dropped_after(polls, storage.consumers()).await;
    }
    let answers = join_all((0..30).map(|_| found(&storage, row.id)));
    let answers = tokio::time::timeout(Duration::from_secs(20), answers).await.expect("the storage still answers");
    assert!(answers.iter().all(Option::is_some));
    let mut last = Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, 9));
    last.answer = Some(kept(&"the last".into()));
    let committed = tokio::time::timeout(Duration::from_secs(20), storage.commit(last)).await;
    committed.expect("the storage still commits").expect("no revision was expected");
    assert_eq!(numbers(&logged_events(&storage).await, row.id), [9]);
}

/// Many calls at once, of which all but one are dropped, do not take the last one with them.
pub async fn a_dropped_call_does_not_take_others_with_it(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&storage, slice::from_ref(&row)).await;
    for _ in 0..10 {
        let id = row.id;
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let storage = Arc::clone(&storage);
                tokio::spawn(async move { found(&storage, id).await })
            })
            .collect();
        let kept = {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move { found(&storage, id).await })
        };
        for call in calls {
            call.abort();
        }
        let answer = tokio::time::timeout(Duration::from_secs(20), kept).await;
        assert!(answer.expect("the call ends").expect("it does not panic").is_some());
    }
}
