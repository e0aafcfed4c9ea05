//! The log in SQLite: what the suite cannot do to a storage.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

#[allow(dead_code, unused_macros, clippy::allow_attributes, reason = "not every test needs every helper")]
mod support;

use character_domain::{CharacterId, now};
use character_storage_port::{Commit, Consumers, ErrorKind, Fingerprint, HolderId, Log, Transaction, TransactionId};
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage};
use character_storage_testkit::sample::transactions;
use serde_json::json;
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{
    character, create, event, purge_settled, rest, thinning,
    writers::{Told, race},
};

const WAIT: Duration = Duration::from_secs(20);

async fn commit(storage: &SqlStorage) -> TransactionId {
    let entity = character("Committed");
    storage.commit(create(&entity).with_event(event(entity.id, 0))).await.unwrap().id
}

async fn open(path: &Path) -> SqlStorage {
    SqlStorage::sqlite(path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_of_racing_writers_is_missed_or_told_twice_and_revisions_come_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, other) = (open(&folder.path().join("db")).await, open(&folder.path().join("db")).await);
    let head = storage.head().await.unwrap();
    let done: Arc<Mutex<Option<_>>> = Arc::default();
    let followers = [storage.clone(), other].map(|storage| {
        let (done, head) = (Arc::clone(&done), head.clone());
        tokio::spawn(async move { Told::default().follow(&storage, head, || done.lock().unwrap().clone()).await })
    });
    let all = race(&storage, 12, 20).await;
    *done.lock().unwrap() = Some(all);
    for follower in followers {
        follower.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_storages_of_one_file_hear_each_other_within_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqlOptions { log_poll: Duration::from_millis(50), ..SqlOptions::default() };
    let location = DatabaseLocation::file(folder.path().join("db"));
    let writer = SqlStorage::open(location.clone(), options.clone()).await.unwrap();
    let reader = SqlStorage::open(location, options).await.unwrap();
    let mut after = reader.head().await.unwrap();
    let mut lags = Vec::new();
    for _ in 0..20 {
        let following = async {
            let batch = reader.follow(&after, 10, WAIT).await.unwrap();
            (batch, Instant::now())
        };
        let committing = async {
            let id = commit(&writer).await;
            (id, Instant::now())
        };
        let ((batch, told), (id, committed)) = tokio::join!(following, committing);
        assert_eq!(transactions(&batch.commits), [id]);
        lags.push(told.saturating_duration_since(committed));
        after = batch.next;
    }
    lags.sort();
    eprintln!("by polling every 50 ms: p50 {:?}, slowest {:?}", lags[10], lags[19]);
    assert!(lags[10] < Duration::from_millis(100), "{lags:?}");
}

#[tokio::test]
async fn a_file_that_was_put_back_begins_a_new_epoch_and_keeps_what_was_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("db"), folder.path().join("copy"));
    let hub = "hub".parse().unwrap();
    let storage = open(&path).await;
    let waiting = commit(&storage).await;
    let leased = storage.lease(&hub, HolderId::new(), WAIT).await.unwrap().unwrap();
    storage.release(&leased.token).await.unwrap();
    storage.close().await.unwrap();
    std::fs::copy(&path, &copy).unwrap();
    let storage = open(&path).await;
    commit(&storage).await;
    let before = storage.head().await.unwrap();
    storage.close().await.unwrap();
    std::fs::copy(&copy, &path).unwrap();

    // Another commit takes the number that the cursor names.
    let storage = open(&path).await;
    let later = commit(&storage).await;
    assert_eq!(storage.follow(&before, 10, WAIT).await.unwrap_err().kind(), &ErrorKind::Gone);
    let head = storage.head().await.unwrap();
    assert_ne!(head.epoch(), before.epoch());
    let leased = storage.lease(&hub, HolderId::new(), WAIT).await.unwrap().unwrap();
    assert_eq!(transactions(&rest(&storage, &leased.cursor).await), [waiting, later]);
    let last = commit(&storage).await;
    assert_eq!(transactions(&storage.follow(&head, 10, WAIT).await.unwrap().commits), [last]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_and_a_batch_are_heard_by_their_own_process_without_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqlOptions { log_poll: 10 * WAIT, ..SqlOptions::default() };
    let storage = SqlStorage::open(DatabaseLocation::file(folder.path().join("db")), options).await.unwrap();
    let mut after = storage.head().await.unwrap();
    for batch in [false, true] {
        let (id, one) = (TransactionId::new(), create(&character("Heard")));
        let one = Transaction { id, ..one };
        let committing = async {
            match batch {
                true => storage.commit_each(vec![one]).await.into_iter().collect::<Result<Vec<_>, _>>().map(drop),
                false => storage.commit(one).await.map(drop),
            }
        };
        let began = Instant::now();
        let (heard, committed) = tokio::join!(storage.follow(&after, 10, WAIT), committing);
        assert!(began.elapsed() < WAIT / 2, "it was found when the wait was over, in a batch: {batch}");
        committed.unwrap();
        let heard = heard.unwrap();
        assert_eq!(transactions(&heard.commits), [id], "in a batch: {batch}");
        after = heard.next;
    }
}

/// The next poll is later than these answers may be.
#[tokio::test]
async fn the_end_of_the_log_and_that_nothing_is_behind_it_are_answered_without_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqlOptions { log_poll: 10 * WAIT, ..SqlOptions::default() };
    let storage = SqlStorage::open(DatabaseLocation::file(folder.path().join("db")), options).await.unwrap();
    let head = storage.head().await.unwrap();
    assert_eq!(storage.head().await.unwrap(), head);
    for wait in [Duration::ZERO, Duration::from_millis(100)] {
        let batch = storage.follow(&head, 10, wait).await.unwrap();
        assert!(batch.commits.is_empty(), "{wait:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_are_removed_are_heard_by_their_own_process_without_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqlOptions { log_poll: 10 * WAIT, ..SqlOptions::default() };
    let storage = SqlStorage::open(DatabaseLocation::file(folder.path().join("db")), options).await.unwrap();
    thinning::is_heard_without_a_poll(&storage, WAIT).await;
}

#[tokio::test]
async fn a_purge_leaves_what_a_consumer_has_not_passed_until_it_is_older_than_the_bound() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder.path().join("db")).await;
    let (passed, waiting) = (commit(&storage).await, commit(&storage).await);
    let leased = storage.lease(&"hub".parse().unwrap(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let first = storage.follow(&leased.cursor, 1, WAIT).await.unwrap();
    assert_eq!(transactions(&first.commits), [passed]);
    storage.advance(&leased.token, &first.next).await.unwrap();
    assert_eq!(purge_settled(&storage, WEEK).await, 1);
    assert_eq!(storage.purge(Duration::ZERO, WEEK).await.unwrap(), 0);
    assert_eq!(transactions(&rest(&storage, &first.next).await), [waiting]);
    assert_eq!(purge_settled(&storage, Duration::ZERO).await, 1);
}

#[tokio::test]
async fn ticks_go_on_when_everything_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(&folder.path().join("db")).await;
    let first = storage.commit(create(&character("Old"))).await.unwrap();
    let head = storage.head().await.unwrap();
    assert_eq!(storage.purge(Duration::ZERO, WAIT).await.unwrap(), 1);
    let next = storage.commit(create(&character("New"))).await.unwrap();
    assert!(next.tick > first.tick);
    assert_eq!(transactions(&storage.follow(&head, 10, WAIT).await.unwrap().commits), [next.id]);
}

#[tokio::test]
async fn a_file_of_the_release_before_the_log_keeps_its_transactions_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
         checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)",
    )
    .unwrap();
    let migrations = [
        ("characters", include_str!("../src/migrations/0001_characters.sqlite.sql")),
        ("aggregates", include_str!("../src/migrations/0002_aggregates.sqlite.sql")),
        ("names", include_str!("../src/migrations/0003_names.sqlite.sql")),
        ("campaign_lists", include_str!("../src/migrations/0004_campaign_lists.sql")),
    ];
    for (version, (name, sql)) in (1_i64..).zip(migrations) {
        old.execute_batch(sql).unwrap();
        let row = (version, name, Fingerprint::of(sql.as_bytes()).0);
        old.execute("INSERT INTO schema_migrations VALUES (?1, ?2, ?3, 0)", row).unwrap();
    }
    let (entity, subject) = (character("Remembered"), CharacterId::new());
    let transaction = create(&entity);
    let outcome = json!({ "id": transaction.id, "written": [entity.meta] }).to_string();
    let remember = "INSERT INTO transactions (id, fingerprint, outcome, committed_at) VALUES (?1, ?2, ?3, ?4)";
    let at = now().as_microsecond();
    old.execute(remember, (transaction.id.0.as_bytes(), transaction.fingerprint().0, &outcome, at)).unwrap();
    let events: Vec<_> = (0..600).map(|number| event(subject, number)).collect();
    for event in &events {
        let row = (event.id.0.as_bytes(), subject.0.as_bytes(), json!(event).to_string());
        old.execute("INSERT INTO outbox (event_id, subject, event) VALUES (?1, ?2, ?3)", row).unwrap();
    }

    let storage = open(&path).await;
    let again = storage.commit(transaction).await.unwrap();
    assert_eq!(again.written, [entity.meta]);
    assert!(again.changes.is_empty());
    let leased = storage.lease(&"hub".parse().unwrap(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let told = rest(&storage, &leased.cursor).await;
    assert_eq!(told.iter().flat_map(|commit| commit.events.clone()).collect::<Vec<_>>(), events);
    // The release before it goes on beside this one for a while.
    let head = storage.head().await.unwrap();
    let late = TransactionId::new();
    old.busy_timeout(WAIT).unwrap();
    old.execute(remember, (late.0.as_bytes(), "", &outcome, at)).unwrap();
    let batch = storage.follow(&head, 10, WAIT).await.unwrap();
    assert_eq!((transactions(&batch.commits), &batch.commits[0].rows), (vec![late], &None));
}
