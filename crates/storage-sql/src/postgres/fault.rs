//! What PostgreSQL and its pool report, sorted by what to do about it.

use super::{begin::NO_WRITES, connect::is_read_only};
use crate::fault::{Cause, EngineError, Fault};
use character_storage_port::connection_failure;
use deadpool_postgres::PoolError;
use std::error::Error as StdError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The detail of an error that says so.
pub(super) const DISK_FULL: &str = "the disk of PostgreSQL is full";

/// SQLSTATE classes that only a changed configuration cures: refused credentials, no such database, no such schema, missing
/// permission.
const MISTAKES: [&str; 4] = ["28", "3D", "3F", "42"];

/// Whether a pooler refuses the settings of a session, which it cannot keep for one of its clients. PgBouncer has one SQLSTATE for
/// all its refusals, and some of the others end by themselves.
fn refuses_options(error: &tokio_postgres::Error) -> bool {
    let message = error.as_db_error().map_or("", DbError::message);
    message.contains("unsupported startup parameter")
}

/// What to do where no rule of the server, or of a pooler, permits a connection without TLS. There is no SQLSTATE for it.
fn refuses_plain(error: &tokio_postgres::Error) -> Option<&'static str> {
    let message = error.as_db_error().map_or("", DbError::message);
    if message.contains("SSL required") {
        return Some(
            "the server permits no connection without TLS: the URL needs a stricter sslmode, such as verify-full",
        );
    }
    // PostgreSQL answers the same when it has no rule for the host, the user and the database at all.
    ["no encryption", "SSL off"].iter().any(|part| message.contains(part)).then_some(
        "pg_hba.conf permits this host, user and database no connection without TLS: the URL needs a stricter sslmode, \
         such as verify-full, or the file a rule",
    )
}

pub(super) fn pool_fault(error: PoolError) -> Fault {
    match error {
        PoolError::Backend(error) if error.code().is_none() => {
            Fault::Engine(Cause::ConnectionLost, EngineError::Postgres(error))
        }
        PoolError::Backend(error) => fault(error),
        PoolError::Timeout(_) => Fault::Engine(Cause::Timeout, EngineError::Pool(error)),
        other => Fault::Engine(Cause::Unavailable, EngineError::Pool(other)),
    }
}

/// Whether the server asks for a password and the configuration has none.
fn lacks_password(error: &tokio_postgres::Error) -> bool {
    describe(error).contains("password missing")
}

/// What is wrong, for an operator: neither names nor values.
pub(crate) fn reason(error: &tokio_postgres::Error) -> Option<&'static str> {
    let Some(state) = error.code() else {
        if is_read_only(error) {
            return Some(NO_WRITES);
        }
        return connection_failure(error)
            .or_else(|| lacks_password(error).then_some("PostgreSQL asks for a password and there is none"));
    };
    if refuses_options(error) {
        // Without an equals sign: the log leaves out what looks like a value.
        return Some("a pooler is in between: the URL needs the option pool_mode with the value transaction");
    }
    if let Some(refusal) = refuses_plain(error) {
        return Some(refusal);
    }
    Some(match state.code() {
        "28P01" | "28000" => "PostgreSQL refuses the user or the password (authentication)",
        "3D000" => "PostgreSQL has no database of this name",
        "3F000" => "the search_path names no schema that exists",
        "42P01" => "the schema of the database is not ours",
        "42501" => "PostgreSQL does not permit this to the user",
        "53100" => DISK_FULL,
        "53300" => "PostgreSQL has no connection left",
        "25006" => "PostgreSQL is read-only",
        "57P01" | "57P02" | "57P03" => "PostgreSQL is starting or stopping",
        _ => return None,
    })
}

/// Why the pool gives no connection.
pub(crate) fn pool_reason(error: &PoolError) -> Option<&'static str> {
    match error {
        PoolError::Timeout(_) => Some("no connection to PostgreSQL in time"),
        PoolError::Closed => Some("the connections are closed"),
        _ => None,
    }
}

pub(crate) fn fault(error: tokio_postgres::Error) -> Fault {
    let cause = match error.code() {
        // A value that cannot be written or read on our side: the connection is as good as before.
        None if !error.is_closed() && error.source().is_some_and(|source| !source.is::<std::io::Error>()) => {
            Cause::Broken
        }
        // No word from the server: the connection broke, or it cannot be made.
        None => Cause::ConnectionLost,
        // An internal error that ended the session says nothing about the statement.
        Some(state)
            if state.code().starts_with("XX") && error.as_db_error().is_some_and(|error| !keeps_session(error)) =>
        {
            Cause::ConnectionLost
        }
        Some(state) => cause(state),
    };
    Fault::Engine(cause, EngineError::Postgres(error))
}

fn cause(state: &SqlState) -> Cause {
    match state.code() {
        // serialization_failure, deadlock_detected; unique_violation: an entry of the log with this id was there before ours.
        "40001" | "40P01" | "23505" => Cause::Concurrent,
        // query_canceled (statement_timeout), lock_not_available
        "57014" | "55P03" => Cause::Timeout,
        // The server goes down or comes up; the session was ended or is read-only after a failover; a prepared
        // statement is unknown or outdated, which a new connection cures.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25006" | "26000" | "0A000" => Cause::ConnectionLost,
        code if code.starts_with("08") => Cause::ConnectionLost,
        // Authorization, catalog name, resources, operator intervention, system error: for the operator to cure.
        code if ["28", "3D", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Cause::Unavailable,
        _ => Cause::Broken,
    }
}

/// The command of a transaction that an error answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// A statement, with the `COMMIT` behind it already on its way.
    Statement,
    Commit,
}

/// SQLSTATEs that do not show how a transaction ended: connection exceptions, a shutdown, errors outside of PostgreSQL, internal
/// errors, and the one that says so. A pooler that has lost its server answers with them in the place of the server.
const OUTCOME_OPEN: [&str; 5] = ["08", "40003", "57P", "58", "XX"];
/// The same for a `COMMIT`: no memory or disk, and an intervention of an operator, can meet it after it has become durable.
const OUTCOME_OPEN_OF_COMMIT: [&str; 2] = ["53", "57"];

/// Whether the server shows by an error that the transaction is not committed, although its `COMMIT` was sent. See decision 65.
pub(super) fn shows_no_commit(error: &tokio_postgres::Error, answered: Answered) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    let is_open = |states: &[&str]| states.iter().any(|state| error.code().code().starts_with(state));
    keeps_session(error)
        && !is_open(&OUTCOME_OPEN)
        && (answered == Answered::Statement || !is_open(&OUTCOME_OPEN_OF_COMMIT))
}

/// Whether the session continues after the error. After any other error, nothing shows what it did last.
fn keeps_session(error: &DbError) -> bool {
    match error.parsed_severity() {
        Some(severity) => severity == Severity::Error,
        // A pooler may leave out the severity that does not depend on the language; its own words are English.
        None => error.severity() == "ERROR",
    }
}

/// An error with its causes, in one line. tokio-postgres tells what is wrong only in the source.
pub(super) fn describe(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", describe(source)),
        None => error.to_string(),
    }
}

/// Whether the failure may end without a change of the configuration; `None`: it is none of PostgreSQL.
pub(crate) fn may_come_back(cause: &(dyn StdError + 'static)) -> Option<bool> {
    if let Some(error) = cause.downcast_ref::<tokio_postgres::Error>() {
        let Some(state) = error.code() else { return Some(!lacks_password(error)) };
        return Some(!refuses_options(error) && !MISTAKES.iter().any(|class| state.code().starts_with(class)));
    }
    matches!(cause.downcast_ref(), Some(PoolError::Timeout(_))).then_some(true)
}

#[cfg(test)]
mod tests;
