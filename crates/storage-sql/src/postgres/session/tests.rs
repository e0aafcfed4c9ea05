use super::*;
use crate::{
    SqlOptions,
    postgres::{
        Access, Postgres,
        begin::{NO_WRITES, Server},
        scripted::{Scripted, Serving},
    },
    session::Work,
};
use character_storage_port::StorageError;
use character_tests::PostgresServer;
use std::time::Duration;

async fn connected(url: &str) -> ClientWrapper {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    ClientWrapper::new(client, tokio::spawn(async move { drop(connection.await) }))
}

fn numbers(number: usize) -> Vec<Statement> {
    (0..number).map(|number| Statement::new(format!("SELECT {number}"), vec![])).collect()
}

/// The last statements of a transaction.
struct Last(Vec<Statement>);

impl Work for Last {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), Fault> {
        session.query_last(&self.0).await.map(drop)
    }
}

/// The outcome of a transaction that is sent at once, and what the server has heard.
async fn at_once(serving: Serving, options: &str, work: Last) -> (Result<(), StorageError>, Vec<String>) {
    let server = Scripted::serves(serving).await;
    let url = format!("{}&pool_mode=transaction{options}", server.url());
    let Ok(crate::location::Place::Postgres { address, pooling }) =
        crate::DatabaseLocation::parse(&url).map(|location| location.0)
    else {
        panic!()
    };
    let options = SqlOptions { timeout: Duration::from_secs(1), ..SqlOptions::default() };
    let postgres = Postgres::new(address, pooling, &options, Access::Write).unwrap();
    let outcome = postgres.write("test", work).await;
    (outcome, server.heard().commands)
}

#[tokio::test]
async fn the_statements_of_a_transaction_are_sent_in_order_between_one_begin_and_one_commit() {
    let begin = Begin::new("BEGIN".to_owned(), Server::Any);
    for pooling in [Pooling::Session, Pooling::Transaction] {
        for number in [1, PIPELINE - 1, PIPELINE, PIPELINE + 1, 2 * PIPELINE + 2] {
            let server = Scripted::serves(Serving::default()).await;
            let (client, committing) = (connected(&server.url()).await, AtomicBool::new(false));
            let statements = numbers(number);
            let texts: Vec<String> = statements.iter().map(|statement| statement.sql.to_string()).collect();
            let mut session = PostgresSession::transaction(&client, pooling, &begin, &committing);
            assert!(!session.may_have_committed());
            let answers = session.query_last(&statements).await.unwrap();
            assert!(answers.len() == number && session.may_have_committed());
            session.commit().await.unwrap();
            let heard = server.heard().commands;
            let place = |command: &str| {
                let places = heard.iter().enumerate().filter(|(_, heard)| *heard == command);
                places.map(|(place, _)| place).collect::<Vec<_>>()
            };
            assert_eq!(place("COMMIT"), [heard.len() - 1], "{pooling:?} {number}");
            let statements: Vec<_> =
                heard.iter().filter(|heard| !["BEGIN", "COMMIT"].contains(&heard.as_str())).collect();
            match pooling {
                // Each was prepared, under a name.
                Pooling::Session => {
                    let prepared: Vec<_> = texts.iter().map(|text| format!("PREPARE {text}")).collect();
                    assert_eq!(statements, prepared.iter().collect::<Vec<_>>());
                    assert_eq!(place("BEGIN"), [number.min(PIPELINE)]);
                }
                Pooling::Transaction => {
                    assert_eq!(statements, texts.iter().collect::<Vec<_>>());
                    assert_eq!(place("BEGIN"), [0]);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_plain_session_begins_and_ends_nothing() {
    let server = Scripted::serves(Serving::default()).await;
    let client = connected(&server.url()).await;
    let mut session = PostgresSession::plain(&client, Pooling::Transaction);
    session.query_all(&numbers(1)).await.unwrap();
    session.query_last(&numbers(2)).await.unwrap();
    session.run_script("SCRIPT").await.unwrap();
    assert!(!session.may_have_committed());
    session.commit().await.unwrap();
    assert_eq!(server.heard().commands, ["SELECT 0", "SELECT 0", "SELECT 1", "SCRIPT"]);
}

#[tokio::test]
async fn a_transaction_that_was_not_begun_or_is_committed_is_not_ended_again() {
    let begin = Begin::new("BEGIN".to_owned(), Server::Any);
    let server = Scripted::serves(Serving::default()).await;
    let (client, committing) = (connected(&server.url()).await, AtomicBool::new(false));
    let session = || PostgresSession::transaction(&client, Pooling::Transaction, &begin, &committing);
    session().commit().await.unwrap();
    session().rolled_back().await;
    session().roll_back();
    assert!(!committing.load(Ordering::Relaxed));
    for ends in 0..3 {
        let mut session = session();
        session.query_last(&numbers(1)).await.unwrap();
        match ends {
            0 => session.commit().await.unwrap(),
            1 => session.rolled_back().await,
            _ => session.roll_back(),
        }
    }
    let mut begun = session();
    begun.query_all(&numbers(1)).await.unwrap();
    begun.run_script("SCRIPT").await.unwrap();
    begun.rolled_back().await;
    let ended = ["BEGIN", "SELECT 0", "COMMIT"].repeat(3);
    assert_eq!(server.heard().commands, [&ended[..], &["BEGIN", "SELECT 0", "SCRIPT", "ROLLBACK"]].concat());
}

#[tokio::test]
async fn what_the_server_refuses_is_certainly_not_applied_although_the_commit_was_sent() {
    for (begin, state, is_certain) in [
        ("SELECT", "22003", true),
        ("SELECT", "57014", true),
        ("SELECT", "08006", false),
        ("COMMIT", "23503", true),
        ("COMMIT", "53100", false),
        ("COMMIT", "57014", false),
        ("BEGIN", "22003", true),
    ] {
        let (outcome, heard) = at_once(Serving::refusing(begin, state), "", Last(numbers(1))).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.certainly_not_applied(), is_certain, "{begin} {state}: {error:?}");
        assert_eq!(heard.iter().filter(|heard| *heard == "COMMIT").count(), 1, "{begin} {state}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_has_committed_nothing() {
    let standby = || Serving { read_only_later: true, ..Serving::default() };
    let (outcome, _) = at_once(standby(), "&target_session_attrs=read-write", Last(numbers(1))).await;
    let error = outcome.unwrap_err();
    assert!(error.certainly_not_applied() && error.detail() == Some(NO_WRITES), "{error:?}");
    let (outcome, _) = at_once(standby(), "", Last(numbers(1))).await;
    outcome.unwrap();
    let (outcome, _) = at_once(Serving::default(), "&target_session_attrs=read-write", Last(numbers(1))).await;
    outcome.unwrap();
}

#[tokio::test]
async fn the_outcome_of_a_commit_that_is_never_answered_is_unknown() {
    for (command, is_certain) in [("SELECT", true), ("COMMIT", false)] {
        let (outcome, _) = at_once(Serving::without_answer(command), "", Last(numbers(1))).await;
        let error = outcome.unwrap_err();
        assert!(!error.certainly_not_applied(), "the COMMIT was sent with the statement: {error:?}");

        let server = Scripted::serves(Serving::without_answer(command)).await;
        let begin = Begin::new("BEGIN".to_owned(), Server::Any);
        let (client, committing) = (connected(&server.url()).await, AtomicBool::new(false));
        let mut session = PostgresSession::transaction(&client, Pooling::Transaction, &begin, &committing);
        let work = async {
            session.query_all(&numbers(1)).await?;
            session.commit().await
        };
        let arrived = async {
            while !server.heard().commands.iter().any(|heard| heard.contains(command)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let is_waiting = tokio::select! {
            _ = work => false,
            () = arrived => true,
        };
        assert_eq!((is_waiting, committing.load(Ordering::Relaxed)), (true, !is_certain), "{command}");
    }
}

#[tokio::test]
async fn each_value_is_read_as_it_was_written() {
    let client = connected(&PostgresServer::shared().url()).await;
    let (id, text) = (Uuid::new_v4(), |text: &str| Value::Text(text.to_owned()));
    for (value, of) in [
        (Value::Uuid(id), "uuid"),
        (text("a'\u{e9}\""), "text"),
        (text(""), "text"),
        (Value::Bool(true), "boolean"),
        (Value::Bool(false), "boolean"),
        (Value::Int(i64::MAX), "bigint"),
        (Value::Int(-1), "bigint"),
        (Value::Null, "text"),
    ] {
        for pooling in [Pooling::Session, Pooling::Transaction] {
            let mut session = PostgresSession::plain(&client, pooling);
            let asked = Statement::new(format!("SELECT $1::{of}, ($1::{of} IS NULL)::text"), vec![value.clone()]);
            let mut row = session.query(asked).await.unwrap().remove(0);
            let is_null = text(if value == Value::Null { "true" } else { "false" });
            assert_eq!((row.pop().unwrap(), row.pop().unwrap()), (is_null, value.clone()), "{pooling:?}");
        }
    }
}

#[tokio::test]
async fn each_value_has_its_type_where_it_is_not_prepared() {
    let client = connected(&PostgresServer::shared().url()).await;
    let lists = [
        (ColumnType::Uuid, Value::Uuid(Uuid::nil()), "uuid"),
        (ColumnType::Text, Value::Text("a".to_owned()), "text"),
        (ColumnType::Bool, Value::Bool(true), "boolean"),
        (ColumnType::Int, Value::Int(7), "bigint"),
    ];
    for (of, value, name) in lists {
        let list = Value::List(of, vec![value.clone(), Value::Null]);
        for pooling in [Pooling::Session, Pooling::Transaction] {
            let mut session = PostgresSession::plain(&client, pooling);
            let cast = if pooling == Pooling::Session { format!("::{name}") } else { String::new() };
            let brackets = if cast.is_empty() { "" } else { "[]" };
            let asked = format!(
                "SELECT pg_typeof($1{cast})::text, pg_typeof($2{cast}{brackets})::text, ($2{cast}{brackets})[1]"
            );
            let mut row =
                session.query(Statement::new(asked, vec![value.clone(), list.clone()])).await.unwrap().remove(0);
            let types = [row.read::<String>().unwrap(), row.read::<String>().unwrap()];
            assert_eq!(types, [name.to_owned(), format!("{name}[]")], "{pooling:?}");
            assert_eq!(row.pop().unwrap(), value);
        }
    }
    let mut session = PostgresSession::plain(&client, Pooling::Transaction);
    let narrow = session.query(Statement::new("SELECT 5::integer", vec![])).await.unwrap().remove(0).pop().unwrap();
    assert_eq!(narrow, Value::Int(5));
    let nothing = session.query(Statement::new("SELECT pg_notify('a', 'b')", vec![])).await.unwrap().remove(0).pop();
    assert_eq!(nothing.unwrap(), Value::Null);
    let foreign = session.query(Statement::new("SELECT 1.5::numeric", vec![])).await.unwrap_err();
    assert!(matches!(foreign, Fault::Engine(crate::fault::Cause::Broken, EngineError::Stored(_))), "{foreign:?}");
}
