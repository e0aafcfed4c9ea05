//! PostgreSQL.
#[path = "postgres/groups.rs"]
mod groups;
#[path = "postgres/released.rs"]
mod released;
mod support;

use character_domain::Character;
use character_storage_port::{
    Change, CharacterQuery, Commit, Deleted, Direction, ErrorKind, Log, Order, OrderBy, PageRequest, Probe, Snapshot,
    StoragePort, Store, Transaction,
};
use character_storage_sql::{DatabaseLocation, PoolStatus, SqlOptions, SqlStorage};
use character_storage_testkit::{DurableHarness, Harness, storage_conformance, storage_durability, unreadable};
use character_tests::PostgresServer;
use futures_util::StreamExt as _;
use std::{sync::Arc, time::Duration};
use support::{character, create};

#[expect(clippy::expect_used, reason = "a helper of tests fails the test")]
async fn open() -> (SqlStorage, ()) {
    let url = PostgresServer::shared().fresh_schema_url();
    (SqlStorage::connect(&url, SqlOptions::default()).await.expect("a new schema opens"), ())
}

struct Opened;

impl Harness for Opened {
    /// Where the schema is.
    type Guard = String;
    async fn fresh() -> (String, Arc<dyn StoragePort>) {
        let url = PostgresServer::shared().fresh_schema_url();
        let storage = Self::reopen(&url).await;
        (url, storage)
    }
}

storage_conformance!(conformance, Opened);

impl DurableHarness for Opened {
    #[expect(clippy::expect_used, reason = "a helper of tests fails the test")]
    async fn reopen(url: &String) -> Arc<dyn StoragePort> {
        Arc::new(SqlStorage::connect(url, SqlOptions::default()).await.expect("the schema opens"))
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
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let schema = url.rsplit("%3D").next().unwrap();
    support::thinning::begins_again_after_a_day(&storage, async |microseconds| {
        server.query(&format!("UPDATE {schema}.retention_jobs SET ended_at = ended_at - {microseconds}"));
    })
    .await;
}

#[tokio::test]
async fn rows_from_before_the_log_are_forgotten_when_they_are_old() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let schema = url.rsplit("%3D").next().unwrap();
    support::forgets_what_is_no_entry(&storage, async |hours| {
        server.query(&format!(
            "UPDATE {schema}.transactions SET epoch = 0, committed_at = committed_at - {hours} * 3600000000::bigint"
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_instances_may_open_a_new_schema_at_once() {
    let url = PostgresServer::shared().fresh_schema_url();
    let opened = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { SqlStorage::connect(&url, SqlOptions::default()).await })
        })
        .collect::<Vec<_>>();
    for storage in opened {
        storage.await.unwrap().unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_was_edited_is_refused() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let schema = url.rsplit("%3D").next().unwrap();
    server.query(&format!("UPDATE {schema}.schema_migrations SET checksum = 'other'"));
    let error = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("migration 1 (characters)"), "{error}");
}

#[tokio::test]
async fn a_restart_of_the_server_costs_no_request() {
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    let entity = character("Survivor");
    storage.commit(create(&entity)).await.unwrap();
    server.stop();
    let error = storage.commit(create(&character("Meanwhile"))).await.unwrap_err();
    assert!(error.is_outage() && error.certainly_not_applied(), "{error:?}");
    server.restart();
    storage.commit(create(&character("After"))).await.unwrap();
    assert!(Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap().value.is_some());
}

#[tokio::test]
async fn connections_that_died_unnoticed_cost_no_request() {
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    for _ in 0..5 {
        server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'character-storage'",
        );
        storage.commit(create(&character("Fine"))).await.unwrap();
        server.restart();
        storage.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_row_locked_elsewhere_ends_in_a_timeout_and_nothing_is_written() {
    let url = PostgresServer::shared().fresh_schema_url();
    let options = SqlOptions { timeout: Duration::from_millis(700), connections: 2, ..SqlOptions::default() };
    let storage = SqlStorage::connect(&url, options).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE characters").await.unwrap();
    let entity = character("Waiting");
    let error = storage.commit(create(&entity)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert!(error.certainly_not_applied());
    client.batch_execute("ROLLBACK").await.unwrap();
    storage.commit(create(&entity)).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn no_more_connections_are_open_than_permitted_and_who_waits_for_one_is_counted_once() {
    let url = PostgresServer::shared().fresh_schema_url();
    let options = SqlOptions { connections: 2, ..SqlOptions::default() };
    let storage = SqlStorage::connect(&url, options).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE characters").await.unwrap();
    let lists: Vec<_> = (0..5)
        .map(|_| {
            let storage = storage.clone();
            let all = CharacterQuery::default();
            tokio::spawn(async move { Store::<Character>::list(&storage, &all, PageRequest::default()).await })
        })
        .collect();
    let full = async {
        loop {
            let PoolStatus { open, waiting, .. } = storage.pool_status();
            assert!(open <= 2 && waiting <= 3, "{open} are open, {waiting} wait");
            if (open, waiting) == (2, 3) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), full).await.unwrap();
    client.batch_execute("ROLLBACK").await.unwrap();
    for list in lists {
        list.await.unwrap().unwrap();
    }
    assert_eq!(storage.pool_status().waiting, 0);
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_commit_whose_caller_went_away_leaves_a_usable_pool() {
    let (storage, ()) = open().await;
    for _ in 0..30 {
        let commit = storage.commit(create(&character("Dropped")));
        let _ = tokio::time::timeout(Duration::from_micros(500), commit).await;
    }
    storage.commit(create(&character("Next"))).await.unwrap();
    assert_eq!(storage.pool_status().waiting, 0);
}

#[tokio::test]
async fn the_password_is_not_shown_and_a_server_without_tls_is_refused_when_tls_is_required() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url().replace("postgres@", "postgres:hunter2@");
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    assert!(!format!("{storage:?}").contains("hunter2"));
    let error = SqlStorage::connect(&format!("{url}&sslmode=require"), SqlOptions::default()).await.unwrap_err();
    assert!(error.is_outage() && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_unix_socket_is_used_whatever_the_url_says_of_tls() {
    let server = PostgresServer::start();
    let url = server.socket_url();
    for mode in ["", "&sslmode=prefer", "&sslmode=require", "&sslmode=disable"] {
        let storage = SqlStorage::connect(&format!("{url}{mode}"), SqlOptions::default()).await;
        let storage = storage.unwrap_or_else(|error| panic!("{mode}: {error:?}"));
        storage.commit(create(&character("Local"))).await.unwrap();
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE client_port > 0 AND application_name LIKE 'character%'";
    assert_eq!(server.query(sessions), "0");
}

#[tokio::test]
async fn a_probe_fails_while_the_server_is_read_only() {
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    storage.probe().await.unwrap();
    server.query("ALTER SYSTEM SET default_transaction_read_only = on");
    server.restart();
    let error = storage.probe().await.unwrap_err();
    assert!(error.is_outage() && error.detail() == Some("PostgreSQL is read-only"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_becomes_read_only_is_left_for_the_one_that_has_taken_its_place() {
    let first = PostgresServer::start();
    let second = first.synchronous_standby();
    let address = format!("127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let url = format!("postgres://postgres@{address}/postgres");
    let alone = format!("{}?target_session_attrs=primary", second.url());
    let error = SqlStorage::connect(&alone, SqlOptions::default()).await.unwrap_err();
    assert!(error.is_outage() && error.detail().is_some_and(|detail| detail.contains("takes writes")), "{error:?}");

    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    storage.commit(create(&character("Before"))).await.unwrap();
    let head = storage.head().await.unwrap();
    second.promote();
    first.query("ALTER SYSTEM RESET synchronous_standby_names");
    first.query("ALTER SYSTEM SET default_transaction_read_only = on");
    first.query("SELECT pg_reload_conf()");
    while first.query("SHOW default_transaction_read_only") != "on" {
        tokio::task::yield_now().await;
    }
    // Readers do not notice by an error, so the connections end by themselves.
    let entity = character("After");
    let others = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    others.commit(create(&entity)).await.unwrap();
    let seen = async || Store::<Character>::find(&storage, entity.id, Deleted::Exclude).await.unwrap().value.is_some();
    let mut answers = 0;
    while !seen().await {
        answers += 1;
        assert!(answers <= 2 * SqlOptions::default().connections, "an old server still answers");
    }
    let batch = storage.follow(&head, 10, Duration::from_secs(20)).await.unwrap();
    assert_eq!(batch.commits.len(), 1, "{batch:?}");
    storage.commit(create(&character("Last"))).await.unwrap();
    assert_eq!(
        (first.query("SELECT count(*) FROM characters"), second.query("SELECT count(*) FROM characters")),
        ("1".to_owned(), "3".to_owned())
    );

    // A reader of a backup finds the server that takes writes, and writes nothing.
    let location = DatabaseLocation::parse(&url).unwrap();
    let reader = SqlStorage::open_existing(location, SqlOptions::default()).await.unwrap();
    let rows = reader.snapshot().await.unwrap().collect::<Vec<_>>().await;
    assert!(rows.len() >= 3, "{rows:?}");
    assert!(reader.commit(create(&character("Refused"))).await.unwrap_err().certainly_not_applied());
}

#[tokio::test]
async fn a_full_disk_is_reported_by_the_probe_until_a_write_succeeds() {
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    server.query(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END$$",
    );
    server.query("CREATE TRIGGER full_disk BEFORE INSERT ON characters EXECUTE FUNCTION full_disk()");
    let error = storage.commit(create(&character("Refused"))).await.unwrap_err();
    assert!(error.is_outage() && error.certainly_not_applied(), "{error:?}");
    let error = storage.probe().await.unwrap_err();
    assert!(error.is_outage() && error.detail().is_some_and(|detail| detail.contains("full")), "{error:?}");
    server.query("DROP TRIGGER full_disk ON characters");
    storage.commit(create(&character("Taken"))).await.unwrap();
    storage.probe().await.unwrap();
}

#[tokio::test]
async fn the_reason_names_the_cause_and_no_secret() {
    let server = PostgresServer::shared();
    let url = server.url().replace("postgres@", "postgres:hunter2@");
    let (start, _) = url.rsplit_once('/').unwrap();
    let port = start.rsplit(':').next().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, cause) in [
        (format!("{start}/nothing-here"), "no database of this name"),
        (url.replace("postgres:hunter2@", "nobody:hunter2@"), "authentication"),
        (url.replace(&format!(":{port}/"), &format!(":{closed}/")), "refused"),
        (url.replace("127.0.0.1", "no-such-host.invalid"), "DNS"),
    ] {
        let error = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap_err();
        assert!(error.detail().is_some_and(|detail| detail.contains(cause)), "{cause}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_snapshot_names_the_rows_that_cannot_be_read_and_returns_the_others() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let schema = url.rsplit("%3D").next().unwrap();
    support::snapshot_names_what_cannot_be_read(&storage, async |id| {
        server.query(&format!("UPDATE {schema}.characters SET data = '{{' WHERE id = '{id}'"));
    })
    .await;
}

#[tokio::test]
async fn lists_report_rows_that_cannot_be_read_and_do_not_hide_the_others() {
    let server = PostgresServer::shared();
    for spoil in ["data = '{'", "data = '[]'", "data = 'null'", "revision = -1"] {
        let url = server.fresh_schema_url();
        let schema = url.rsplit("%3D").next().unwrap();
        let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
        unreadable::are_reported(&storage, async |id| {
            server.query(&format!("UPDATE {schema}.characters SET {spoil} WHERE id = '{id}'"));
        })
        .await;
    }
}

#[tokio::test]
async fn names_and_tags_of_an_earlier_release_are_filled_when_the_schema_is_opened() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let schema = url.rsplit("%3D").next().unwrap();
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let rows: Vec<_> = (0..1_100).map(|number| character(&format!("Stra\u{df}e {number:04}"))).collect();
    let transaction = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    storage.commit(transaction).await.unwrap();
    server.query(&format!("UPDATE {schema}.characters SET name_folded = ''"));
    let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let by_name = Order { by: OrderBy::Name, direction: Direction::Ascending };
    let query = CharacterQuery { name: Some("STRASSE 00".to_owned()), order: by_name, ..CharacterQuery::default() };
    let found = Store::<Character>::list(&storage, &query, PageRequest::default()).await.unwrap().value.items;
    assert_eq!(found, rows[..100]);
}
