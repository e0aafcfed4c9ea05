//! Whether a database that cannot be opened may come back by itself.

use character_storage_port::{ErrorKind, StorageError};
use std::error::Error;

/// Whether the failure to open a database may end without a change of the configuration: PostgreSQL is down, unreachable,
/// starting or has no connection left. An SQLite file never comes back by itself.
#[must_use]
pub fn may_come_back(error: &StorageError) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(answer) = of_engine(cause) {
            return answer;
        }
        next = cause.source();
    }
    matches!(error.kind(), ErrorKind::Timeout)
}

/// What the engine that failed says; `None`: this is no failure of an engine.
fn of_engine(cause: &(dyn Error + 'static)) -> Option<bool> {
    #[cfg(feature = "postgres")]
    if let Some(answer) = crate::postgres::may_come_back(cause) {
        return Some(answer);
    }
    #[cfg(feature = "sqlite")]
    if cause.is::<rusqlite::Error>() {
        return Some(false);
    }
    None
}
