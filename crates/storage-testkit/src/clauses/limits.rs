//! The most that one call may hold, and what must be remembered of thousands of calls.

use crate::{
    clauses::leases::must_lease,
    sample::{Call, character, consumer, creation, event, found, kept, logged, logged_events, party, transactions},
};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    Committed, DomainEvent, ErrorKind, EventId, HolderId, MAX_EVENTS, MAX_PARKED, MAX_TRANSACTIONS, StoragePort,
    Transaction,
};
use futures_util::future::join_all;
use serde_json::json;
use std::{slice, sync::Arc};

/// A transaction of `MAX_EVENTS` events commits, and the log holds each of them in order.
pub async fn a_transaction_of_the_most_events_commits(storage: Arc<dyn StoragePort>) {
    let subjects: [CharacterId; 7] = std::array::from_fn(|_| CharacterId::new());
    let events: Vec<_> = (0..MAX_EVENTS).map(|number| event(subjects[number % 7], number as u64)).collect();
    let transaction = Transaction { events: events.clone(), ..Transaction::new() };
    storage.commit(transaction).await.expect("it is not more than the most");
    let logged = logged_events(&*storage).await;
    assert_eq!(logged.len(), events.len());
    assert!(logged == events, "the events differ from those that were committed");
}

/// A transaction that is the request of one answer, about this row.
fn request(row: &Character, number: usize) -> Transaction {
    let answer = (number > 0).then(|| kept(&json!({ "number": number })));
    Transaction { answer, ..creation(slice::from_ref(row)) }
}

/// A batch of `MAX_TRANSACTIONS` commits. Thousands of commits later every request of before is known by its id, its contents
/// and its answer, alone and in a batch, and the log holds all of them.
///
/// It makes two thousand commits, as few as tell a storage that remembers a thousand from one that remembers all.
pub async fn thousands_of_commits_are_remembered(storage: Arc<dyn StoragePort>) {
    let rows = party(4);
    let first: Vec<_> = rows.iter().enumerate().map(|(number, row)| request(row, number)).collect();
    let mut committed: Vec<Committed> = Vec::new();
    for (transaction, call) in first.iter().zip(Call::BOTH.iter().copied().cycle()) {
        let outcome = call.commit_one(&*storage, transaction.clone()).await;
        committed.push(outcome.expect("the row is new"));
    }
    let mut ids: Vec<_> = first.iter().map(|transaction| transaction.id).collect();
    for _ in 0..2 {
        let batch: Vec<_> = (0..MAX_TRANSACTIONS).map(|_| Transaction::new()).collect();
        ids.extend(batch.iter().map(|transaction| transaction.id));
        let outcomes = storage.commit_each(batch).await;
        assert_eq!(outcomes.len(), MAX_TRANSACTIONS);
        for (outcome, id) in outcomes.into_iter().zip(&ids[ids.len() - MAX_TRANSACTIONS..]) {
            assert_eq!(outcome.expect("it is empty").id, *id);
        }
    }
    for &call in Call::BOTH {
        for (transaction, first) in first.iter().zip(&committed) {
            let repeat = call.commit_one(&*storage, transaction.clone()).await.expect("it is a repeat");
            assert_eq!(&repeat, first, "by {call:?}");
        }
        for id in [ids[0], ids[1], ids[10], ids[MAX_TRANSACTIONS], ids[MAX_TRANSACTIONS + 10], ids[ids.len() - 1]] {
            let row = character();
            let other = Transaction { id, ..creation(slice::from_ref(&row)) };
            let error = call.commit_one(&*storage, other).await.expect_err("the id was used for something else");
            assert_eq!(error.kind(), &ErrorKind::TransactionReused, "by {call:?}");
            assert_eq!(found(&*storage, row.id).await, None);
        }
    }
    let logged = transactions(&logged(&*storage).await);
    assert_eq!(logged.len(), ids.len(), "entries of the log");
    assert!(logged == ids, "the log differs from what was committed");
}

/// More than `MAX_PARKED` events may be parked: a list of `MAX_PARKED` holds as many, and the rest is behind it; as many may be
/// marked and discarded at once.
pub async fn the_most_parked_events_are_listed_marked_and_discarded(storage: Arc<dyn StoragePort>) {
    let (name, holder) = (consumer(), HolderId::new());
    let token = must_lease(&*storage, &name, holder).await.token;
    let subject = CharacterId::new();
    let mut events: Vec<DomainEvent> = (0..MAX_PARKED as u64 + 3).map(|number| event(subject, number)).collect();
    for some in events.chunks(16) {
        for outcome in join_all(some.iter().map(|event| storage.park(&token, event, "refused"))).await {
            outcome.expect("the lease is held");
        }
    }
    events.sort_by_key(|event| event.id);
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let list = async |after| {
        let parked = storage.parked(&name, after, MAX_PARKED).await.expect("a list is answered");
        parked.into_iter().map(|parked| parked.event.id).collect::<Vec<_>>()
    };
    assert!(list(None).await == ids[..MAX_PARKED], "the first of the parked events");
    assert_eq!(list(Some(ids[MAX_PARKED - 1])).await, ids[MAX_PARKED..]);
    let state = storage.consumers().await.expect("a list is answered").remove(0);
    assert_eq!(state.parked, ids.len() as u64);
    let marked = storage.unpark(&name, &ids[3..]).await.expect("as many may be marked");
    assert_eq!(marked, MAX_PARKED as u64);
    let replays = must_lease(&*storage, &name, holder).await.replays;
    assert!(replays.iter().map(|parked| parked.event.id).eq(ids[3..].iter().copied()), "the events to replay");
    let discarded = storage.discard(&name, &ids[..MAX_PARKED]).await.expect("as many may be discarded");
    assert_eq!(discarded, MAX_PARKED as u64);
    assert_eq!(list(None).await, ids[MAX_PARKED..]);
}

/// The longest `traceparent` comes back, of every visible ASCII character.
pub async fn the_longest_traceparent_comes_back(storage: Arc<dyn StoragePort>) {
    let visible: String = (b'!'..=b'~').map(char::from).collect();
    let longest: String = visible.chars().cycle().take(128).collect();
    let mut expected = Vec::new();
    for &call in Call::BOTH {
        for text in ["x", &visible, &longest] {
            let transaction = Transaction { traceparent: Some(text.to_owned()), ..Transaction::new() };
            call.commit_one(&*storage, transaction).await.expect("it is visible and short");
            expected.push(Some(text.to_owned()));
        }
    }
    let traces: Vec<_> = logged(&*storage).await.iter().map(|entry| entry.traceparent.clone()).collect();
    assert_eq!(traces, expected);
}
