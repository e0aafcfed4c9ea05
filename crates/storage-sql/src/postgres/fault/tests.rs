use super::*;
use crate::postgres::scripted::{Script, Scripted, Serving, error, error_of, refused};
use deadpool_postgres::TimeoutType;
use tokio_postgres::types::Type;

/// An error of a server with this SQLSTATE.
async fn of(state: &str) -> tokio_postgres::Error {
    refused(Script::Refuses(error(state, "a message"))).await
}

async fn with_message(state: &str, message: &str) -> tokio_postgres::Error {
    refused(Script::Refuses(error(state, message))).await
}

/// The error of a value that cannot be written as this type.
async fn unwritable() -> tokio_postgres::Error {
    let server = Scripted::serves(Serving::default()).await;
    let (client, connection) = server.config().connect(tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let error = client.query_typed("SELECT $1", &[(&1_i32, Type::TEXT)]).await.unwrap_err();
    drop(client);
    driver.await.unwrap().unwrap();
    error
}

/// The error of a port on which nothing listens.
async fn unreached() -> tokio_postgres::Error {
    let config: tokio_postgres::Config = "host=127.0.0.1 port=1 user=user sslmode=disable".parse().unwrap();
    config.connect(tokio_postgres::NoTls).await.map(drop).unwrap_err()
}

fn cause_of(fault: &Fault) -> Cause {
    fault.cause().unwrap()
}

#[test]
fn each_sqlstate_has_the_cause_that_the_rest_is_decided_by() {
    for (expected, states) in [
        (Cause::Concurrent, &["40001", "40P01", "23505"][..]),
        (Cause::Timeout, &["57014", "55P03"]),
        (
            Cause::ConnectionLost,
            &["57P01", "57P02", "57P03", "57P05", "25P03", "25006", "26000", "0A000", "08000", "08006", "08P01"],
        ),
        (Cause::Unavailable, &["28P01", "28000", "3D000", "53100", "53300", "57000", "57P04", "58030"]),
        (Cause::Broken, &["42P01", "42501", "3F000", "23503", "22003", "25P02", "40002", "XX000", "P0001"]),
    ] {
        for state in states {
            assert_eq!(cause(&SqlState::from_code(state)), expected, "{state}");
        }
    }
}

#[tokio::test]
async fn a_failure_without_a_word_of_the_server_is_a_lost_connection_unless_a_value_is_at_fault() {
    assert_eq!(cause_of(&fault(of("40001").await)), Cause::Concurrent);
    let closed = refused(Script::Closes).await;
    assert_eq!(cause_of(&fault(closed)), Cause::ConnectionLost);
    let broken = unreached().await;
    assert!(broken.source().is_some_and(|source| source.is::<std::io::Error>()), "{broken:?}");
    assert_eq!(cause_of(&fault(broken)), Cause::ConnectionLost);
    let unwritable = unwritable().await;
    assert!(unwritable.to_string().contains("serializing"), "{unwritable:?}");
    assert_eq!(cause_of(&fault(unwritable)), Cause::Broken);
}

#[tokio::test]
async fn an_internal_error_is_a_lost_connection_only_when_it_ends_the_session() {
    for (state, severity, expected) in [
        ("XX000", "ERROR", Cause::Broken),
        ("XX001", "FATAL", Cause::ConnectionLost),
        ("XX000", "PANIC", Cause::ConnectionLost),
        ("42601", "FATAL", Cause::Broken),
    ] {
        let error = refused(Script::Refuses(error_of(state, "a message", severity))).await;
        assert_eq!(cause_of(&fault(error)), expected, "{state} {severity}");
    }
    let foreign: Vec<_> =
        [('S', "FEHLER"), ('C', "XX000"), ('M', "m")].map(|(field, text)| (field, text.into())).into();
    assert_eq!(cause_of(&fault(refused(Script::Refuses(foreign)).await)), Cause::ConnectionLost);
}

#[tokio::test]
async fn the_failures_of_the_pool_are_sorted_as_those_of_a_connection() {
    let backend = async |error| cause_of(&pool_fault(PoolError::Backend(error)));
    assert_eq!(backend(of("28P01").await).await, Cause::Unavailable);
    assert_eq!(backend(of("57P03").await).await, Cause::ConnectionLost);
    assert_eq!(backend(unreached().await).await, Cause::ConnectionLost);
    // The connection is not there yet, so that no value of ours can be at fault.
    assert_eq!(backend(unwritable().await).await, Cause::ConnectionLost);
    assert_eq!(cause_of(&pool_fault(PoolError::Timeout(TimeoutType::Wait))), Cause::Timeout);
    assert_eq!(cause_of(&pool_fault(PoolError::Closed)), Cause::Unavailable);
    assert_eq!(pool_reason(&PoolError::Timeout(TimeoutType::Wait)), Some("no connection to PostgreSQL in time"));
    assert_eq!(pool_reason(&PoolError::Closed), Some("the connections are closed"));
    assert_eq!(pool_reason(&PoolError::NoRuntimeSpecified), None);
}

#[tokio::test]
async fn an_operator_reads_what_is_wrong() {
    for (state, expected) in [
        ("28P01", Some("refuses the user")),
        ("28000", Some("refuses the user")),
        ("3D000", Some("no database of this name")),
        ("3F000", Some("search_path")),
        ("42P01", Some("schema of the database is not ours")),
        ("42501", Some("does not permit")),
        ("53100", Some(DISK_FULL)),
        ("53300", Some("no connection left")),
        ("25006", Some("read-only")),
        ("57P01", Some("starting or stopping")),
        ("57P02", Some("starting or stopping")),
        ("57P03", Some("starting or stopping")),
        ("40001", None),
    ] {
        let found = reason(&of(state).await);
        assert_eq!(found.is_some(), expected.is_some(), "{state}: {found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{state}: {found:?}");
    }
    let refused_connection = reason(&unreached().await).unwrap();
    assert!(refused_connection.contains("nothing listens"), "{refused_connection}");
    assert_eq!(reason(&unwritable().await), None);
}

#[tokio::test]
async fn a_rule_that_permits_no_plain_connection_is_named_by_its_own_words() {
    for (message, expected) in [
        ("SSL required", Some("the server permits no connection without TLS")),
        ("no pg_hba.conf entry for host \"::1\", user \"u\", database \"d\", no encryption", Some("pg_hba.conf")),
        ("no pg_hba.conf entry for host \"::1\", user \"u\", database \"d\", SSL off", Some("pg_hba.conf")),
        ("password authentication failed", None),
    ] {
        let error = with_message("28000", message).await;
        let found = refuses_plain(&error);
        assert_eq!(found.is_some(), expected.is_some(), "{message}: {found:?}");
        assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{message}: {found:?}");
        assert_eq!(reason(&error), found.or(Some("PostgreSQL refuses the user or the password (authentication)")));
    }
}

#[tokio::test]
async fn only_a_changed_configuration_cures_what_a_server_refuses() {
    for state in ["28P01", "28000", "3D000", "3F000", "42501", "42P01"] {
        assert_eq!(may_come_back(&of(state).await), Some(false), "{state}");
    }
    for state in ["53300", "57P03", "25006", "08P01", "40001"] {
        assert_eq!(may_come_back(&of(state).await), Some(true), "{state}");
    }
    assert_eq!(may_come_back(&unreached().await), Some(true));
    assert_eq!(may_come_back(&PoolError::Timeout(TimeoutType::Create)), Some(true));
    assert_eq!(may_come_back(&PoolError::Closed), None);
    assert_eq!(may_come_back(&std::io::Error::other("of something else")), None);
}

#[tokio::test]
async fn a_pooler_that_refuses_the_settings_of_a_session_does_not_come_back() {
    let refused = with_message("08P01", "unsupported startup parameter: options").await;
    assert_eq!(may_come_back(&refused), Some(false));
    let reason = reason(&refused).unwrap();
    assert!(reason.contains("pool_mode"), "{reason}");
}

#[tokio::test]
async fn a_password_that_is_missing_does_not_come_back() {
    let asks = refused(Script::AsksForPassword).await;
    assert!(lacks_password(&asks), "{asks:?}");
    assert_eq!(may_come_back(&asks), Some(false));
    assert_eq!(reason(&asks), Some("PostgreSQL asks for a password and there is none"));
    assert!(!lacks_password(&refused(Script::Closes).await));
}

#[tokio::test]
async fn an_error_shows_that_nothing_was_committed_only_when_the_session_continues() {
    use Answered::{Commit, Statement};
    let shows = |error: &tokio_postgres::Error| [Statement, Commit].map(|answered| shows_no_commit(error, answered));
    for state in ["40001", "23505", "22003", "25P02"] {
        assert_eq!(shows(&of(state).await), [true, true], "{state}");
    }
    for state in ["53100", "57014"] {
        assert_eq!(shows(&of(state).await), [true, false], "{state}");
    }
    for state in ["08006", "40003", "57P01", "58030", "XX000"] {
        assert_eq!(shows(&of(state).await), [false, false], "{state}");
    }
    let fatal = refused(Script::Refuses(error_of("40001", "a message", "FATAL"))).await;
    assert_eq!(shows(&fatal), [false, false]);
    assert_eq!(shows(&unreached().await), [false, false]);
    // A severity in the language of the server alone.
    let old = |severity: &str| {
        Script::Refuses([('S', severity), ('C', "40001"), ('M', "m")].map(|(field, text)| (field, text.into())).into())
    };
    assert_eq!(shows(&refused(old("ERROR")).await), [true, true]);
    assert_eq!(shows(&refused(old("FEHLER")).await), [false, false]);
}

#[tokio::test]
async fn an_error_is_described_with_its_causes() {
    let error = of("40001").await;
    assert_eq!(describe(&error), "db error: ERROR: a message");
    assert_eq!(describe(&std::io::Error::other("alone")), "alone");
}
