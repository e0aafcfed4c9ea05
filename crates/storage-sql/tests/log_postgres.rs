//! The log in PostgreSQL: what the suite cannot do to a storage.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

#[allow(dead_code, unused_macros, clippy::allow_attributes, reason = "not every test needs every helper")]
mod support;

use character_domain::{Character, CharacterId, Meta, now};
use character_storage_port::{
    Change, Commit, ConsumerName, Consumers, ErrorKind, Expect, Fingerprint, HolderId, Log, LogCursor, Transaction,
    TransactionId,
};
use character_storage_sql::{SqlOptions, SqlStorage, Thinned, Wakeup};
use character_storage_testkit::sample::transactions;
use character_tests::{PostgresServer, required_program};
use serde_json::json;
use std::{
    collections::HashSet,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{
    character, create, event, purge_settled, rest,
    writers::{Told, race},
};

const WAIT: Duration = Duration::from_secs(20);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn schema(url: &str) -> &str {
    url.rsplit("%3D").next().unwrap()
}

async fn open(url: &str) -> SqlStorage {
    SqlStorage::connect(url, SqlOptions::default()).await.unwrap()
}

fn hub() -> ConsumerName {
    "hub".parse().unwrap()
}

/// A commit of one new row; its id.
async fn commit(storage: &SqlStorage) -> TransactionId {
    let entity = character("Committed");
    let transaction = create(&entity).with_event(event(entity.id, 0));
    storage.commit(transaction).await.unwrap().id
}

/// Pauses before and after a transaction gets its number, and some that fail.
fn disturb(server: &PostgresServer, schema: &str) {
    server.query(&format!(
        "SET search_path = {schema}; \
         CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN PERFORM pg_sleep(random() * 0.004); RETURN NEW; END$$; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN IF random() < 0.05 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; \
         IF random() < 0.05 THEN RAISE EXCEPTION 'refused' USING ERRCODE = '22023'; END IF; \
         PERFORM pg_sleep(random() * 0.004); RETURN NEW; END$$; \
         CREATE TRIGGER before_the_number BEFORE UPDATE ON characters FOR EACH ROW EXECUTE FUNCTION pause(); \
         CREATE TRIGGER after_the_number AFTER UPDATE ON characters FOR EACH ROW EXECUTE FUNCTION pause(); \
         CREATE TRIGGER at_the_entry BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION fail()"
    ));
}

/// Writers that race, while `trouble` happens again and again.
async fn hunt(server: &PostgresServer, url: &str, commits: usize, trouble: impl Future<Output = ()> + Send + 'static) {
    let options = SqlOptions { connections: 12, timeout: Duration::from_secs(10), ..SqlOptions::default() };
    let storage = SqlStorage::connect(url, options.clone()).await.unwrap();
    let other = SqlStorage::connect(url, options).await.unwrap();
    let head = storage.head().await.unwrap();
    disturb(server, schema(url));
    let done: Arc<Mutex<Option<HashSet<TransactionId>>>> = Arc::default();
    let followers = [storage.clone(), other].map(|storage| {
        let (done, head) = (Arc::clone(&done), head.clone());
        tokio::spawn(async move {
            let wanted = || done.lock().unwrap().clone();
            Told::default().follow(&storage, head, wanted).await
        })
    });
    let troubled = tokio::spawn(trouble);
    let all = race(&storage, 12, commits).await;
    eprintln!("{} commits", all.len());
    *done.lock().unwrap() = Some(all);
    for follower in followers {
        follower.await.unwrap();
    }
    troubled.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_of_racing_writers_is_missed_or_told_twice_and_revisions_come_in_order() {
    let server = PostgresServer::shared();
    hunt(server, &server.fresh_schema_url(), 40, async {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes long: `make hunt` runs it"]
async fn no_commit_of_a_hundred_thousand_is_missed_or_told_twice() {
    let server = PostgresServer::shared();
    hunt(server, &server.fresh_schema_url(), 7_700, async {}).await;
}

/// After a backend was killed the server recovers as from a crash, and gives numbers again that left no trace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_of_the_server_lose_no_commit_and_repeat_none() {
    let server = Arc::new(PostgresServer::start());
    server.query("CREATE SCHEMA crashing");
    let url = format!("{}?options=-c%20search_path%3Dcrashing", server.url());
    let killer = Arc::clone(&server);
    hunt(&server, &url, 40, async move {
        let mut times = tokio::time::interval(Duration::from_millis(300));
        for _ in 0..6 {
            times.tick().await;
            let script = "SELECT pid FROM pg_stat_activity WHERE application_name = 'character-storage' LIMIT 1";
            let mut psql = Command::new(required_program("psql", "postgresql-client"));
            psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--dbname", &killer.url(), "--command", script]);
            let Ok(found) = psql.output() else { continue };
            let pid = String::from_utf8_lossy(&found.stdout).trim().to_owned();
            if !pid.is_empty() {
                assert!(Command::new("kill").args(["-9", &pid]).status().is_ok());
            }
        }
    })
    .await;
}

/// PostgreSQL counts transactions that leave no entry, so a client may claim a position that is not yet in the log and not beyond
/// what the database could have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_ahead_of_the_newest_commit_waits_for_the_next_one_and_is_read_for_once() {
    // A transaction of another client, such as autovacuum, would be an end of the log that is read for once more.
    let server = PostgresServer::start_with(&["log_statement=all", "autovacuum=off"]);
    let options = SqlOptions { log_poll: Duration::from_millis(20), ..SqlOptions::default() };
    let storage = SqlStorage::connect(&server.url(), options).await.unwrap();
    let head = storage.head().await.unwrap();
    commit(&storage).await;
    let newest = storage.follow(&head, 10, WAIT).await.unwrap().next;
    for _ in 0..50 {
        server.query("SELECT pg_current_xact_id()");
    }
    let number: u64 = server.query("SELECT pg_current_xact_id()").trim().parse().unwrap();
    let ahead = number - 10;
    let claimed: LogCursor = format!("{}.{ahead}:{ahead}:", newest.epoch()).parse().unwrap();
    let claimed = claimed.unverified();
    let reads = || server.log().matches(&format!("$4 = '{ahead}'")).count();
    for wait in [Duration::ZERO, Duration::from_secs(2)] {
        let before = reads();
        let begun = Instant::now();
        let batch = storage.follow(&claimed, 10, wait).await.unwrap();
        assert!(batch.commits.is_empty() && !batch.more, "{batch:?}");
        assert!((wait..wait + Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(reads() - before, 1, "reads of the database within {wait:?}");
    }
    let (batch, next) = tokio::join!(storage.follow(&claimed, 10, WAIT), async {
        // The follower waits.
        while reads() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        commit(&storage).await
    });
    let batch = batch.unwrap();
    assert_eq!(transactions(&batch.commits), [next]);
    let after = commit(&storage).await;
    assert_eq!(transactions(&storage.follow(&batch.next, 10, WAIT).await.unwrap().commits), [after]);
}

#[tokio::test]
async fn a_transaction_that_is_open_in_another_database_delays_nothing_but_settled() {
    let server = PostgresServer::start();
    server.query("CREATE DATABASE other");
    let (idle, connection) =
        tokio_postgres::connect(&format!("{}/other", server.url().rsplit_once('/').unwrap().0), tokio_postgres::NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    let storage = open(&server.url()).await;
    let before = storage.head().await.unwrap();
    idle.batch_execute("BEGIN; CREATE TABLE held (x int)").await.unwrap();
    let held: i64 = idle.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await.unwrap().get(0);
    let first = commit(&storage).await;
    let batch = storage.follow(&before, 10, WAIT).await.unwrap();
    assert_eq!(transactions(&batch.commits), [first]);
    assert!(batch.settled.0 <= u64::try_from(held).unwrap() && batch.ceiling > batch.commits[0].tick);
    let second = commit(&storage).await;
    let next = storage.follow(&batch.next, 10, WAIT).await.unwrap();
    assert_eq!(transactions(&next.commits), [second]);
    // Nothing of this is old enough to be settled, so nothing is removed either.
    assert_eq!(storage.purge(Duration::ZERO, WEEK).await.unwrap(), 0);
    idle.batch_execute("ROLLBACK").await.unwrap();
    let last = storage.follow(&next.next, 10, Duration::ZERO).await.unwrap();
    assert!(last.commits.is_empty() && last.settled > next.commits[0].tick, "{last:?}");
}

/// A server whose numbers are far ahead of those of a new one.
fn used_server() -> PostgresServer {
    let server = PostgresServer::start();
    server.query("DO $$BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$");
    server
}

fn dump(server: &PostgresServer, options: &[&str]) -> String {
    let mut command = Command::new(required_program("pg_dump", "postgresql-client"));
    let output = command.args(options).args(["--dbname", &server.url()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn restore(server: &PostgresServer, dump: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.sql");
    std::fs::write(&file, dump).unwrap();
    let mut command = Command::new(required_program("psql", "postgresql-client"));
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"]);
    let output = command.args(["--dbname", &server.url(), "--file"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_dump_restored_into_a_new_server_goes_on_with_a_new_epoch_and_what_was_not_published() {
    let old = used_server();
    let storage = open(&old.url()).await;
    let (passed, waiting) = (commit(&storage).await, commit(&storage).await);
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let first = storage.follow(&leased.cursor, 1, WAIT).await.unwrap();
    assert_eq!(transactions(&first.commits), [passed]);
    storage.advance(&leased.token, &first.next).await.unwrap();
    storage.release(&leased.token).await.unwrap();
    let text = dump(&old, &[]);
    let after_the_dump = commit(&storage).await;
    let head = storage.head().await.unwrap();
    storage.close().await.unwrap();

    let new = PostgresServer::start();
    restore(&new, &text);
    let storage = open(&new.url()).await;
    assert_eq!(storage.follow(&head, 10, WAIT).await.unwrap_err().kind(), &ErrorKind::Gone);
    let anew = storage.head().await.unwrap();
    assert_ne!(anew.epoch(), head.epoch());
    let later = commit(&storage).await;
    assert_eq!(transactions(&storage.follow(&anew, 10, WAIT).await.unwrap().commits), [later]);
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let told = rest(&storage, &leased.cursor).await;
    assert_eq!(transactions(&told), [waiting, later]);
    assert_eq!(told[0].events.len(), 1);
    assert!(!transactions(&told).contains(&after_the_dump));
    // It is known which transactions were committed, of the restored ones too.
    assert_eq!(storage.log_status().await.unwrap().entries, 2);
}

#[tokio::test]
async fn an_older_dump_restored_in_place_begins_a_new_epoch_within_a_poll() {
    let server = used_server();
    let storage = open(&server.url()).await;
    let kept = commit(&storage).await;
    let text = dump(&server, &["--clean", "--if-exists"]);
    let lost = commit(&storage).await;
    let before = storage.head().await.unwrap();
    restore(&server, &text);
    assert_eq!(storage.follow(&before, 10, WAIT).await.unwrap_err().kind(), &ErrorKind::Gone);
    let head = storage.head().await.unwrap();
    assert_ne!(head.epoch(), before.epoch());
    let later = commit(&storage).await;
    assert_eq!(transactions(&storage.follow(&head, 10, WAIT).await.unwrap().commits), [later]);
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    assert_eq!(transactions(&rest(&storage, &leased.cursor).await), [kept, later]);
    assert_ne!(kept, lost);
}

/// As after a restoration where the numbers of transactions have come so far that no cursor shows it. The first part of the
/// identity, that of the server, is known where a storage is opened.
#[tokio::test]
async fn a_log_that_was_kept_elsewhere_begins_a_new_epoch() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let mut storage = open(&url).await;
    commit(&storage).await;
    let mut epoch = storage.head().await.unwrap().epoch();
    let log = format!("{}.storage_log", schema(&url));
    let here = server.query(&format!("SELECT identity FROM {log}"));
    let parts: Vec<&str> = here.split(':').collect();
    assert!(parts.len() == 3 && parts.iter().all(|part| !part.is_empty()), "{here}");
    for (part, is_opened) in [(0, true), (1, true), (2, true), (1, false), (2, false)] {
        let elsewhere = parts.iter().enumerate().map(|(number, known)| if number == part { "1" } else { known });
        let elsewhere = elsewhere.collect::<Vec<_>>().join(":");
        server.query(&format!("UPDATE {log} SET identity = '{elsewhere}'"));
        if is_opened {
            storage.close().await.unwrap();
            storage = open(&url).await;
        }
        let next = storage.head().await.unwrap().epoch();
        assert_ne!(next, epoch, "{elsewhere} is not {here}, opened: {is_opened}");
        assert_eq!(server.query(&format!("SELECT identity FROM {log}")), here);
        epoch = next;
    }
    storage.close().await.unwrap();
    assert_eq!(open(&url).await.head().await.unwrap().epoch(), epoch);
}

/// It was removed, another one has its tick, or it has another tick.
#[tokio::test]
async fn a_cursor_that_names_a_commit_which_is_not_there_begins_a_new_epoch() {
    let server = PostgresServer::shared();
    for damage in [
        "DELETE FROM transactions WHERE id = 'LOST'",
        "UPDATE transactions SET id = gen_random_uuid() WHERE id = 'LOST'",
        "UPDATE transactions SET tick = (SELECT min(tick) FROM transactions), ordinal = 1 WHERE id = 'LOST'",
    ] {
        let url = server.fresh_schema_url();
        let storage = open(&url).await;
        commit(&storage).await;
        let lost = commit(&storage).await;
        let cursor = storage.head().await.unwrap();
        storage.close().await.unwrap();
        let damaged = damage.replace("LOST", &lost.to_string());
        server.query(&format!("SET search_path = {}; {damaged}", schema(&url)));
        let storage = open(&url).await;
        assert_eq!(storage.head().await.unwrap().epoch(), cursor.epoch(), "nobody has noticed");
        assert_eq!(storage.follow(&cursor, 10, WAIT).await.unwrap_err().kind(), &ErrorKind::Gone, "{damage}");
        assert_ne!(storage.head().await.unwrap().epoch(), cursor.epoch());
    }
}

#[tokio::test]
async fn entries_go_after_their_time_unless_a_consumer_waits_for_them_and_at_the_bound_even_so() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = open(&url).await;
    let cursor = storage.head().await.unwrap();
    commit(&storage).await;
    let kept = commit(&storage).await;
    let now_and_then = |age: &str, id: TransactionId| {
        let table = format!("{}.transactions", schema(&url));
        server.query(&format!(
            "UPDATE {table} SET committed_at = committed_at - {age}::bigint * 1000000 WHERE id {} '{id}'",
            if age == "0" { "=" } else { "<>" }
        ));
    };
    now_and_then("86400", kept);
    let hour = Duration::from_secs(3_600);
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    assert_eq!(storage.purge(hour, WEEK).await.unwrap(), 0, "the consumer has not passed it");
    let status = storage.log_status().await.unwrap();
    assert_eq!((status.entries, status.slowest.map(|(name, _)| name)), (2, Some(hub())));
    assert_eq!(storage.purge(hour, hour).await.unwrap(), 1, "it is older than the bound");
    // This process still knows what it was; another one does not.
    assert_eq!(open(&url).await.follow(&cursor, 10, WAIT).await.unwrap_err().kind(), &ErrorKind::Gone);
    let again = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap();
    assert!(again.is_none(), "it is leased");
    storage.release(&leased.token).await.unwrap();
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    assert_eq!(transactions(&rest(&storage, &leased.cursor).await), [kept], "it goes on with the oldest that is kept");
    storage.advance(&leased.token, &storage.head().await.unwrap()).await.unwrap();
    assert_eq!(purge_settled(&storage, WEEK).await, 1);
    let status = storage.log_status().await.unwrap();
    assert_eq!((status.entries, status.oldest, status.slowest), (0, None, None));
    // An empty log is followed from where it ends.
    let head = storage.head().await.unwrap();
    let next = commit(&storage).await;
    assert_eq!(transactions(&storage.follow(&head, 10, WAIT).await.unwrap().commits), [next]);
}

/// From a commit in one process until a follower in another receives it.
async fn lags(writer: &SqlStorage, reader: &SqlStorage, rounds: usize) -> Vec<Duration> {
    let mut after = reader.head().await.unwrap();
    let mut lags = Vec::new();
    for _ in 0..rounds {
        let following = reader.follow(&after, 10, WAIT);
        let committing = async {
            // The follower waits by now.
            tokio::time::sleep(Duration::from_millis(7)).await;
            commit(writer).await;
            Instant::now()
        };
        let (batch, committed) = tokio::join!(
            async {
                let batch = following.await.unwrap();
                (batch, Instant::now())
            },
            committing
        );
        lags.push(batch.1.saturating_duration_since(committed));
        assert_eq!(batch.0.commits.len(), 1);
        after = batch.0.next;
    }
    lags.sort();
    lags
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_wake_one_another_by_notify() {
    let url = PostgresServer::shared().fresh_schema_url();
    // Polling alone would take ten seconds.
    let options = SqlOptions { log_poll: Duration::from_secs(10), ..SqlOptions::default() };
    let writer = SqlStorage::connect(&url, options.clone()).await.unwrap();
    let reader = SqlStorage::connect(&url, options).await.unwrap();
    let lags = lags(&writer, &reader, 60).await;
    eprintln!("by NOTIFY: p50 {:?}, p95 {:?}, slowest {:?}", lags[30], lags[57], lags[59]);
    assert!(lags[30] < Duration::from_millis(100), "{lags:?}");
    reader.head().await.unwrap();
    assert_eq!(reader.log_status().await.unwrap().notifies, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notify_instances_hear_one_another_within_a_poll() {
    let url = PostgresServer::shared().fresh_schema_url();
    let options = SqlOptions { log_poll: Duration::from_millis(50), log_wakeup: Wakeup::Poll, ..SqlOptions::default() };
    let writer = SqlStorage::connect(&url, options.clone()).await.unwrap();
    let reader = SqlStorage::connect(&url, options).await.unwrap();
    let lags = lags(&writer, &reader, 30).await;
    eprintln!("by polling every 50 ms: p50 {:?}, slowest {:?}", lags[15], lags[29]);
    assert!(lags[15] < Duration::from_millis(100), "{lags:?}");
    assert_eq!(reader.log_status().await.unwrap().notifies, None);
}

#[tokio::test]
async fn a_follower_of_a_server_that_does_not_answer_is_refused_in_time() {
    let options = SqlOptions { timeout: Duration::from_millis(500), ..SqlOptions::default() };
    let server = PostgresServer::start();
    let storage = SqlStorage::connect(&server.url(), options).await.unwrap();
    let head = storage.head().await.unwrap();
    let pids = server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'character-storage'");
    let pids: Vec<&str> = pids.lines().collect();
    let signal = |name: &str| assert!(Command::new("kill").arg(name).args(&pids).status().unwrap().success());
    signal("-STOP");
    let began = Instant::now();
    let error = storage.follow(&head, 10, Duration::from_millis(200)).await.unwrap_err();
    signal("-CONT");
    assert!(error.is_outage() && began.elapsed() < Duration::from_secs(5), "{error:?} after {:?}", began.elapsed());
}

/// What the release before the log has left: the schema of its migrations, a remembered transaction, and events.
#[tokio::test]
async fn a_database_of_the_release_before_the_log_keeps_its_transactions_and_events() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let history = "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
                   checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";
    client.batch_execute(history).await.unwrap();
    let migrations = [
        ("characters", include_str!("../src/migrations/0001_characters.postgres.sql")),
        ("aggregates", include_str!("../src/migrations/0002_aggregates.postgres.sql")),
        ("names", include_str!("../src/migrations/0003_names.postgres.sql")),
        ("campaign_lists", include_str!("../src/migrations/0004_campaign_lists.sql")),
    ];
    for (version, (name, sql)) in (1_i64..).zip(migrations) {
        client.batch_execute(sql).await.unwrap();
        let row = "INSERT INTO schema_migrations VALUES ($1, $2, $3, 0)";
        client.execute(row, &[&version, &name, &Fingerprint::of(sql.as_bytes()).0]).await.unwrap();
    }
    let (entity, subject) = (character("Remembered"), CharacterId::new());
    let transaction = create(&entity);
    let outcome = json!({ "id": transaction.id, "written": [entity.meta] }).to_string();
    let remember = "INSERT INTO transactions (id, fingerprint, outcome, committed_at) VALUES ($1, $2, $3, $4)";
    let at = now().as_microsecond();
    client.execute(remember, &[&transaction.id.0, &transaction.fingerprint().0, &outcome, &at]).await.unwrap();
    let events: Vec<_> = (0..1_200).map(|number| event(subject, number)).collect();
    for event in &events {
        let text = json!(event).to_string();
        let insert = "INSERT INTO outbox (event_id, subject, event) VALUES ($1, $2, $3)";
        client.execute(insert, &[&event.id.0, &subject.0, &text]).await.unwrap();
    }

    let storage = open(&url).await;
    let again = storage.commit(transaction).await.unwrap();
    assert_eq!(again.written, [Meta { ..entity.meta }]);
    assert!(again.changes.is_empty());
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let told = rest(&storage, &leased.cursor).await;
    let told: Vec<_> = told.iter().flat_map(|commit| commit.events.clone()).collect();
    assert_eq!(told, events);
    // The release before it goes on beside this one for a while.
    let head = storage.head().await.unwrap();
    let late = TransactionId::new();
    client.execute(remember, &[&late.0, &"", &outcome, &at]).await.unwrap();
    let batch = storage.follow(&head, 10, WAIT).await.unwrap();
    assert_eq!((transactions(&batch.commits), &batch.commits[0].rows), (vec![late], &None));
    let rows: i64 = client.query_one("SELECT count(*) FROM outbox", &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
}

async fn connected(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The change has got its number and waits for another row when the row is created.
#[tokio::test]
async fn no_row_is_changed_by_a_transaction_with_a_lower_number_than_its_creation() {
    let url = PostgresServer::shared().fresh_schema_url();
    let (storage, another) = (open(&url).await, open(&url).await);
    // Rows are changed in the order of their ids.
    let (held, new) = (character("Held"), character("New"));
    storage.commit(create(&held)).await.unwrap();
    let head = storage.head().await.unwrap();
    let replace = |entity: &Character| Change::Replace { entity: entity.clone(), expect: Expect::Any };
    let change = Transaction::new().with(replace(&held)).with(replace(&new));
    let [holder, observer] = [connected(&url).await, connected(&url).await];
    holder.batch_execute("BEGIN; SELECT FROM characters FOR UPDATE").await.unwrap();
    let own: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
    let behind_it = "SELECT count(*) FROM pg_stat_activity AS change, pg_stat_activity AS creation \
                     WHERE $1 = ANY(pg_blocking_pids(change.pid)) AND change.pid = ANY(pg_blocking_pids(creation.pid))";
    let is_there = async |asked: &str| observer.query_one(asked, &[&own]).await.unwrap().get::<_, i64>(0) > 0;
    let changing = tokio::spawn(async move { storage.commit(change).await });
    while !is_there(waits).await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let creating = tokio::spawn({
        let (another, new) = (another.clone(), new.clone());
        async move { another.commit(create(&new)).await }
    });
    while !creating.is_finished() && !is_there(behind_it).await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    let (changed, created) = (changing.await.unwrap(), creating.await.unwrap().unwrap().id);
    let told = transactions(&rest(&another, &head).await);
    match changed {
        Ok(changed) => assert_eq!(told, [created, changed.id]),
        Err(error) => assert_eq!((error.kind(), told), (&ErrorKind::NotFound, vec![created])),
    }
}

/// Another process locks the rows of a table, and `operation` begins. Once that waits for them, the other one runs `change` and
/// commits.
async fn behind<T>(url: &str, table: &str, change: &str, operation: impl Future<Output = T> + Send) -> T {
    let (other, observer) = (connected(url).await, connected(url).await);
    other.batch_execute(&format!("BEGIN; SELECT FROM {table} FOR SHARE")).await.unwrap();
    let own: i32 = other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
    let changes = async {
        while observer.query_one(waiting, &[&own]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        other.batch_execute(&format!("{change}; COMMIT")).await.unwrap();
    };
    let both = async { tokio::join!(operation, changes).0 };
    tokio::time::timeout(WAIT, both).await.unwrap()
}

#[tokio::test]
async fn what_another_process_has_changed_meanwhile_is_read_before_it_is_judged() {
    let server = PostgresServer::shared();
    let url = server.fresh_schema_url();
    let storage = open(&url).await;
    commit(&storage).await;
    let taken = "UPDATE consumers SET lease = gen_random_uuid(), holder = gen_random_uuid(), leased_until = 4e15";
    // A lease.
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    storage.release(&leased.token).await.unwrap();
    let name = hub();
    let lease = storage.lease(&name, HolderId::new(), WAIT);
    assert_eq!(behind(&url, "consumers", taken, lease).await.unwrap(), None);
    server.query(&format!("UPDATE {}.consumers SET leased_until = 0", schema(&url)));
    // An event that is parked.
    let leased = storage.lease(&hub(), HolderId::new(), WAIT).await.unwrap().unwrap();
    let event = event(CharacterId::new(), 0);
    let error = behind(&url, "consumers", taken, storage.park(&leased.token, &event, "late")).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::LeaseLost);
    // The job that thins versions.
    let newest = std::num::NonZeroU32::MIN;
    storage.thin_versions(newest).await.unwrap();
    let held = "UPDATE retention_jobs SET holder = gen_random_uuid(), leased_until = 4e15";
    assert_eq!(behind(&url, "retention_jobs", held, storage.thin_versions(newest)).await.unwrap(), Thinned::Held);
    // A purge.
    let purged = "UPDATE storage_log SET purged_tick = 4000000000; DELETE FROM transactions";
    let purge = storage.purge(Duration::ZERO, Duration::ZERO);
    assert_eq!(behind(&url, "storage_log", purged, purge).await.unwrap(), 0);
    let schema = schema(&url);
    assert_eq!(server.query(&format!("SELECT purged_tick FROM {schema}.storage_log")), "4000000000");
    // A new epoch.
    let epoch = "UPDATE storage_log SET epoch = '00000000-0000-4000-8000-000000000000'";
    let begun = behind(&url, "storage_log", epoch, storage.new_epoch()).await.unwrap();
    assert_eq!(begun.to_string(), "00000000-0000-4000-8000-000000000000");
}

/// A commit of several transactions together has one tick for all, and is delivered in any portions.
#[tokio::test]
async fn transactions_that_were_made_durable_together_are_told_one_by_one() {
    let storage = open(&PostgresServer::shared().fresh_schema_url()).await;
    let head = storage.head().await.unwrap();
    let together: Vec<_> = (0..10).map(|_| create(&character("Together"))).collect();
    let wanted: Vec<_> = together.iter().map(|transaction| transaction.id).collect();
    for outcome in storage.commit_each(together).await {
        outcome.unwrap();
    }
    let (mut after, mut told) = (head, Vec::new());
    while told.len() < wanted.len() {
        let batch = storage.follow(&after, 3, WAIT).await.unwrap();
        told.extend(transactions(&batch.commits));
        after = batch.next.to_string().parse::<LogCursor>().unwrap();
    }
    assert_eq!(told, wanted);
}

/// An older release beside this one does not lock ids: it may commit one between the question for it and the entry.
#[tokio::test]
async fn a_change_waits_for_the_creation_of_its_row_and_is_told_behind_it() {
    let storage = open(&PostgresServer::shared().fresh_schema_url()).await;
    let head = storage.head().await.unwrap();
    let rows: Vec<Character> = (0..40).map(|_| character("New")).collect();
    let create_all = rows.iter().fold(Transaction::new(), |all, row| all.with(Change::Create(row.clone())));
    let created = create_all.id;
    let changing = async {
        let row = rows[0].clone();
        loop {
            let change = Transaction::new().with(Change::Replace { entity: row.clone(), expect: Expect::Any });
            match storage.commit(change).await {
                Ok(committed) => return committed.id,
                Err(error) => assert_eq!(error.kind(), &ErrorKind::NotFound),
            }
        }
    };
    let (first, changed) = tokio::join!(storage.commit(create_all), changing);
    first.unwrap();
    assert_eq!(transactions(&rest(&storage, &head).await), [created, changed]);
}
