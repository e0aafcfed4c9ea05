//! The release before this one works on the schema of this one, since instances are replaced one by one: each statement that
//! it sends is still accepted, and nothing that it writes is refused. `released/` has its statements and its schema.
//!
//! At a release, `cargo test -p character-storage-sql --test postgres record_the_release -- --ignored` writes both again.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use crate::support::{
    answers_as_the_reference_does, character, create, event, forgets_old_transactions,
    keeps_and_lists_every_kind_as_the_reference_does,
};
use character_storage_port::{Commit, Consumers, HolderId, Log, Probe};
use character_storage_sql::{SqlOptions, SqlStorage};
use character_tests::PostgresServer;
use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

/// Stands between two statements in the record.
const NEXT: &str = "\n-- next\n";
const WAIT: Duration = Duration::from_secs(10);

fn record(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/released").join(name)
}

/// The columns, and the rules that rows must keep, of every table of a schema, a line each.
fn schema(server: &PostgresServer, schema: &str) -> BTreeSet<String> {
    let columns = format!(
        "SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, \
         CASE is_nullable WHEN 'YES' THEN 'optional' ELSE 'required' END, \
         CASE WHEN column_default IS NULL THEN 'without default' ELSE 'with default' END) \
         FROM information_schema.columns WHERE table_schema = '{schema}'"
    );
    let rules = format!(
        "SELECT format('rule of %s: %s', table_class.relname, pg_get_constraintdef(pg_constraint.oid)) \
         FROM pg_constraint JOIN pg_class AS table_class ON table_class.oid = conrelid \
         WHERE connamespace = '{schema}'::regnamespace"
    );
    let unique = format!(
        "SELECT format('rule of %s: %s', tablename, regexp_replace(indexdef, '^.* USING ', 'UNIQUE ')) FROM pg_indexes \
         WHERE schemaname = '{schema}' AND indexdef LIKE 'CREATE UNIQUE%'"
    );
    let lines = [columns, rules, unique].map(|sql| server.query(&sql).replace(&format!("{schema}."), ""));
    lines.iter().flat_map(|lines| lines.lines()).map(str::to_owned).collect()
}

/// The table that a line of a schema is about.
fn table(line: &str) -> &str {
    let about = line.strip_prefix("column ").or_else(|| line.strip_prefix("rule of ")).unwrap();
    about.split(['.', ':']).next().unwrap()
}

/// What a program that knows only `old` cannot work with in `new`.
fn breaks(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<String> {
    let tables: BTreeSet<&str> = old.iter().map(|line| table(line)).collect();
    let gone = old.difference(new).map(|line| format!("gone or changed: {line}"));
    let refuses = |line: &&String| {
        tables.contains(table(line)) && (line.starts_with("rule ") || line.ends_with("required without default"))
    };
    let added = new.difference(old).filter(refuses).map(|line| format!("added, and refuses rows: {line}"));
    gone.chain(added).collect()
}

async fn refused(url: &str, statements: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut refused = Vec::new();
    for statement in statements.split(NEXT) {
        if let Err(error) = client.prepare(statement).await {
            refused.push(format!("{statement}: {error:?}"));
        }
    }
    refused
}

async fn opened(server: &PostgresServer) -> (String, String) {
    let url = server.fresh_schema_url();
    SqlStorage::connect(&url, SqlOptions::default()).await.unwrap();
    let schema = url.rsplit("%3D").next().unwrap().to_owned();
    (url, schema)
}

#[tokio::test]
async fn the_release_before_this_one_works_on_the_schema_of_this_one() {
    let server = PostgresServer::shared();
    let (url, name) = opened(server).await;
    let statements = fs::read_to_string(record("postgres.sql")).unwrap();
    assert!(statements.split(NEXT).count() > 50, "the record is not whole");
    assert_eq!(refused(&url, &statements).await, Vec::<String>::new());
    let old: BTreeSet<String> =
        fs::read_to_string(record("postgres.txt")).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(breaks(&old, &schema(server, &name)), Vec::<String>::new());
}

#[tokio::test]
async fn a_migration_that_takes_away_renames_or_demands_is_noticed() {
    let server = PostgresServer::shared();
    let statements = fs::read_to_string(record("postgres.sql")).unwrap();
    for (migration, is_statement, is_schema) in [
        ("ALTER TABLE {}.characters RENAME COLUMN name TO title", true, true),
        ("DROP TABLE {}.consumers", true, true),
        ("ALTER TABLE {}.characters ADD COLUMN needed text NOT NULL", false, true),
        ("CREATE UNIQUE INDEX one_name ON {}.characters (name)", false, true),
        ("ALTER TABLE {}.quests ADD CHECK (length(title) < 10)", false, true),
        ("ALTER TABLE {}.characters ADD COLUMN wanted text", false, false),
        ("CREATE TABLE {}.others (id uuid PRIMARY KEY, name text NOT NULL)", false, false),
    ] {
        let (url, name) = opened(server).await;
        let old = schema(server, &name);
        server.query(&migration.replace("{}", &name));
        assert_eq!(!refused(&url, &statements).await.is_empty(), is_statement, "{migration}");
        let broken = breaks(&old, &schema(server, &name));
        assert_eq!(!broken.is_empty(), is_schema, "{migration}: {broken:?}");
    }
}

/// The statements with parameters in the log of a server.
fn sent(log: &str) -> BTreeSet<String> {
    let mut statements: BTreeSet<String> = BTreeSet::new();
    let mut open: Option<String> = None;
    for line in log.lines() {
        match (&mut open, line.strip_prefix('\t')) {
            (Some(statement), Some(more)) => {
                statement.push('\n');
                statement.push_str(more);
            }
            _ => {
                statements.extend(open.take());
                let executed = line.split_once("LOG:  execute ").map(|(_, rest)| rest);
                open = executed.and_then(|rest| rest.split_once(": ")).map(|(_, statement)| statement.to_owned());
            }
        }
    }
    statements.extend(open);
    statements
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes the record that the tests compare with; only at a release"]
async fn record_the_release() {
    let server = PostgresServer::start_with(&["log_statement=all"]);
    for behaviour in 0..4 {
        let storage = SqlStorage::connect(&server.fresh_schema_url(), SqlOptions::default()).await.unwrap();
        match behaviour {
            0 => answers_as_the_reference_does(&storage).await,
            1 => keeps_and_lists_every_kind_as_the_reference_does(&storage).await,
            2 => forgets_old_transactions(&storage).await,
            _ => {
                storage.probe().await.unwrap();
                let entity = character("Followed");
                storage.commit(create(&entity).with_event(event(entity.id, 0))).await.unwrap();
                let hub = "hub".parse().unwrap();
                let leased = storage.lease(&hub, HolderId::new(), WAIT).await.unwrap().unwrap();
                let batch = storage.follow(&leased.cursor, 10, WAIT).await.unwrap();
                storage.park(&leased.token, &batch.commits[0].events[0], "a reason").await.unwrap();
                storage.advance(&leased.token, &batch.next).await.unwrap();
                let parked = storage.parked(&hub, None, 10).await.unwrap();
                storage.unpark(&hub, &[parked[0].event.id]).await.unwrap();
                storage.discard(&hub, &[parked[0].event.id]).await.unwrap();
                storage.consumers().await.unwrap();
                storage.release(&leased.token).await.unwrap();
                storage.log_status().await.unwrap();
                storage.new_epoch().await.unwrap();
            }
        }
    }
    let (_, name) = opened(&server).await;
    fs::create_dir_all(record("")).unwrap();
    let lines: Vec<_> = schema(&server, &name).into_iter().collect();
    fs::write(record("postgres.txt"), lines.join("\n") + "\n").unwrap();
    // The migrations of the release are no statements of a running one, and those about the schema of this run name it.
    server.stop();
    let foreign = |statement: &String| statement.contains("test_") || statement.contains("schema_migrations");
    let statements: Vec<_> = sent(&server.log()).into_iter().filter(|statement| !foreign(statement)).collect();
    fs::write(record("postgres.sql"), statements.join(NEXT)).unwrap();
}
