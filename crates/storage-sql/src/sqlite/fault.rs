//! Failures of SQLite, sorted by what to do about them.

use crate::fault::{Cause, EngineError, Fault};
use rusqlite::ErrorCode;

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What is wrong with the file, for an operator.
pub(crate) fn reason(error: &rusqlite::Error) -> Option<&'static str> {
    Some(match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process writes the database",
        ErrorCode::DiskFull => "the disk of the database is full",
        ErrorCode::SystemIoFailure => "the file of the database cannot be read or written",
        ErrorCode::CannotOpen => "the file of the database cannot be opened",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "the database is read-only",
        ErrorCode::OperationInterrupted => "the operation took too long",
        _ => return None,
    })
}

/// What is wrong with the disk, when that is what the error says.
pub(super) fn disk_failure(error: &rusqlite::Error) -> Option<&'static str> {
    let disk = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure));
    reason(error).filter(|_| disk)
}

pub(super) fn fault(error: rusqlite::Error) -> Fault {
    Fault::Engine(cause(&error), EngineError::Sqlite(error))
}

/// What the failure means.
pub(super) fn cause(error: &rusqlite::Error) -> Cause {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => Cause::Unavailable,
        Some(ErrorCode::OperationInterrupted) => Cause::Timeout,
        _ => Cause::Broken,
    }
}
