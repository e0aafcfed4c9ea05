//! Where the reader of the log reads: a connection of its own to the database.

use super::Shared;
#[cfg(feature = "postgres")]
use super::postgres::PostgresSource;
#[cfg(feature = "sqlite")]
use super::sqlite::SqliteSource;
#[cfg(feature = "postgres")]
use crate::postgres::{Begin, Pooling, connector::Connector};
use crate::{fault::Fault, session::Work};
#[cfg(feature = "sqlite")]
use crate::{location::Missing, sqlite::Mode};
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

/// What the reader reads from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// With what begins a transaction there.
    #[cfg(feature = "postgres")]
    Postgres { connector: Connector, pooling: Pooling, begin: Begin },
    #[cfg(feature = "sqlite")]
    Sqlite { path: PathBuf, mode: Mode },
}

impl Origin {
    /// The SQLite file that a storage has opened to write.
    #[cfg(feature = "sqlite")]
    pub(crate) fn file(path: PathBuf) -> Self {
        Self::Sqlite { path, mode: Mode::ReadWrite(Missing::Refuse) }
    }

    /// Whether commits can be announced to other processes.
    pub(super) fn can_announce(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => true,
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => false,
        }
    }
}

/// A connection that belongs to the thread.
pub(super) enum Source {
    #[cfg(feature = "postgres")]
    Postgres(PostgresSource),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteSource),
}

impl Source {
    /// Connects to nothing yet.
    pub(super) fn new(origin: Origin, shared: &Arc<Shared>) -> Self {
        match origin {
            #[cfg(feature = "postgres")]
            Origin::Postgres { connector, pooling, begin } => {
                Self::Postgres(PostgresSource::new(connector, pooling, begin, Arc::clone(shared)))
            }
            #[cfg(feature = "sqlite")]
            Origin::Sqlite { path, mode } => Self::Sqlite(SqliteSource::new(path, mode, shared.pace.timeout)),
        }
    }

    pub(super) async fn run<W: Work>(&mut self, work: &W) -> Result<W::Output, Fault> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(source) => source.run(work).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(source) => source.run(work).await,
        }
    }

    /// Wakes other processes.
    pub(super) async fn announce(&mut self) -> Result<(), Fault> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(source) => source.announce().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Sees to it that other processes can wake this one.
    pub(super) async fn listen(&mut self) -> Result<(), Fault> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(source) => source.listen().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(()),
        }
    }

    pub(super) fn disconnect(&mut self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(source) => source.disconnect(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(source) => source.disconnect(),
        }
    }
}
