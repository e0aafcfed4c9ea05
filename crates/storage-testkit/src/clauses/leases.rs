//! Leases of consumers: one holder at a time.

use crate::sample::{LONG, character, consumer, create, event, follow_from, logged, transactions};
use character_storage_port::{
    ConsumerName, ErrorKind, HolderId, LeaseToken, Leased, LogCursor, MAX_FOLLOWED, StoragePort, Transaction,
    TransactionId,
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(30);

/// The answer to a request for a lease.
pub(crate) async fn lease(
    storage: &dyn StoragePort,
    name: &ConsumerName,
    holder: HolderId,
    time: Duration,
) -> Option<Leased> {
    storage.lease(name, holder, time).await.expect("a lease is answered")
}

/// A lease that no other holder has.
pub(crate) async fn must_lease(storage: &dyn StoragePort, name: &ConsumerName, holder: HolderId) -> Leased {
    lease(storage, name, holder, LONG).await.expect("no other holder has the consumer")
}

/// A lease, once that of another holder has ended.
pub(crate) async fn lease_when_free(storage: &dyn StoragePort, name: &ConsumerName, holder: HolderId) -> Leased {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(leased) = lease(storage, name, holder, LONG).await {
            return leased;
        }
        assert!(Instant::now() < deadline, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Commits this number of transactions with an event each.
pub(crate) async fn write(storage: &dyn StoragePort, count: u64) -> Vec<TransactionId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let transaction = Transaction::new().with_event(event(character().id, number));
        ids.push(storage.commit(transaction).await.expect("events are allowed").id);
    }
    ids
}

/// The transactions behind the cursor.
pub(crate) async fn rest(storage: &dyn StoragePort, cursor: &LogCursor) -> Vec<TransactionId> {
    transactions(&follow_from(storage, cursor.clone(), MAX_FOLLOWED).await.0)
}

/// The cursor behind this number of commits.
pub(crate) async fn behind(storage: &dyn StoragePort, cursor: &LogCursor, commits: usize) -> LogCursor {
    let batch = storage.follow(cursor, commits, Duration::ZERO).await.expect("the cursor is good");
    assert_eq!(batch.commits.len(), commits);
    batch.next
}

/// Panics unless the token moves nothing any more.
pub(crate) async fn has_lost(storage: &dyn StoragePort, token: &LeaseToken, to: &LogCursor) {
    let error = storage.advance(token, to).await.expect_err("the lease is lost");
    assert_eq!(error.kind(), &ErrorKind::LeaseLost, "{error}");
    let error = storage.park(token, &event(character().id, 1), "late").await.expect_err("the lease is lost");
    assert_eq!(error.kind(), &ErrorKind::LeaseLost, "{error}");
    assert!(error.certainly_not_applied(), "{error}");
}

/// While one holder has a lease, no other gets one.
pub async fn a_consumer_has_one_holder_at_a_time(storage: Arc<dyn StoragePort>) {
    let (name, holder) = (consumer(), HolderId::new());
    let leased = must_lease(&*storage, &name, holder).await;
    assert_eq!(leased.token.consumer, name);
    for _ in 0..5 {
        assert_eq!(lease(&*storage, &name, HolderId::new(), LONG).await, None);
    }
    storage.advance(&leased.token, &leased.cursor).await.expect("the lease is held");
}

/// A holder that leases again keeps its token, and its lease ends with the later time.
pub async fn a_holder_prolongs_its_lease_and_keeps_its_token(storage: Arc<dyn StoragePort>) {
    let (name, holder) = (consumer(), HolderId::new());
    let start = Instant::now();
    let first = lease(&*storage, &name, holder, SHORT).await.expect("the consumer is new");
    let second = must_lease(&*storage, &name, holder).await;
    assert_eq!(second.token, first.token);
    tokio::time::sleep((SHORT + Duration::from_millis(20)).saturating_sub(start.elapsed())).await;
    assert_eq!(lease(&*storage, &name, HolderId::new(), LONG).await, None, "the lease ended with its first time");
    storage.advance(&first.token, &first.cursor).await.expect("the lease is held");
}

/// When a lease has ended, another holder gets one with a new token. The old token then neither advances nor parks, and a
/// release with it is passed over.
pub async fn a_lease_that_has_ended_passes_to_another_holder(storage: Arc<dyn StoragePort>) {
    write(&*storage, 2).await;
    let (name, one, other) = (consumer(), HolderId::new(), HolderId::new());
    let first = lease(&*storage, &name, one, SHORT).await.expect("the consumer is new");
    let second = lease_when_free(&*storage, &name, other).await;
    assert_ne!(second.token, first.token);
    let end = behind(&*storage, &first.cursor, 2).await;
    has_lost(&*storage, &first.token, &end).await;
    storage.release(&first.token).await.expect("a token that is not current is passed over");
    assert_eq!(lease(&*storage, &name, one, LONG).await, None, "a late release freed the consumer");
    let held = must_lease(&*storage, &name, other).await;
    assert_eq!((held.token, held.cursor), (second.token, second.cursor), "the old token moved the consumer");
    assert_eq!(storage.parked(&name, None, 10).await.expect("a list is answered"), []);
}

/// A lease that has ended still moves its consumer, until another one is given.
pub async fn a_lease_counts_until_another_is_given(storage: Arc<dyn StoragePort>) {
    write(&*storage, 2).await;
    let name = consumer();
    let first = lease(&*storage, &name, HolderId::new(), Duration::from_millis(5)).await.expect("it is new");
    let end = behind(&*storage, &first.cursor, 2).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    storage.advance(&first.token, &end).await.expect("no other lease was given");
    let second = lease_when_free(&*storage, &name, HolderId::new()).await;
    assert_eq!(rest(&*storage, &second.cursor).await, []);
}

/// Of sixteen holders that ask at the same time, one gets the lease.
pub async fn of_concurrent_leases_exactly_one_is_given(storage: Arc<dyn StoragePort>) {
    let name = consumer();
    for _ in 0..3 {
        let requests: Vec<_> = (0..16)
            .map(|_| {
                let (storage, name) = (Arc::clone(&storage), name.clone());
                tokio::spawn(async move { lease(&*storage, &name, HolderId::new(), LONG).await })
            })
            .collect();
        let mut given = Vec::new();
        for request in requests {
            given.extend(request.await.expect("no task panics"));
        }
        assert_eq!(given.len(), 1, "{given:?}");
        storage.advance(&given[0].token, &given[0].cursor).await.expect("the lease is held");
        storage.release(&given[0].token).await.expect("a release is answered");
    }
}

/// A released consumer is free at once, its token counts no more, and a release may be repeated.
pub async fn a_release_frees_the_consumer_at_once(storage: Arc<dyn StoragePort>) {
    write(&*storage, 1).await;
    let (name, holder) = (consumer(), HolderId::new());
    let first = must_lease(&*storage, &name, holder).await;
    for _ in 0..2 {
        storage.release(&first.token).await.expect("a release is answered");
    }
    let end = behind(&*storage, &first.cursor, 1).await;
    has_lost(&*storage, &first.token, &end).await;
    let second = must_lease(&*storage, &name, HolderId::new()).await;
    assert_eq!(second.cursor, first.cursor);
    assert_ne!(second.token, first.token);
    storage.release(&second.token).await.expect("a release is answered");
    assert_ne!(must_lease(&*storage, &name, holder).await.token, first.token);
}

/// Holders that take turns handle every commit once and in order.
pub async fn holders_that_take_turns_handle_every_commit_in_order(storage: Arc<dyn StoragePort>) {
    create(&*storage, &[character()]).await;
    write(&*storage, 29).await;
    let (name, handled) = (consumer(), Arc::new(Mutex::new(Vec::new())));
    let holders: Vec<_> = (0..4)
        .map(|_| {
            let (storage, name, handled) = (Arc::clone(&storage), name.clone(), Arc::clone(&handled));
            tokio::spawn(async move {
                let (holder, deadline) = (HolderId::new(), Instant::now() + Duration::from_secs(20));
                while handled.lock().expect("no holder panics").len() < 30 {
                    assert!(Instant::now() < deadline, "the consumer does not get to the end");
                    let Some(leased) = lease(&*storage, &name, holder, LONG).await else {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    };
                    let batch = storage.follow(&leased.cursor, 4, Duration::ZERO).await.expect("the cursor is good");
                    // The work takes a while, in which the others ask for the lease.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let ids = batch.commits.iter().map(|commit| commit.transaction);
                    handled.lock().expect("no holder panics").extend(ids);
                    storage.advance(&leased.token, &batch.next).await.expect("the lease is held");
                    storage.release(&leased.token).await.expect("a release is answered");
                }
            })
        })
        .collect();
    for holder in holders {
        holder.await.expect("no holder panics");
    }
    let logged = transactions(&logged(&*storage).await);
    assert_eq!(*handled.lock().expect("no holder panics"), logged);
}
