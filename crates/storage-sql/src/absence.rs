//! Whether a database that cannot be opened may come back by itself.

use crate::postgres::lacks_password;
use character_storage_port::{ErrorKind, StorageError};
use deadpool_postgres::PoolError;
use std::error::Error;

/// SQLSTATE classes that only a changed configuration cures: refused credentials, no such database, missing permission.
const MISTAKES: [&str; 3] = ["28", "3D", "42"];

/// Whether the failure to open a database may end without a change of the configuration: PostgreSQL is down, unreachable,
/// starting or has no connection left. An SQLite file never comes back by itself.
#[must_use]
pub fn may_come_back(error: &StorageError) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<tokio_postgres::Error>() {
            let Some(state) = error.code() else { return !lacks_password(error) };
            return !MISTAKES.iter().any(|class| state.code().starts_with(class));
        }
        if let Some(PoolError::Timeout(_)) = cause.downcast_ref() {
            return true;
        }
        if cause.is::<rusqlite::Error>() {
            return false;
        }
        next = cause.source();
    }
    matches!(error.kind(), ErrorKind::Timeout)
}
