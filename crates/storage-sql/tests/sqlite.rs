//! SQLite.
#[path = "sqlite/released.rs"]
mod released;
mod support;

use character_domain::{Character, JournalEntry, now};
use character_storage_port::{
    Change, CharacterQuery, Commit, Deleted, Direction, ErrorKind, JournalEntryQuery, Limit, Order, OrderBy,
    PageRequest, Probe, StoragePort, Store, TagFilter, Transaction,
};
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage};
use character_storage_testkit::{DurableHarness, Harness, storage_conformance, storage_durability, unreadable};
use std::{sync::Arc, time::Duration};
use support::{character, create};
use tempfile::TempDir;

#[expect(clippy::expect_used, reason = "a helper of tests fails the test")]
async fn open() -> (SqlStorage, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let storage = SqlStorage::sqlite(folder.path().join("characters.db")).await.expect("a new file opens");
    (storage, folder)
}

struct Opened;

impl Harness for Opened {
    type Guard = TempDir;
    async fn fresh() -> (TempDir, Arc<dyn StoragePort>) {
        let (storage, folder) = open().await;
        (folder, Arc::new(storage))
    }
}

storage_conformance!(conformance, Opened);

impl DurableHarness for Opened {
    #[expect(clippy::expect_used, reason = "a helper of tests fails the test")]
    async fn reopen(folder: &TempDir) -> Arc<dyn StoragePort> {
        Arc::new(SqlStorage::sqlite(folder.path().join("characters.db")).await.expect("the file opens again"))
    }
}

storage_durability!(durability, Opened);

behaviours!(open:
    answers_as_the_reference_does,
    keeps_and_lists_every_kind_as_the_reference_does,
    loses_no_update,
    applies_a_concurrent_repeat_once,
    survives_writers_in_opposite_orders,
    takes_a_transaction_of_5000_rows,
    forgets_old_transactions,
    begins_no_epoch_for_a_place_that_a_client_made_up,
    purges_any_number_of_entries,
    keeps_a_consumer_where_it_is_in_a_new_epoch,
    loses_nothing_of_its_consumers_in_a_new_epoch,
);

behaviours!(open:
    thinning::keeps_what_the_api_needs,
    thinning::leaves_what_changed_meanwhile,
    thinning::is_done_by_one_process_once_a_day,
    thinning::is_heard_by_followers,
    thinning::beside_writers_loses_nothing,
    thinning::passes_over_no_character,
    thinning::keeps_labelled_and_deleted_versions,
);

#[tokio::test]
async fn thinning_begins_again_after_a_day() {
    let (storage, folder) = open().await;
    let other = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    support::thinning::begins_again_after_a_day(&storage, async |microseconds| {
        other.execute(&format!("UPDATE retention_jobs SET ended_at = ended_at - {microseconds}"), []).unwrap();
    })
    .await;
}

#[tokio::test]
async fn rows_from_before_the_log_are_forgotten_when_they_are_old() {
    let (storage, folder) = open().await;
    let other = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    support::forgets_what_is_no_entry(&storage, async |hours| {
        let older = i64::from(hours) * 3_600_000_000;
        let outdate = "UPDATE transactions SET tick = NULL, committed_at = committed_at - ?1";
        other.execute(outdate, [older]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let (storage, folder) = open().await;
    let entity = character("Kept");
    storage.commit(create(&entity)).await.unwrap();
    drop(storage);
    let url = format!("sqlite://{}", folder.path().join("characters.db").display());
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let found = Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap();
    assert_eq!(found.value, Some(entity));
}

#[tokio::test]
async fn options_that_cannot_be_used_are_refused_when_a_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let location = DatabaseLocation::file(folder.path().join("characters.db"));
    SqlStorage::open(location.clone(), SqlOptions::default()).await.unwrap().close().await.unwrap();
    let without_readers = || SqlOptions { readers: 0, ..SqlOptions::default() };
    for opened in [
        SqlStorage::open(location.clone(), without_readers()).await,
        SqlStorage::open_existing(location, without_readers()).await,
    ] {
        assert!(matches!(opened.unwrap_err().kind(), ErrorKind::Invalid(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_instances_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/characters.db");
    let opened = (0..4).map(|_| tokio::spawn(SqlStorage::sqlite(path.clone()))).collect::<Vec<_>>();
    for storage in opened {
        storage.await.unwrap().unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_with_a_table_of_another_program_receives_those_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("characters.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE others (x)").unwrap();
    SqlStorage::sqlite(&path).await.unwrap().commit(create(&character("New"))).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_was_edited_is_refused() {
    let (storage, folder) = open().await;
    drop(storage);
    let path = folder.path().join("characters.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute("UPDATE schema_migrations SET checksum = 'other'", []).unwrap();
    let error = SqlStorage::sqlite(&path).await.unwrap_err();
    assert!(error.to_string().contains("migration 1 (characters)"), "{error}");
}

#[tokio::test]
async fn a_migration_of_a_newer_release_does_not_stop_the_start() {
    let (storage, folder) = open().await;
    drop(storage);
    let path = folder.path().join("characters.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute("INSERT INTO schema_migrations VALUES (99, 'newer', '', 0)", []).unwrap();
    SqlStorage::sqlite(&path).await.unwrap().probe().await.unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_writes_is_unavailable_and_nothing_is_written() {
    let (_, folder) = open().await;
    let path = folder.path().join("characters.db");
    let options = SqlOptions { timeout: Duration::from_millis(400), ..SqlOptions::default() };
    let storage = SqlStorage::connect(&format!("sqlite://{}", path.display()), options).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let entity = character("Late");
    let error = storage.commit(create(&entity)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
    assert!(error.certainly_not_applied());
    other.execute_batch("ROLLBACK").unwrap();
    storage.commit(create(&entity)).await.unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_corrupt_and_named() {
    let (storage, folder) = open().await;
    let entity = character("Broken");
    storage.commit(create(&entity)).await.unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute("UPDATE characters SET data = '{'", []).unwrap();
    let error = Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap_err();
    assert_eq!((error.kind(), error.entity().map(|(_, id)| id)), (&ErrorKind::Corrupt, Some(entity.id.0)));
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused() {
    for url in ["mysql://host/db", "", "sqlite://"] {
        let error = SqlStorage::connect(url, SqlOptions::default()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{url}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_close_the_main_file_alone_is_the_whole_database() {
    let (storage, folder) = open().await;
    let path = folder.path().join("characters.db");
    let entities: Vec<_> = (0..200).map(|number| character(&format!("Kept {number}"))).collect();
    let mut commits = tokio::task::JoinSet::new();
    for entity in &entities {
        let (storage, transaction) = (storage.clone(), create(entity));
        commits.spawn(async move { storage.commit(transaction).await });
    }
    commits.join_all().await.into_iter().for_each(|commit| drop(commit.unwrap()));
    storage.close().await.unwrap();
    assert!(!folder.path().join("characters.db-wal").exists());
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let copied = SqlStorage::sqlite(&copy).await.unwrap();
    for entity in entities {
        let found = Store::<Character>::find(&copied, entity.id, Deleted::Exclude).await.unwrap();
        assert_eq!(found.value, Some(entity));
    }
}

#[tokio::test]
async fn after_a_close_nothing_is_read_or_written_and_a_second_close_is_harmless() {
    let (storage, _folder) = open().await;
    storage.close().await.unwrap();
    storage.close().await.unwrap();
    let error = storage.commit(create(&character("Late"))).await.unwrap_err();
    assert!(error.is_outage() && error.certainly_not_applied(), "{error:?}");
    assert!(storage.probe().await.unwrap_err().is_outage());
}

#[tokio::test]
async fn the_main_file_is_complete_also_while_another_process_reads_it() {
    let (storage, folder) = open().await;
    let path = folder.path().join("characters.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    let count = |connection: &rusqlite::Connection| -> i64 {
        connection.query_row("SELECT count(*) FROM characters", [], |row| row.get(0)).unwrap()
    };
    storage.commit(create(&character("Kept"))).await.unwrap();
    assert_eq!(count(&other), 1);
    storage.close().await.unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(count(&rusqlite::Connection::open(&copy).unwrap()), 1);
}

#[tokio::test]
async fn a_probe_fails_while_the_file_takes_no_writes_and_changes_no_row() {
    let (_, folder) = open().await;
    let path = folder.path().join("characters.db");
    let options = SqlOptions { timeout: Duration::from_millis(400), ..SqlOptions::default() };
    let storage = SqlStorage::open(DatabaseLocation::file(&path), options).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = storage.probe().await.unwrap_err();
    assert!(error.is_outage() && error.detail().is_some_and(|detail| detail.contains("another process")), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    let before: i64 = other.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap();
    storage.probe().await.unwrap();
    let after: i64 = other.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap();
    assert_ne!(before, after, "the probe wrote");
    let rows: i64 = other.query_row("SELECT count(*) FROM transactions", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_file_that_must_exist_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("characters.db");
    let url = format!("sqlite://{}?mode=rw", path.display());
    let error = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap_err();
    assert!(error.is_outage() && error.to_string().contains("cannot be opened"), "{error}");
    assert!(!path.exists() && !folder.path().join("missing").exists());
    SqlStorage::connect(&url.replace("mode=rw", "mode=rwc"), SqlOptions::default())
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    SqlStorage::connect(&url, SqlOptions::default()).await.unwrap().probe().await.unwrap();
}

/// Ways to make a stored character unreadable.
const SPOILS: [&str; 5] =
    ["data = '{'", "data = '[]'", "theme = CAST(x'ff' AS TEXT)", "campaign_id = x'00'", "revision = -1"];

#[tokio::test]
async fn lists_report_rows_that_cannot_be_read_and_do_not_hide_the_others() {
    for spoil in SPOILS {
        let (storage, folder) = open().await;
        let other = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
        unreadable::are_reported(&storage, async |id| {
            let changed =
                other.execute(&format!("UPDATE characters SET {spoil} WHERE id = ?1"), [id.as_bytes()]).unwrap();
            assert_eq!(changed, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_snapshot_names_the_rows_that_cannot_be_read_and_returns_the_others() {
    let (storage, folder) = open().await;
    let other = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
    support::snapshot_names_what_cannot_be_read(&storage, async |id| {
        other.execute("UPDATE characters SET data = '{' WHERE id = ?1", [id.0.as_bytes()]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_time_outside_of_every_range_neither_ends_a_list_nor_hides_a_row() {
    let (storage, folder) = open().await;
    let rows: Vec<_> = (0..6).map(|number| character(&format!("Member {number}"))).collect();
    for row in &rows {
        storage.commit(create(row)).await.unwrap();
    }
    let other = rusqlite::Connection::open(folder.path().join("characters.db")).unwrap();
    for (row, time) in [(0, i64::MAX), (1, i64::MAX - 1), (2, i64::MIN), (3, i64::MIN + 1)] {
        let id = rows[row].id.0;
        let changed = other
            .execute("UPDATE characters SET created_at = ?2, updated_at = ?2 WHERE id = ?1", (id.as_bytes(), time));
        assert_eq!(changed.unwrap(), 1);
    }
    for &order in Order::ALL {
        let query = CharacterQuery { order, ..CharacterQuery::default() };
        let mut request = PageRequest::first(Limit::new(1).unwrap());
        let (mut readable, mut spoiled) = (Vec::new(), Vec::new());
        for _ in 0..rows.len() {
            let page = Store::<Character>::list(&storage, &query, request.clone()).await.unwrap().value;
            readable.extend(page.items.into_iter().map(|row| row.id));
            spoiled.extend(page.unreadable.into_iter().map(|row| row.id));
            let Some(cursor) = page.next else { break };
            request = request.after(cursor);
        }
        readable.sort();
        spoiled.sort();
        assert_eq!(readable, [rows[4].id, rows[5].id], "in the order {order}");
        assert_eq!(spoiled, rows[..4].iter().map(|row| row.id.0).collect::<Vec<_>>(), "in the order {order}");
    }
}

/// The derived columns of rows that an earlier release wrote are empty until the file is opened.
#[tokio::test]
async fn names_and_tags_of_an_earlier_release_are_filled_when_the_file_is_opened() {
    let (storage, folder) = open().await;
    let path = folder.path().join("characters.db");
    let rows: Vec<_> = (0..1_100).map(|number| character(&format!("Stra\u{df}e {number:04}"))).collect();
    let transaction = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    storage.commit(transaction).await.unwrap();
    let mut entry = JournalEntry::new(rows[0].id, "First session", now());
    entry.tags = vec!["Cafe\u{301}".to_owned()];
    storage.commit(Transaction::new().with(Change::Create(entry.clone()))).await.unwrap();
    drop(storage);
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("UPDATE characters SET name_folded = ''; UPDATE journal_entries SET tags_normalized = ''")
        .unwrap();
    let revisions = || other.query_row("SELECT SUM(revision) FROM characters", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = revisions();

    let storage = SqlStorage::sqlite(&path).await.unwrap();
    assert_eq!(revisions(), before, "to fill a column is no change of the row");
    let by_name = Order { by: OrderBy::Name, direction: Direction::Ascending };
    let query = CharacterQuery { name: Some("STRASSE 00".to_owned()), order: by_name, ..CharacterQuery::default() };
    let found = Store::<Character>::list(&storage, &query, PageRequest::default()).await.unwrap().value.items;
    assert_eq!(found, rows[..100]);
    let query = JournalEntryQuery { tags: TagFilter(vec!["Caf\u{e9}".to_owned()]), ..JournalEntryQuery::default() };
    let found = Store::<JournalEntry>::list(&storage, &query, PageRequest::default()).await.unwrap().value.items;
    assert_eq!(found, [entry]);
}
