//! What SQLite does to answer a list. `tests/plans.rs` asks the same of PostgreSQL.

use crate::{
    SqlStorage,
    dialect::Dialect,
    lists::{Listed, described, queries},
    many::{OWNED, ROWS, cursor, reads_a_whole_owner},
    session::Statement,
    table::{Table, list_statement},
};
use character_storage_port::{Change, Commit, PageRequest, Query, Scope, Transaction, every_kind};
use rusqlite::{Connection, StatementStatus, params_from_iter};

async fn fill<E: Table + Listed>(storage: &SqlStorage) {
    for part in (0..ROWS).collect::<Vec<_>>().chunks(1_000) {
        let rows = part.iter().map(|number| Change::Create(E::numbered(*number)));
        storage.commit(rows.fold(Transaction::new(), Transaction::with)).await.expect("new rows");
    }
}

fn sql(statement: &Statement) -> String {
    statement.sql.replace('$', "?")
}

/// What SQLite plans to do with the table.
fn plan(connection: &Connection, statement: &Statement) -> Vec<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql(statement))).expect("a statement");
    let steps = explain.query_map(params_from_iter(&statement.parameters), |row| row.get(3)).expect("a plan");
    steps.collect::<Result<_, _>>().expect("steps")
}

/// The number of rows that are answered, and of steps of SQLite's machine, which takes about 30 for a row that it answers
/// and 8 for one that it passes over.
fn effort(connection: &Connection, statement: &Statement) -> (usize, usize) {
    let mut prepared = connection.prepare(&sql(statement)).expect("a statement");
    let mut rows = prepared.query(params_from_iter(&statement.parameters)).expect("an answer");
    let mut answered = 0;
    while rows.next().expect("a row").is_some() {
        answered += 1;
    }
    drop(rows);
    (answered, usize::try_from(prepared.get_status(StatementStatus::VmStep)).unwrap_or_default())
}

/// The lists that go another way than along an index.
fn strays<E: Table + Listed>(connection: &Connection) -> Vec<String> {
    let table = E::KIND.collection();
    let mut strays = Vec::new();
    for query in queries::<E>() {
        let cursor = cursor::<E>(query.order());
        for page in [PageRequest::default(), PageRequest::default().after(cursor)] {
            let statement = list_statement::<E>(Dialect::Sqlite, &query, &page).expect("a statement");
            let plan = plan(connection, &statement);
            let step = plan.iter().find(|step| step.contains(table)).expect("a step over the table");
            let in_order = step.contains("USING INDEX") && !plan.iter().any(|step| step.contains("TEMP B-TREE"));
            // A list that names no owner walks along the whole index, from its newest end.
            let narrow = step.starts_with("SEARCH") || query.scope() == Scope::All;
            let (answered, steps) = effort(connection, &statement);
            // For tags and names the rows of one owner are read, and the tags of each with it.
            let allowed = if reads_a_whole_owner::<E>(&query) { 200 * OWNED } else { 45 * answered + 60 };
            if !in_order || !narrow || steps > allowed {
                let about = described::<E>(&query);
                strays.push(format!("{about}: {steps} steps to answer {answered}: {plan:?}"));
            }
        }
    }
    strays
}

#[tokio::test]
async fn every_list_follows_an_index_whether_or_not_the_tables_were_analyzed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("characters.db");
    let storage = SqlStorage::sqlite(&path).await.expect("a new file opens");
    every_kind!(Row => fill::<Row>(&storage).await);
    let mut connection = Connection::open(&path).expect("the file opens");
    let strays_of_all = |connection: &Connection| every_kind!(Row => strays::<Row>(connection)).concat();
    let strays = strays_of_all(&connection);
    assert!(strays.is_empty(), "{}", strays.join("\n"));
    connection.execute_batch("ANALYZE").expect("analyzed");
    connection = Connection::open(&path).expect("the file opens");
    let strays = strays_of_all(&connection);
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}
