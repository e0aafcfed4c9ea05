//! The engine of a storage: PostgreSQL or SQLite, of those that this build has.

#[cfg(feature = "postgres")]
use crate::postgres::{Access, Postgres};
use crate::{PoolStatus, SqlOptions, feed::Origin, location::Place, session::Work};
#[cfg(feature = "sqlite")]
use crate::{location::Missing, options::Migrations, sqlite::Sqlite};
use character_storage_port::{Result, SnapshotStream};
use std::{path::PathBuf, time::SystemTime};

/// Runs statements in the database of a place.
#[derive(Debug)]
pub(crate) enum Engine {
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
    #[cfg(feature = "sqlite")]
    Sqlite(Sqlite),
}

/// The same for each engine.
macro_rules! each {
    ($engine:expr, $name:ident => $work:expr) => {
        match $engine {
            #[cfg(feature = "postgres")]
            Self::Postgres($name) => $work,
            #[cfg(feature = "sqlite")]
            Self::Sqlite($name) => $work,
        }
    };
}

impl Engine {
    /// To read and write. Creates an SQLite file that does not exist, where place and options permit it.
    pub(crate) async fn open(place: Place, options: &SqlOptions) -> Result<Self> {
        Ok(match place {
            #[cfg(feature = "postgres")]
            Place::Postgres { address, pooling } => {
                Self::Postgres(Postgres::new(address, pooling, options, Access::Write)?)
            }
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, missing } => {
                let missing = match options.migrations {
                    Migrations::Apply => missing,
                    Migrations::Require => Missing::Refuse,
                };
                Self::Sqlite(Sqlite::open(&path, missing, options).await?)
            }
        })
    }

    /// To read. Creates nothing.
    pub(crate) async fn open_existing(place: Place, options: &SqlOptions) -> Result<Self> {
        Ok(match place {
            #[cfg(feature = "postgres")]
            Place::Postgres { address, pooling } => {
                Self::Postgres(Postgres::new(address, pooling, options, Access::Read)?)
            }
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, .. } => Self::Sqlite(Sqlite::open_existing(&path, options).await?),
        })
    }

    /// Where the log is read from.
    pub(crate) fn origin(&self) -> Origin {
        each!(self, engine => engine.origin())
    }

    pub(crate) fn status(&self) -> PoolStatus {
        each!(self, engine => engine.status())
    }

    /// Whether operations that wait for one another cost less as one. SQLite has one writer, which groups by itself.
    pub(crate) fn gains_by_groups(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
        }
    }

    /// Runs work that changes nothing.
    pub(crate) async fn read<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        each!(self, engine => engine.read(operation, work).await)
    }

    /// Runs work in a transaction.
    pub(crate) async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        each!(self, engine => engine.write(operation, work).await)
    }

    /// As `write`, with the time that a change of the schema or of many rows needs.
    pub(crate) async fn migrate<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        each!(self, engine => engine.migrate(operation, work).await)
    }

    /// Every row as it is now, over a connection of its own.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        each!(self, engine => engine.snapshot().await)
    }

    /// Fails unless the database takes writes; where it is opened to read alone, unless it can be read.
    pub(crate) async fn check_writes(&self, operation: &'static str) -> Result<()> {
        each!(self, engine => engine.check_writes(operation).await)
    }

    /// Ends the connections after what is queued.
    pub(crate) async fn close(&self) -> Result<()> {
        each!(self, engine => engine.close().await)
    }

    /// Uses the user, password and certificates of this place, which must be the same database, from now on.
    pub(crate) fn replace(&self, place: Place) -> Result<(), &'static str> {
        match (self, place) {
            #[cfg(feature = "postgres")]
            (Self::Postgres(postgres), Place::Postgres { address, pooling }) if postgres.pooling() == pooling => {
                postgres.replace(address)
            }
            _ => Err("must name the same kind of database, with the same pool_mode, as before; others need a restart"),
        }
    }

    /// The files of certificates. A file of SQLite has none.
    pub(crate) fn certificate_files(&self) -> Vec<PathBuf> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.address().tls.paths(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Vec::new(),
        }
    }

    /// Reads them again. An error names the parameter, and what is wrong with its file.
    pub(crate) fn reload_certificates(&self) -> Result<(), String> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.reload_certificates(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// When the client certificate expires, if there is one.
    pub(crate) fn certificate_expires_at(&self) -> Option<SystemTime> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.address().tls.expires_at(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
        }
    }

    /// Permits this number of connections. SQLite keeps its threads.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only PostgreSQL has such connections"))]
    pub(crate) fn resize(&self, connections: usize) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(postgres) => postgres.resize(connections),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {}
        }
    }
}
