//! Failures of an engine, sorted by what to do about them.

use crate::value::Unreadable;
use character_error_reporter::{Chain, redacted};
use character_storage_port::{Applied, ErrorKind, StorageError};
use std::{borrow::Cow, time::Duration};

/// A failure inside a piece of work.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The request was judged: this is the answer.
    Refused(StorageError),
    /// The engine failed.
    Engine(Cause, EngineError),
}

/// What an engine failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Lost against a concurrent transaction and rolled back; a new try can win.
    Concurrent,
    /// The connection is gone or useless.
    ConnectionLost,
    /// The engine or the pool gave up waiting.
    Timeout,
    /// The engine cannot do it now.
    Unavailable,
    /// The statement or the data is wrong; repeating it is of no use.
    Broken,
}

/// The source of an engine failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[cfg(feature = "postgres")]
    #[error("PostgreSQL: {0}")]
    Postgres(#[source] tokio_postgres::Error),
    #[cfg(feature = "postgres")]
    #[error("PostgreSQL connection pool: {0}")]
    Pool(#[source] deadpool_postgres::PoolError),
    #[cfg(feature = "sqlite")]
    #[error("SQLite: {0}")]
    Sqlite(#[source] rusqlite::Error),
    #[cfg(feature = "sqlite")]
    /// The commit of several changes failed; each caller receives this.
    #[error("SQLite: {0}")]
    Commit(#[source] std::sync::Arc<rusqlite::Error>),
    #[error("stored value: {0}")]
    Stored(#[source] Unreadable),
    #[error("{0} took longer than the timeout of {1:?}")]
    Late(&'static str, Duration),
    #[error("{0}")]
    Other(&'static str),
}

impl EngineError {
    /// What is wrong, for an operator, where the engine names it: neither names nor values.
    fn reason(&self) -> Option<Cow<'static, str>> {
        let named = match self {
            Self::Late(..) => return Some(self.to_string().into()),
            #[cfg(feature = "postgres")]
            Self::Postgres(error) => crate::postgres::reason(error),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(error) => crate::sqlite::reason(error),
            #[cfg(feature = "sqlite")]
            Self::Commit(error) => crate::sqlite::reason(error),
            #[cfg(feature = "postgres")]
            Self::Pool(error) => crate::postgres::pool_reason(error),
            Self::Stored(_) => None,
            Self::Other(reason) => Some(*reason),
        };
        named.map(Cow::Borrowed)
    }
}

impl Fault {
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Refused(_) => None,
            Self::Engine(cause, _) => Some(*cause),
        }
    }

    /// An engine gave up after this time.
    pub(crate) fn late(what: &'static str, timeout: Duration) -> Self {
        Self::Engine(Cause::Timeout, EngineError::Late(what, timeout))
    }

    /// Whether one item of a group may be the reason, so that the others can succeed without it.
    pub(crate) fn may_be_of_one_item(&self) -> bool {
        matches!(self.cause(), Some(Cause::Broken | Cause::Timeout))
    }

    /// Fit for a log line.
    pub(crate) fn redacted(&self) -> Chain {
        match self {
            Self::Refused(error) => redacted(error),
            Self::Engine(_, error) => redacted(error),
        }
    }

    pub(crate) fn concurrent(reason: &'static str) -> Self {
        Self::Engine(Cause::Concurrent, EngineError::Other(reason))
    }

    pub(crate) fn into_error(self, operation: &'static str, applied: Applied) -> StorageError {
        match self {
            Self::Refused(error) => error,
            Self::Engine(cause, source) => {
                let kind = match cause {
                    Cause::Concurrent | Cause::ConnectionLost | Cause::Unavailable => {
                        ErrorKind::Unavailable { retry_after: None }
                    }
                    Cause::Timeout => ErrorKind::Timeout,
                    Cause::Broken => ErrorKind::Corrupt,
                };
                let error = StorageError::new(kind, operation).with_applied(applied);
                let error = match source.reason() {
                    Some(reason) => error.with_detail(reason),
                    None => error,
                };
                error.with_source(source)
            }
        }
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::Engine(Cause::Broken, EngineError::Stored(error))
    }
}

/// `Corrupt`, for a stored text that cannot be read. Nothing was written.
pub(crate) fn corrupt(operation: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, operation).with_applied(Applied::No).with_source(source)
}
