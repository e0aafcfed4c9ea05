//! What PostgreSQL reads to answer, told by the server itself: with `auto_explain` it writes the plan of every query of
//! the storage, with the rows that each step really had, into its log. `src/plans.rs` asks the same of SQLite.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "support/lists.rs"]
mod lists;
#[path = "support/many.rs"]
mod many;

use character_storage_port::every_kind;
use character_storage_port::{
    Change, Commit, Consumers, Deleted, HolderId, Log, OrderBy, PageRequest, Query, Store, Transaction,
};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;
use lists::{Listed, described, queries};
use many::{OWNED, ROWS, cursor, reads_a_whole_owner};
use serde_json::Value;
use std::time::Duration;

const SETTINGS: [&str; 5] = [
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
    "auto_explain.log_format=json",
];

struct Observed {
    server: PostgresServer,
    storage: SqlStorage,
}

impl Observed {
    /// The plan of the one query that `ask` makes.
    async fn plan<T>(&self, ask: impl Future<Output = T>) -> (T, Value) {
        let before = self.server.log().len();
        let answer = ask.await;
        for _ in 0..100 {
            let log = self.server.log();
            if let Some(found) = log.get(before..).and_then(plan_in) {
                return (answer, found);
            }
            // The server answers and writes its log in no order that it promises.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server wrote no plan");
    }
}

fn plan_in(log: &str) -> Option<Value> {
    let plans = log.split("plan:\n").skip(1).filter_map(|text| {
        let plan: Option<Value> = serde_json::Deserializer::from_str(text).into_iter().next()?.ok();
        plan
    });
    // The server may write those of the statements that open a storage later than it answers them.
    let opens = |text: &str| text.contains(" = '' LIMIT") || text.contains("FROM outbox");
    let mut asked = plans.filter(|plan| !plan["Query Text"].as_str().is_some_and(opens));
    Some(asked.next()?["Plan"].clone())
}

/// The number of rows of tables that the plan read.
fn rows_read(plan: &Value) -> u64 {
    let number = |name: &str| plan[name].as_f64().unwrap_or_default();
    let mut read = 0.0;
    if plan["Relation Name"].is_string() {
        let looked_at =
            number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        read = looked_at * number("Actual Loops");
    }
    let below = plan["Plans"].as_array().into_iter().flatten().map(rows_read).sum::<u64>();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    let read = read.ceil() as u64;
    read + below
}

async fn fill<E: Listed>(storage: &SqlStorage) {
    for part in (0..ROWS).collect::<Vec<_>>().chunks(1_000) {
        let rows = part.iter().map(|number| Change::Create(E::numbered(*number)));
        storage.commit(rows.fold(Transaction::new(), Transaction::with)).await.unwrap();
    }
}

/// The queries that read more than twice what they answer.
async fn greedy<E: Listed>(observed: &Observed) -> Vec<String>
where
    SqlStorage: Store<E>,
{
    // After 120 rows the filters begin anew.
    let rows: Vec<E> = (0..120).map(E::numbered).collect();
    let mut greedy = Vec::new();
    for query in queries::<E>() {
        let cursor = cursor::<E>(query.order());
        for page in [PageRequest::default(), PageRequest::default().after(cursor)] {
            let (page, plan) = observed.plan(Store::<E>::list(&observed.storage, &query, page)).await;
            let (answered, read) = (page.unwrap().value.items.len() as u64, rows_read(&plan));
            // Tags and parts of names have no index: the rows of one owner are read for them, and no others.
            let allowed = match query.order().by {
                _ if reads_a_whole_owner::<E>(&query) => OWNED as u64,
                // Rows of one name are deleted together here, so there are long runs of them.
                OrderBy::Name => 3 * answered + 10,
                _ => 2 * answered + 10,
            };
            let about = described::<E>(&query);
            assert!(read >= answered, "{about}: the plan is of another query: {plan:#}");
            assert_eq!(answered > 0, rows.iter().any(|row| query.matches(row)), "{about}");
            if read > allowed {
                greedy.push(format!("{about}: {read} rows are read to answer {answered}: {plan:#}"));
            }
        }
    }
    let (found, plan) = observed.plan(Store::<E>::find(&observed.storage, rows[0].id(), Deleted::Include)).await;
    assert!(found.unwrap().value.is_some());
    if rows_read(&plan) != 1 {
        greedy.push(format!("{}: {plan:#}", E::FIND));
    }
    greedy
}

/// The plans for the values given, and those for any values, which the server changes over to after some repeats.
#[tokio::test]
async fn no_query_reads_many_more_rows_than_it_answers() {
    let server = PostgresServer::start_with(&SETTINGS);
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    every_kind!(Row => fill::<Row>(&storage).await);
    server.query("VACUUM ANALYZE");
    let mut observed = Observed { server, storage };
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let url = format!("{}?options=-c%20plan_cache_mode%3D{mode}", observed.server.url());
        observed.storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
        let greedy = every_kind!(Row => greedy::<Row>(&observed).await).concat();
        assert!(greedy.is_empty(), "{mode}:\n{}", greedy.join("\n"));
    }
}

/// What is wrong with a plan over the log: a sort, or a way to its entries other than an index.
fn faults(plan: &Value) -> Vec<String> {
    let node = plan["Node Type"].as_str().unwrap_or_default();
    let is_index = node.starts_with("Index") && plan["Index Cond"].is_string();
    let is_entry = plan["Relation Name"] == "transactions" || plan["Index Name"].is_string();
    let mut faults = Vec::new();
    if node.contains("Sort") || is_entry && !is_index {
        faults.push(node.to_owned());
    }
    faults.extend(plan["Plans"].as_array().into_iter().flatten().flat_map(self::faults));
    faults
}

/// Follows a log of this many entries from its start, its middle and its end, while an old transaction is open elsewhere.
async fn follow_a_log_of(entries: usize) {
    let server = PostgresServer::start_with(&SETTINGS);
    server.query("CREATE DATABASE other");
    let other = format!("{}/other", server.url().rsplit_once('/').unwrap().0);
    let (idle, connection) = tokio_postgres::connect(&other, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    idle.batch_execute("BEGIN; CREATE TABLE held (x int)").await.unwrap();
    let storage = SqlStorage::connect(&server.url(), SqlOptions::default()).await.unwrap();
    // Not in the log: a million plans would fill it.
    server.query("ALTER DATABASE postgres SET auto_explain.log_min_duration = -1");
    server.query(&format!(
        "DO $$BEGIN FOR i IN 1..{entries} LOOP \
         INSERT INTO transactions (id, fingerprint, committed_at, news) VALUES (gen_random_uuid(), '', 0, '[]'); \
         COMMIT; END LOOP; END$$"
    ));
    server.query("ALTER DATABASE postgres RESET auto_explain.log_min_duration");
    let start = storage.lease(&"reader".parse().unwrap(), HolderId::new(), Duration::from_secs(60)).await.unwrap();
    let start = start.unwrap().cursor;
    for (analyzed, mode) in [(false, "force_custom_plan"), (true, "force_custom_plan"), (true, "force_generic_plan")] {
        if analyzed {
            server.query("VACUUM ANALYZE transactions");
        }
        let url = format!("{}?options=-c%20plan_cache_mode%3D{mode}", server.url());
        let before = server.log().len();
        let storage = SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
        let mut after = start.clone();
        for _ in 0..10 {
            let batch = storage.follow(&after, 100, Duration::ZERO).await.unwrap();
            assert_eq!(batch.commits.len(), 100);
            after = batch.next;
        }
        // What operators see of a consumer is read over the other connections.
        assert!(storage.consumers().await.unwrap()[0].behind_since.is_some());
        let head = storage.head().await.unwrap();
        assert!(storage.follow(&head, 100, Duration::ZERO).await.unwrap().commits.is_empty());
        let is_one = |plan: &&Value| {
            plan["Query Text"].as_str().is_some_and(|text| text.starts_with("-- The entries behind a place"))
        };
        let mut plans = Vec::new();
        for _ in 0..100 {
            plans = plans_in(&server.log()[before..]);
            if plans.iter().filter(is_one).count() >= 12 {
                break;
            }
            // The server answers and writes its log in no order that it promises.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let plans: Vec<&Value> = plans.iter().filter(is_one).collect();
        assert!(plans.len() >= 12, "the server wrote {} plans", plans.len());
        for plan in plans {
            let (faults, read) = (faults(&plan["Plan"]), rows_read(&plan["Plan"]));
            // What is read, the one behind it, the row of the state, and that of the database.
            assert!(faults.is_empty() && read <= 4 * 102, "{mode}, {faults:?}, {read} rows read: {plan:#}");
        }
    }
}

fn plans_in(log: &str) -> Vec<Value> {
    let plan = |text| serde_json::Deserializer::from_str(text).into_iter().next()?.ok();
    log.split("plan:\n").skip(1).filter_map(plan).collect()
}

#[tokio::test]
async fn the_log_is_read_along_its_index_whatever_its_length_and_whoever_holds_a_transaction_open() {
    follow_a_log_of(20_000).await;
}

#[tokio::test]
#[ignore = "a minute long: `make hunt` runs it"]
async fn a_log_of_a_million_entries_is_read_along_its_index() {
    follow_a_log_of(1_000_000).await;
}
