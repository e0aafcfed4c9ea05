//! What both engines must do, told by comparison with the reference adapter and by racing clients.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod lists;
#[allow(dead_code, clippy::allow_attributes, reason = "not every test thins")]
pub(crate) mod thinning;
#[allow(dead_code, clippy::allow_attributes, reason = "not every test races")]
pub(crate) mod writers;

use character_domain::{Character, CharacterId, Revision, UserId, now};
use character_storage_port::every_kind;
use character_storage_port::{
    Change, CharacterQuery, Commit, ConsumerName, Consumers, Deleted, DomainEvent, Entity as _, EntityKind, ErrorKind,
    Expect, HolderId, KeptAnswer, Limit, Log, LogCursor, LoggedCommit, MemoryStorage, PageRequest, Snapshot as _,
    SnapshotItem, StorageExt, Store, Transaction, TransactionId,
};
use character_storage_sql::SqlStorage;
use futures_util::StreamExt as _;
use lists::{Listed, described, queries};
use serde_json::json;
use std::{sync::Arc, time::Duration};

pub(crate) fn character(name: &str) -> Character {
    Character::new(UserId::new(), name, now())
}

pub(crate) fn create(character: &Character) -> Transaction {
    Transaction::new().with(Change::Create(character.clone()))
}

pub(crate) fn event(subject: CharacterId, number: usize) -> DomainEvent {
    DomainEvent::new("character.updated", subject, now(), json!({ "number": number }))
}

/// Every change from every state, with every kind of expectation, sent to both storages.
pub(crate) async fn answers_as_the_reference_does(storage: &SqlStorage) {
    let reference = MemoryStorage::new();
    let mut transactions = Vec::new();
    for state in ["absent", "live", "deleted"] {
        for expect in [
            Expect::Any,
            Expect::Revision(Revision(1)),
            Expect::Revision(Revision(2)),
            Expect::Revision(Revision(u64::MAX)),
        ] {
            for verb in 0..4 {
                let mut entity = character("Torormir");
                entity.data.0 = json!({ "text": "a\"ü\u{1f409}", "numbers": [u64::MAX, i64::MIN, 0.1] })
                    .as_object()
                    .unwrap()
                    .clone()
                    .into();
                let (id, at) = (entity.id, now());
                if state != "absent" {
                    transactions.push(create(&entity));
                }
                if state == "deleted" {
                    transactions.push(Transaction::new().with(Change::<Character>::Delete {
                        id,
                        expect: Expect::Any,
                        at,
                    }));
                }
                entity.name = "Changed".into();
                let change = match verb {
                    0 => Change::Create(entity),
                    1 => Change::Replace { entity, expect },
                    2 => Change::Delete { id, expect, at },
                    _ => Change::Restore { id, expect, at },
                };
                transactions.push(Transaction::new().with(change).with_event(event(id, verb)));
            }
        }
    }
    // The first refusal by order of the writes is the one reported, and the transaction leaves no trace.
    let (known, fresh) = (character("Known"), character("Fresh"));
    transactions.push(create(&known));
    transactions.push(
        Transaction::new()
            .with(Change::Create(fresh.clone()))
            .with(Change::<Character>::Delete { id: CharacterId::new(), expect: Expect::Any, at: now() })
            .with(Change::Create(known.clone())),
    );
    transactions.push(
        Transaction::new()
            .with(Change::Create(fresh.clone()))
            .with(Change::Replace { entity: known.clone(), expect: Expect::Any }),
    );
    // A repeat of what was done, of what was refused, and the same id with another content.
    let repeats = transactions.clone();
    transactions.extend(repeats);
    let reused = create(&character("Other"));
    transactions.push(Transaction { id: transactions[0].id, ..reused });

    for transaction in transactions.clone() {
        let (given, wanted) = (storage.commit(transaction.clone()).await, reference.commit(transaction.clone()).await);
        compare(&given, &wanted);
    }
    let (given, wanted) =
        (storage.commit_each(transactions.clone()).await, reference.commit_each(transactions.clone()).await);
    assert_eq!(given.len(), wanted.len());
    for (given, wanted) in given.iter().zip(&wanted) {
        compare(given, wanted);
    }
    for query in [CharacterQuery { include_deleted: true, ..CharacterQuery::live() }, CharacterQuery::live()] {
        for limit in [1, 3, 1000] {
            let mut page = PageRequest::first(Limit::new(limit).unwrap());
            loop {
                let given = storage.list_characters(&query, page.clone()).await.unwrap().value;
                let wanted = reference.list_characters(&query, page.clone()).await.unwrap().value;
                assert_eq!(given, wanted);
                let Some(next) = given.next else { break };
                page = page.after(next);
            }
        }
    }
    let page = PageRequest::default().offset(5);
    for query in [
        CharacterQuery { user_id: Some(known.user_id), ..CharacterQuery::live() },
        CharacterQuery { campaign_id: Some(character_domain::CampaignId::new()), ..CharacterQuery::live() },
        CharacterQuery { theme: Some("traditional".into()), active_only: true, ..CharacterQuery::live() },
        CharacterQuery { theme: Some("\0".into()), ..CharacterQuery::live() },
    ] {
        for page in [PageRequest::default(), page.clone()] {
            let given = storage.list_characters(&query, page.clone()).await.unwrap();
            assert_eq!(given, reference.list_characters(&query, page).await.unwrap());
        }
    }
    let told = |commits: &[Arc<LoggedCommit>]| {
        let told = commits.iter().map(|commit| (commit.transaction, commit.rows.clone(), commit.events.clone()));
        told.collect::<Vec<_>>()
    };
    let given = everything(storage).await;
    assert_eq!(told(&given), told(&everything(&reference).await));
    assert!(!given.is_empty());
}

/// The whole log, by way of a new consumer.
pub(crate) async fn everything<S: Log + Consumers>(storage: &S) -> Vec<Arc<LoggedCommit>> {
    let name: ConsumerName = format!("reader-{}", uuid()).parse().unwrap();
    let leased = storage.lease(&name, HolderId::new(), Duration::from_secs(60)).await.unwrap().unwrap();
    let all = rest(storage, &leased.cursor).await;
    storage.release(&leased.token).await.unwrap();
    all
}

fn uuid() -> u128 {
    TransactionId::new().0.as_u128()
}

/// Every commit behind a cursor.
pub(crate) async fn rest<S: Log>(storage: &S, after: &LogCursor) -> Vec<Arc<LoggedCommit>> {
    let (mut all, mut after) = (Vec::new(), after.clone());
    loop {
        let batch = storage.follow(&after, 1_000, Duration::ZERO).await.unwrap();
        if batch.commits.is_empty() && !batch.more {
            return all;
        }
        all.extend(batch.commits);
        after = batch.next;
    }
}

/// Rows of every kind, created and replaced, and every list of them in pages.
pub(crate) async fn keeps_and_lists_every_kind_as_the_reference_does(storage: &SqlStorage) {
    every_kind!(Row => keeps_and_lists::<Row>(storage).await);
}

async fn keeps_and_lists<E: Listed>(storage: &SqlStorage)
where
    SqlStorage: Store<E>,
    MemoryStorage: Store<E>,
{
    let reference = MemoryStorage::new();
    // Every number of the filters comes twice.
    let rows: Vec<E> = (0..120).map(E::numbered).collect();
    let create = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    compare(&storage.commit(create.clone()).await, &reference.commit(create).await);
    let live = rows.iter().filter(|row| !row.meta().is_deleted()).take(5);
    let replace = live.fold(Transaction::new(), |all, row| {
        all.with(Change::Replace { entity: row.clone(), expect: Expect::Revision(Revision(1)) })
    });
    compare(&storage.commit(replace.clone()).await, &reference.commit(replace).await);
    for row in &rows {
        let given = Store::<E>::find(storage, row.id(), Deleted::Include).await.unwrap().value;
        assert_eq!(given, Store::<E>::find(&reference, row.id(), Deleted::Include).await.unwrap().value);
        assert!(given.is_some());
    }
    for query in queries::<E>() {
        let mut page = PageRequest::first(Limit::new(7).unwrap());
        loop {
            let given = Store::<E>::list(storage, &query, page.clone()).await.unwrap().value;
            let wanted = Store::<E>::list(&reference, &query, page.clone()).await.unwrap().value;
            assert_eq!(given, wanted, "{}", described::<E>(&query));
            let Some(next) = given.next else { break };
            page = page.after(next);
        }
    }
}

fn compare(
    given: &character_storage_port::Result<character_storage_port::Committed>,
    wanted: &character_storage_port::Result<character_storage_port::Committed>,
) {
    match (given, wanted) {
        // Each storage counts its ticks in its own way.
        (Ok(given), Ok(wanted)) => {
            assert_eq!(*given, character_storage_port::Committed { tick: given.tick, ..wanted.clone() });
        }
        (Err(given), Err(wanted)) => {
            assert_eq!((given.kind(), given.entity()), (wanted.kind(), wanted.entity()));
            assert!(given.certainly_not_applied());
        }
        _ => panic!("given {given:?}, wanted {wanted:?}"),
    }
}

/// Clients that raise the same counter at their expected revision: none of the increments is lost.
pub(crate) async fn loses_no_update(storage: &SqlStorage) {
    let entity = character("Counter");
    let id = entity.id;
    storage.commit(create(&entity)).await.unwrap();
    let (clients, rounds) = (8, 10);
    let race = (0..clients).map(|client| {
        let storage = storage.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while done < rounds {
                let mut entity = Store::<Character>::find(&storage, id, Deleted::Exclude).await.unwrap().value.unwrap();
                let expect = Expect::Revision(entity.meta.revision);
                let count = entity.data.0.get("count").and_then(serde_json::Value::as_u64).unwrap_or_default();
                entity.data.0.insert("count".into(), (count + 1).into());
                let transaction = Transaction::new()
                    .with(Change::Replace { entity, expect })
                    .with_event(event(id, client * rounds + done));
                match storage.commit(transaction).await {
                    Ok(_) => done += 1,
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error:?}"),
                }
            }
        })
    });
    for client in race.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let entity = Store::<Character>::find(storage, id, Deleted::Exclude).await.unwrap().value.unwrap();
    assert_eq!(entity.data.0.get("count"), Some(&json!(clients * rounds)));
    assert_eq!(entity.meta.revision, Revision(1 + (clients * rounds) as u64));
}

/// The same transaction from many clients at the same time is applied once, and each gets the first answer.
pub(crate) async fn applies_a_concurrent_repeat_once(storage: &SqlStorage) {
    for round in 0..10 {
        let entity = character("Once");
        let mut transaction = create(&entity).with_event(event(entity.id, round));
        transaction.answer = Some(KeptAnswer::of(&json!({ "round": round })).unwrap());
        let race = (0..6).map(|_| {
            let (storage, transaction) = (storage.clone(), transaction.clone());
            tokio::spawn(async move { storage.commit(transaction).await.unwrap() })
        });
        let mut answers = Vec::new();
        for client in race.collect::<Vec<_>>() {
            answers.push(client.await.unwrap());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
    let events: usize = everything(storage).await.iter().map(|commit| commit.events.len()).sum();
    assert_eq!(events, 10);
}

/// Batches and single commits over the same rows, in opposite orders, all come through.
pub(crate) async fn survives_writers_in_opposite_orders(storage: &SqlStorage) {
    let rows: Vec<Character> = (0..6).map(|_| character("Row")).collect();
    for row in &rows {
        storage.commit(create(row)).await.unwrap();
    }
    let race = (0..6).map(|client| {
        let (storage, mut rows) = (storage.clone(), rows.clone());
        if client % 2 == 0 {
            rows.reverse();
        }
        tokio::spawn(async move {
            for round in 0..5 {
                let touch = |row: &Character| Change::Replace { entity: row.clone(), expect: Expect::Any };
                let one = rows.iter().fold(Transaction::new(), |transaction, row| {
                    transaction.with(touch(row)).with_event(event(row.id, round))
                });
                storage.commit(one).await.unwrap();
                let each = rows.iter().map(|row| Transaction::new().with(touch(row)));
                for outcome in storage.commit_each(each.collect()).await {
                    outcome.unwrap();
                }
            }
        })
    });
    for client in race.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// The largest transaction there may be.
pub(crate) async fn takes_a_transaction_of_5000_rows(storage: &SqlStorage) {
    let rows: Vec<Character> = (0..5_000).map(|_| character("Many")).collect();
    let create = rows.iter().fold(Transaction::new(), |transaction, row| {
        transaction.with(Change::Create(row.clone())).with_event(event(row.id, 0))
    });
    let committed = storage.commit(create).await.unwrap();
    assert_eq!(committed.written, rows.iter().map(|row| row.meta).collect::<Vec<_>>());
}

/// Purges what is older than now as soon as that is settled: an entry is kept while a transaction is open that began before it,
/// also one of another test on the same server.
pub(crate) async fn purge_settled(storage: &SqlStorage, bound: Duration) -> u64 {
    let purging = async {
        loop {
            match storage.purge(Duration::ZERO, bound).await.unwrap() {
                0 => tokio::time::sleep(Duration::from_millis(10)).await,
                removed => return removed,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), purging).await.unwrap()
}

/// Places of the log that name what is not there, or is still to come.
pub(crate) async fn begins_no_epoch_for_a_place_that_a_client_made_up(storage: &SqlStorage) {
    storage.commit(create(&character("Torormir"))).await.unwrap();
    let head = storage.head().await.unwrap();
    let stranger = TransactionId::new();
    for place in [
        format!("5:5:_4_{stranger}"),
        format!("99999999:99999999:_9_{stranger}"),
        "1:999999999999:".to_owned(),
        "1:1:".to_owned(),
    ] {
        let claimed: LogCursor = format!("{}.{place}", head.epoch()).parse().unwrap();
        match storage.follow(&claimed.unverified(), 10, Duration::ZERO).await {
            Ok(batch) => assert_eq!(batch.next.epoch(), head.epoch(), "{place}"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Gone | ErrorKind::Invalid(_)), "{place}: {error:?}")
            }
        }
        assert_eq!(storage.head().await.unwrap().epoch(), head.epoch(), "{place}");
    }
    let batch = storage.follow(&head.unverified(), 10, Duration::ZERO).await.unwrap();
    assert!(batch.commits.len() <= 1, "a true place is followed: {batch:?}");
}

/// Ids of transactions are forgotten when they are old, and only then.
pub(crate) async fn forgets_old_transactions(storage: &SqlStorage) {
    let (first, hour, week) = (create(&character("Old")), Duration::from_secs(3_600), Duration::from_secs(604_800));
    storage.commit(first.clone()).await.unwrap();
    assert_eq!(storage.purge(hour, week).await.unwrap(), 0);
    storage.commit(first.clone()).await.unwrap();
    assert_eq!(purge_settled(storage, week).await, 1);
    assert_eq!(storage.commit(first).await.unwrap_err().kind(), &ErrorKind::AlreadyExists);
}

/// More entries than one step of a purge removes.
const MANY: usize = 1_500;

/// Commits them without a change of a row.
async fn many_entries(storage: &SqlStorage) {
    // Few enough at a time for a busy machine.
    for _ in 0..MANY / 50 {
        let some = (0..50).map(|_| Transaction::new()).collect();
        storage.commit_each(some).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    }
}

/// A purge removes what is too old in steps, to its end.
pub(crate) async fn purges_any_number_of_entries(storage: &SqlStorage) {
    assert_eq!(storage.log_status().await.unwrap().oldest, None);
    many_entries(storage).await;
    let status = storage.log_status().await.unwrap();
    assert_eq!(status.entries, MANY as u64);
    let age = status.oldest.map(|oldest| now().as_microsecond() - oldest.as_microsecond());
    assert!(age.is_some_and(|age| (-1_000_000..60_000_000).contains(&age)), "{status:?}");
    assert_eq!(storage.purge(Duration::ZERO, Duration::ZERO).await.unwrap(), MANY as u64);
    assert_eq!(storage.log_status().await.unwrap().entries, 0);
}

/// Rows that are no entries remember transactions until they are old. `outdate` makes such rows of all, older by this number of
/// hours.
pub(crate) async fn forgets_what_is_no_entry(storage: &SqlStorage, outdate: impl AsyncFn(u32)) {
    let (hour, week) = (Duration::from_secs(3_600), Duration::from_secs(604_800));
    many_entries(storage).await;
    outdate(2).await;
    let young = create(&character("Young"));
    storage.commit(young.clone()).await.unwrap();
    outdate(0).await;
    assert_eq!(storage.purge(hour, week).await.unwrap(), MANY as u64);
    assert!(storage.commit(young).await.is_ok(), "it is remembered");
}

/// The only consumer receives what it has not passed, and nothing else.
pub(crate) async fn keeps_a_consumer_where_it_is_in_a_new_epoch(storage: &SqlStorage) {
    let (hub, long): (ConsumerName, _) = ("hub".parse().unwrap(), Duration::from_secs(60));
    storage.commit(create(&character("Passed"))).await.unwrap();
    let waiting = storage.commit(create(&character("Waiting"))).await.unwrap().id;
    let leased = storage.lease(&hub, HolderId::new(), long).await.unwrap().unwrap();
    let batch = storage.follow(&leased.cursor, 1, Duration::ZERO).await.unwrap();
    storage.advance(&leased.token, &batch.next).await.unwrap();
    let epoch = storage.new_epoch().await.unwrap();
    assert_eq!(storage.follow(&batch.next, 1, Duration::ZERO).await.unwrap_err().kind(), &ErrorKind::Gone);
    assert_eq!(storage.advance(&leased.token, &batch.next).await.unwrap_err().kind(), &ErrorKind::Gone);
    storage.release(&leased.token).await.unwrap();
    let leased = storage.lease(&hub, HolderId::new(), long).await.unwrap().unwrap();
    assert_eq!(leased.cursor.epoch(), epoch);
    let told = rest(storage, &leased.cursor).await;
    assert_eq!(told.iter().map(|commit| commit.transaction).collect::<Vec<_>>(), [waiting]);
}

/// Consumers that have come to different places, one of them to none, miss nothing. What one has not passed may be returned to
/// both again.
pub(crate) async fn loses_nothing_of_its_consumers_in_a_new_epoch(storage: &SqlStorage) {
    let long = Duration::from_secs(60);
    let (ahead, behind): (ConsumerName, ConsumerName) = ("ahead".parse().unwrap(), "behind".parse().unwrap());
    let mut committed = Vec::new();
    for number in 0..2 {
        let entity = character("Committed");
        committed.push(storage.commit(create(&entity).with_event(event(entity.id, number))).await.unwrap().id);
    }
    let leased = storage.lease(&behind, HolderId::new(), long).await.unwrap().unwrap();
    storage.release(&leased.token).await.unwrap();
    let leased = storage.lease(&ahead, HolderId::new(), long).await.unwrap().unwrap();
    let batch = storage.follow(&leased.cursor, 1, Duration::ZERO).await.unwrap();
    storage.advance(&leased.token, &batch.next).await.unwrap();
    storage.new_epoch().await.unwrap();
    storage.release(&leased.token).await.unwrap();
    for (consumer, untold) in [(ahead, &committed[1..]), (behind, &committed[..])] {
        let leased = storage.lease(&consumer, HolderId::new(), long).await.unwrap().unwrap();
        let told = rest(storage, &leased.cursor).await;
        let told: Vec<_> = told.iter().map(|commit| commit.transaction).collect();
        assert!(told.ends_with(untold), "{consumer} has not passed {untold:?}: {told:?}");
    }
}

/// `spoil` makes the row with this id unreadable.
pub(crate) async fn snapshot_names_what_cannot_be_read(storage: &SqlStorage, spoil: impl AsyncFn(CharacterId)) {
    let (good, bad) = (character("Good"), character("Bad"));
    for row in [&good, &bad] {
        storage.commit(create(row)).await.unwrap();
    }
    spoil(bad.id).await;
    let items: Vec<_> = storage.snapshot().await.unwrap().map(Result::unwrap).collect().await;
    let named = |item: &SnapshotItem| match item {
        SnapshotItem::Unreadable(row) => Some((row.kind, row.id)),
        SnapshotItem::Row(_) => None,
    };
    assert_eq!(items.iter().filter_map(named).collect::<Vec<_>>(), [(EntityKind::Character, Some(bad.id.0))]);
    assert!(items.contains(&SnapshotItem::Row(good.into_row())));
}

/// Defines one test for each behaviour above; `$open` answers a storage that is empty, and what keeps it alive.
#[macro_export]
macro_rules! behaviours {
    ($open:path: $(thinning::$name:ident),+ $(,)?) => { mod thinning {
        use super::*;
        $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (storage, _alive) = $open().await;
            $crate::support::thinning::$name(&storage).await;
        }
    )+ } };
    ($open:path: $($name:ident),+ $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (storage, _alive) = $open().await;
            $crate::support::$name(&storage).await;
        }
    )+ };
}
