//! The log: what is in it, and how cursors lead through it.

use crate::sample::{
    beginning, character, consumer, create, creation, deletion, event, follow_from, is_recent, logged, moves_on, must,
    party, replacement, revision, transactions,
};
use character_domain::Character;
use character_storage_port::{
    ErrorKind, Expect, HolderId, MAX_FOLLOWED, StoragePort, Tick, Transaction, TransactionId,
};
use serde_json::json;
use std::{
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

/// Commits this number of transactions, one after the other: creations, changes, events alone, and empty ones.
async fn write(storage: &dyn StoragePort, count: usize) -> Vec<TransactionId> {
    let row = character();
    create(storage, slice::from_ref(&row)).await;
    let mut ids = Vec::new();
    for number in 0..count {
        let transaction = match number % 4 {
            0 => creation(&party(2)).with_event(event(row.id, number as u64)),
            1 => Transaction::new().with(replacement(&row, Expect::Any)),
            2 => Transaction::new().with_event(event(row.id, number as u64)),
            _ => Transaction::new(),
        };
        ids.push(storage.commit(transaction).await.expect("the transaction is allowed").id);
    }
    ids
}

/// A transaction that is refused, invalid, or reuses an id is never in the log, and neither are its events.
pub async fn a_refused_transaction_is_never_logged(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row)).with_event(event(row.id, 1));
    storage.commit(first.clone()).await.expect("the row is new");
    let absent = character();
    let refused = [
        Transaction::new().with(replacement(&row, revision(7))).with_event(event(row.id, 2)),
        Transaction::new().with(deletion(absent.id, Expect::Any)).with_event(event(row.id, 3)),
        creation(slice::from_ref(&row)).with_event(event(row.id, 4)),
        creation(&[Character { name: String::new(), ..character() }]).with_event(event(row.id, 5)),
        Transaction { id: first.id, ..creation(&[character()]) }.with_event(event(row.id, 6)),
        creation(&[character(), row.clone()]).with_event(event(row.id, 7)),
    ];
    for transaction in &refused {
        storage.commit(transaction.clone()).await.expect_err("it breaks a rule");
    }
    for outcome in storage.commit_each(refused.to_vec()).await {
        outcome.expect_err("it breaks a rule");
    }
    let logged = logged(&*storage).await;
    assert_eq!(transactions(&logged), [first.id]);
    assert_eq!(logged[0].events, first.events);
}

/// A transaction without writes and events is in the log.
pub async fn an_empty_transaction_is_logged(storage: Arc<dyn StoragePort>) {
    let (one, other) = (Transaction::new(), Transaction::new());
    storage.commit(one.clone()).await.expect("an empty transaction is allowed");
    storage.commit_each(vec![other.clone()]).await.remove(0).expect("an empty transaction is allowed");
    let logged = logged(&*storage).await;
    assert_eq!(transactions(&logged), [one.id, other.id]);
    assert!(logged.iter().all(|commit| commit.rows == Some(Vec::new()) && commit.events.is_empty()), "{logged:?}");
}

/// A transaction that is repeated, in whichever way and however often, is in the log once.
pub async fn a_repeated_transaction_is_logged_once(storage: Arc<dyn StoragePort>) {
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let start = storage.head().await.expect("the head is answered");
    let transaction = Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, 1));
    storage.commit(transaction.clone()).await.expect("the row is live");
    must(&*storage, replacement(&row, Expect::Any)).await;
    storage.commit(transaction.clone()).await.expect("a repeat is answered");
    for outcome in storage.commit_each(vec![transaction.clone(), transaction.clone()]).await {
        outcome.expect("a repeat is answered");
    }
    let (commits, _) = follow_from(&*storage, start, MAX_FOLLOWED).await;
    assert_eq!(commits.iter().filter(|commit| commit.transaction == transaction.id).count(), 1);
    assert_eq!(logged(&*storage).await.len(), 3);
}

/// Each transaction of a `commit_each` has an entry of its own; those of one row are in the order given.
pub async fn each_transaction_of_a_batch_has_an_entry(storage: Arc<dyn StoragePort>) {
    let row = character();
    let change = |number| Transaction::new().with(replacement(&row, Expect::Any)).with_event(event(row.id, number));
    let mut batch = vec![creation(slice::from_ref(&row)).with_event(event(row.id, 0))];
    batch.extend((1..10).map(change));
    batch.insert(4, change(99).with(replacement(&character(), revision(1))));
    let outcomes = storage.commit_each(batch.clone()).await;
    batch.remove(4);
    let logged = logged(&*storage).await;
    assert_eq!(transactions(&logged), batch.iter().map(|transaction| transaction.id).collect::<Vec<_>>());
    let committed: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    for ((entry, committed), transaction) in logged.iter().zip(&committed).zip(&batch) {
        assert_eq!((entry.tick, entry.rows.as_ref()), (committed.tick, Some(&committed.changes)));
        assert_eq!(entry.events, transaction.events);
    }
}

/// A follow that starts after a commit was acknowledged returns it, also when it may not wait.
pub async fn an_acknowledged_commit_is_returned_at_once(storage: Arc<dyn StoragePort>) {
    let mut cursor = beginning(&*storage).await;
    for number in 0..20 {
        let transaction = Transaction::new().with_event(event(character().id, number));
        let id = if number % 2 == 0 {
            storage.commit(transaction).await.expect("events are allowed").id
        } else {
            storage.commit_each(vec![transaction]).await.remove(0).expect("events are allowed").id
        };
        let batch = storage.follow(&cursor, 10, Duration::ZERO).await.expect("the cursor is good");
        assert_eq!(transactions(&batch.commits), [id]);
        cursor = batch.next;
    }
}

/// Batches hold at most as many commits as they may and join to the same log with every limit; `more` is set if and only if
/// commits are left.
pub async fn batches_of_every_limit_join_to_the_whole_log(storage: Arc<dyn StoragePort>) {
    let start = beginning(&*storage).await;
    write(&*storage, 20).await;
    let whole = follow_from(&*storage, start.clone(), MAX_FOLLOWED).await.0;
    assert_eq!(whole.len(), 21);
    for limit in [1, 2, 7, 20, 21, 22, MAX_FOLLOWED] {
        let mut received = Vec::new();
        let mut cursor = start.clone();
        while received.len() < whole.len() {
            let batch = storage.follow(&cursor, limit, Duration::ZERO).await.expect("the cursor is good");
            let size = batch.commits.len();
            assert!((1..=limit).contains(&size), "a batch of {size} commits for a limit of {limit}");
            received.extend(batch.commits);
            assert_eq!(batch.more, received.len() < whole.len(), "more behind {} commits", received.len());
            cursor = batch.next;
        }
        assert_eq!(received, whole, "the log in batches of {limit}");
        let end = storage.follow(&cursor, limit, Duration::ZERO).await.expect("the cursor is good");
        assert!(end.commits.is_empty() && !end.more, "{end:?}");
    }
}

/// The id of every transaction in the log is remembered: a repeat of the oldest is a repeat, and another request under its
/// id is refused.
pub async fn the_id_of_every_entry_is_remembered(storage: Arc<dyn StoragePort>) {
    let row = character();
    let first = creation(slice::from_ref(&row));
    let committed = storage.commit(first.clone()).await.expect("the row is new");
    write(&*storage, 60).await;
    for entry in logged(&*storage).await {
        let other = Transaction { id: entry.transaction, ..creation(&[character()]) };
        let error = storage.commit(other).await.expect_err("the id was used for something else");
        assert_eq!(error.kind(), &ErrorKind::TransactionReused, "{error}");
    }
    assert_eq!(storage.commit(first).await.expect("a repeat is answered"), committed);
}

/// Commits whose events are large are received complete and once, in as many batches as it takes.
pub async fn large_commits_are_received_complete_and_once(storage: Arc<dyn StoragePort>) {
    let mut cursor = beginning(&*storage).await;
    let mut expected = Vec::new();
    for number in 0..13 {
        let mut large = event(character().id, number);
        let text = "\u{1F409} tale ".repeat(if number % 4 == 3 { 1 } else { 60_000 });
        large.data = json!({ "number": number, "text": text });
        let transaction = Transaction::new().with_event(large);
        expected.push((transaction.id, transaction.events.clone()));
        storage.commit(transaction).await.expect("the event is within its bounds");
    }
    let (mut received, mut settled) = (Vec::new(), Tick::default());
    while received.len() < expected.len() {
        let batch = storage.follow(&cursor, MAX_FOLLOWED, Duration::ZERO).await.expect("the cursor is good");
        assert!(batch.commits.iter().all(|commit| settled <= commit.tick && commit.tick < batch.ceiling), "{settled}");
        received.extend(batch.commits.iter().map(|commit| (commit.transaction, commit.events.clone())));
        assert_eq!(batch.more, received.len() < expected.len(), "more behind {} commits", received.len());
        (cursor, settled) = (batch.next, batch.settled);
    }
    assert!(received == expected, "the events differ from those that were committed");
}

/// Every cursor that a batch returns leads to the commits behind the batch, however late it is used and however often.
pub async fn every_cursor_leads_to_the_rest_of_the_log(storage: Arc<dyn StoragePort>) {
    let mut places = vec![(beginning(&*storage).await, 0)];
    let mut ids = Vec::new();
    for _ in 0..4 {
        create(&*storage, &party(1)).await;
        storage.commit_each(vec![Transaction::new(), Transaction::new()]).await;
        loop {
            let (cursor, _) = &places[places.len() - 1];
            let batch = storage.follow(cursor, 1, Duration::ZERO).await.expect("the cursor is good");
            moves_on(cursor, &batch);
            ids.extend(transactions(&batch.commits));
            // The cursor of an empty batch counts too.
            places.push((batch.next, ids.len()));
            if batch.commits.is_empty() {
                break;
            }
        }
    }
    assert_eq!(ids.len(), 12);
    for (cursor, passed) in places {
        for _ in 0..2 {
            let cursor = cursor.to_string().parse().expect("a cursor survives its text");
            assert_eq!(
                transactions(&follow_from(&*storage, cursor, 5).await.0),
                ids[passed..],
                "behind {passed} commits"
            );
        }
    }
}

/// A follower that begins at the head receives every commit that is made after it.
pub async fn the_head_lies_before_every_later_commit(storage: Arc<dyn StoragePort>) {
    let mut heads = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..6 {
        heads.push(storage.head().await.expect("the head is answered"));
        ids.extend(write(&*storage, 1).await);
    }
    for (before, head) in heads.into_iter().enumerate() {
        let (received, _) = follow_from(&*storage, head, 3).await;
        let later: Vec<_> = transactions(&received).into_iter().filter(|id| ids[before..].contains(id)).collect();
        assert_eq!(later, ids[before..], "behind the head after {before} commits");
    }
}

/// The head lies behind every commit that was acknowledged a moment before.
pub async fn the_head_passes_acknowledged_commits(storage: Arc<dyn StoragePort>) {
    write(&*storage, 10).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let head = storage.head().await.expect("the head is answered");
        if follow_from(&*storage, head, MAX_FOLLOWED).await.0.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "the head does not move");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All cursors of a storage have one epoch, from whichever call they come.
pub async fn every_cursor_has_the_epoch_of_the_storage(storage: Arc<dyn StoragePort>) {
    let epoch = storage.head().await.expect("the head is answered").epoch();
    write(&*storage, 3).await;
    for _ in 0..3 {
        let leased = storage.lease(&consumer(), HolderId::new(), Duration::from_secs(60)).await;
        let cursor = leased.expect("a lease is answered").expect("it is new").cursor;
        let batch = storage.follow(&cursor, 2, Duration::ZERO).await.expect("the cursor is good");
        let head = storage.head().await.expect("the head is answered");
        assert_eq!([cursor.epoch(), batch.next.epoch(), head.epoch()], [epoch; 3]);
    }
}

/// Every follower receives the same entry of a commit, at whatever time it reads, and its time is that of the commit.
pub async fn an_entry_stays_the_same_and_has_the_time_of_its_commit(storage: Arc<dyn StoragePort>) {
    let start = beginning(&*storage).await;
    let row = character();
    create(&*storage, slice::from_ref(&row)).await;
    let first = follow_from(&*storage, start.clone(), 1).await.0;
    must(&*storage, deletion(row.id, Expect::Any)).await;
    let second = follow_from(&*storage, start, MAX_FOLLOWED).await.0;
    assert_eq!(first[0], second[0]);
    assert!(second.iter().all(|entry| is_recent(entry.committed_at)), "{second:?}");
}
