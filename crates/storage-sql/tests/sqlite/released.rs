//! A file of the release before this one is opened and brought up to date with every row, and that release works on the schema
//! of this one, as another process on the same file. `released/sqlite.sql` has its schema and rows of every kind.
//!
//! At a release, `cargo test -p character-storage-sql --test sqlite record_the_release -- --ignored` writes it again.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use crate::support::{character, create, keeps_and_lists_every_kind_as_the_reference_does};
use character_storage_port::{Commit, Entity, Limit, PageRequest, Query, Store, every_kind};
use character_storage_sql::SqlStorage;
use rusqlite::Connection;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The number of rows of each kind in the record.
const ROWS: usize = 20;

fn record() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/released/sqlite.sql")
}

/// The file of the release before this one, without a `-wal` file.
fn of_the_release(folder: &Path) -> PathBuf {
    let path = folder.join("released.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    old.execute_batch(&fs::read_to_string(record()).unwrap()).unwrap();
    path
}

/// The texts in the one column of the rows of a query.
fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn tables(connection: &Connection) -> Vec<String> {
    texts(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
}

/// The columns, and the rules that rows must keep, of every table, a line each.
fn schema(connection: &Connection) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for table in tables(connection) {
        lines.extend(texts(
            connection,
            &format!(
                "SELECT format('column %s.%s %s %s %s', '{table}', name, type, iif(\"notnull\", 'required', 'optional'), \
                 iif(dflt_value IS NULL, 'without default', 'with default')) FROM pragma_table_info('{table}')"
            ),
        ));
        lines.extend(texts(
            connection,
            &format!(
                "SELECT format('rule of %s: UNIQUE %s', '{table}', (SELECT group_concat(name) FROM pragma_index_info(list.name))) \
                 FROM pragma_index_list('{table}') AS list WHERE \"unique\""
            ),
        ));
    }
    lines
}

/// What a program that knows only `old` cannot work with in `new`.
fn breaks(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<String> {
    let table = |line: &str| line.split(['.', ':']).next().unwrap().rsplit(' ').next().unwrap().to_owned();
    let tables: BTreeSet<String> = old.iter().map(|line| table(line)).collect();
    let gone = old.difference(new).map(|line| format!("gone or changed: {line}"));
    let refuses = |line: &&String| {
        tables.contains(&table(line)) && (line.starts_with("rule ") || line.ends_with("required without default"))
    };
    let added = new.difference(old).filter(refuses).map(|line| format!("added, and refuses rows: {line}"));
    gone.chain(added).collect()
}

async fn count<E: Entity>(storage: &SqlStorage) -> (String, usize)
where
    SqlStorage: Store<E>,
{
    let page = Store::<E>::list(storage, &E::Query::everything(), PageRequest::first(Limit::MAX)).await.unwrap().value;
    assert!(page.unreadable.is_empty() && page.next.is_none());
    (E::KIND.collection().to_owned(), page.items.len())
}

#[tokio::test]
async fn a_file_of_the_release_before_keeps_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = of_the_release(folder.path());
    let old = Connection::open(&path).unwrap();
    let recorded = tables(&old);
    let rows = |table: &str| old.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    let storage = SqlStorage::sqlite(&path).await.unwrap();
    for (table, count) in every_kind!(Row => count::<Row>(&storage).await) {
        assert_eq!(rows(&table).unwrap(), i64::try_from(count).unwrap(), "{table}");
        // The release lacks the table of a kind that is newer.
        assert!(count >= ROWS || !recorded.contains(&table), "{table} has only {count} rows in the record");
    }
    storage.commit(create(&character("New"))).await.unwrap();
}

#[tokio::test]
async fn the_release_before_works_on_the_schema_of_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = of_the_release(folder.path());
    let connection = Connection::open(&path).unwrap();
    let old = schema(&connection);
    SqlStorage::sqlite(&path).await.unwrap().close().await.unwrap();
    assert_eq!(breaks(&old, &schema(&connection)), Vec::<String>::new());
    for (migration, is_noticed) in [
        ("ALTER TABLE quests RENAME COLUMN title TO name", true),
        ("DROP TABLE parked_events", true),
        ("CREATE UNIQUE INDEX one_name ON characters (name)", true),
        ("ALTER TABLE campaigns ADD COLUMN wanted TEXT", false),
        ("CREATE TABLE others (id BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL) STRICT", false),
    ] {
        let before = schema(&connection);
        connection.execute_batch(migration).unwrap();
        assert_eq!(!breaks(&before, &schema(&connection)).is_empty(), is_noticed, "{migration}");
    }
}

#[tokio::test]
#[ignore = "writes the record that the tests compare with; only at a release"]
async fn record_the_release() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let storage = SqlStorage::sqlite(&path).await.unwrap();
    keeps_and_lists_every_kind_as_the_reference_does(&storage).await;
    storage.close().await.unwrap();
    let connection = Connection::open(&path).unwrap();
    // Responses are large, and their rows alike.
    connection.execute_batch("DELETE FROM transactions WHERE tick > (SELECT min(tick) + 2 FROM transactions)").unwrap();
    let of = |kind: &str| {
        texts(
            &connection,
            &format!("SELECT sql || ';' FROM sqlite_master WHERE {kind} AND sql IS NOT NULL ORDER BY rowid"),
        )
    };
    let mut lines = of("type = 'table' AND name NOT LIKE 'sqlite_%'");
    for table in tables(&connection) {
        let columns = texts(&connection, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!(
            "SELECT format('INSERT INTO {table} VALUES (%s);', {}) FROM {table} LIMIT {ROWS}",
            quoted.join(" || ', ' || ")
        );
        lines.extend(texts(&connection, &sql));
    }
    lines.extend(of("type IN ('index', 'trigger')"));
    fs::create_dir_all(record().parent().unwrap()).unwrap();
    fs::write(record(), lines.join("\n") + "\n").unwrap();
}
