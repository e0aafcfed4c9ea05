//! Where a database is: what a URL says, checked before anything is opened.

#[cfg(feature = "postgres")]
use crate::postgres::{Pooling, connector::Address};
use character_domain::Violations;
use character_storage_port::{Result, StorageError};
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::{fmt, path::Path};

/// The place of a database. [`SqlStorage::open`](crate::SqlStorage::open) opens it.
#[derive(Clone)]
pub struct DatabaseLocation(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    #[cfg(feature = "postgres")]
    Postgres { address: Address, pooling: Pooling },
    #[cfg(feature = "sqlite")]
    Sqlite { path: PathBuf, missing: Missing },
}

/// What to do when the SQLite file does not exist.
#[cfg(feature = "sqlite")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Create it and its folder.
    Create,
    /// Refuse to open it.
    Refuse,
}

impl DatabaseLocation {
    /// Reads `postgres://…` or `postgresql://…` as PostgreSQL's own clients do, or `sqlite://PATH`.
    ///
    /// Behind a pooler in transaction mode, such as PgBouncer with `pool_mode = transaction`, a PostgreSQL URL needs the
    /// option `pool_mode=transaction`. No statement is then prepared under a name and no setting made for a session, so that
    /// nothing need be configured there; `options` of the URL are passed on and refused by most poolers.
    ///
    /// Of several hosts, `postgres://USER@ONE:5432,TWO:5432/DATABASE`, the first that takes writes is used, as with
    /// `target_session_attrs=read-write` or `primary`. When it becomes a standby or read-only, its sessions end (since
    /// PostgreSQL 14). With `target_session_attrs=any`, the default of one host, the first that answers is used; with
    /// `load_balance_hosts=random` as well, the hosts take turns.
    ///
    /// TLS is what `sslmode`, `sslrootcert`, `sslcert` and `sslkey` say, as for PostgreSQL's own clients: `prefer` (the default)
    /// and `require` encrypt and check nothing, `require` with `sslrootcert` and `verify-ca` check the authority,
    /// `verify-full` also the host. Without `sslrootcert`, and with `sslrootcert=system`, the authorities are those of the
    /// system. The files are read here.
    ///
    /// A path may end with
    /// `?mode=rwc` (the default: the file is created when it does not exist) or `?mode=rw` (it must exist).
    ///
    /// # Errors
    /// `Invalid`: another scheme, an option that is not offered (`channel_binding=require`, `mode=ro`, any other of SQLite), a
    /// value that cannot be read, a file that cannot be used, or an engine whose feature is off. The text holds no part of the
    /// URL but the names of options, and the paths of such files.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("sqlite://") {
            return sqlite(rest).map(Self);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(invalid("must begin with postgres://, postgresql:// or sqlite://"));
        }
        postgres(url).map(Self)
    }

    /// The SQLite file at `path`, created when it does not exist.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite { path: path.into(), missing: Missing::Create })
    }

    /// The path of an SQLite file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Place::Postgres { .. } => None,
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, .. } => Some(path),
        }
    }

    /// The folder of an SQLite file.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.path().and_then(Path::parent)
    }

    /// `postgres` or `sqlite`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.0 {
            #[cfg(feature = "postgres")]
            Place::Postgres { .. } => "postgres",
            #[cfg(feature = "sqlite")]
            Place::Sqlite { .. } => "sqlite",
        }
    }
}

impl fmt::Debug for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Place::Postgres { address, .. } => f.debug_tuple("Postgres").field(&address.config.get_dbname()).finish(),
            #[cfg(feature = "sqlite")]
            Place::Sqlite { path, .. } => f.debug_tuple("Sqlite").field(path).finish(),
        }
    }
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Result<Place> {
    crate::postgres::parse(url)
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Place> {
    Err(invalid("leads to PostgreSQL, and this program has none: its crate lacks the feature postgres"))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str) -> Result<Place> {
    Err(invalid("names a file of SQLite, and this program has none: its crate lacks the feature sqlite"))
}

#[cfg(feature = "sqlite")]
fn sqlite(rest: &str) -> Result<Place> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let mut missing = Missing::Create;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        missing = match option {
            "mode=rwc" => Missing::Create,
            "mode=rw" => Missing::Refuse,
            _ if option.starts_with("mode=") => {
                return Err(invalid("mode must be rwc (create the file when it does not exist) or rw (it must exist)"));
            }
            _ => return Err(invalid("the only option of sqlite:// is mode")),
        };
    }
    if path.is_empty() || path == ":memory:" || path.ends_with('/') {
        return Err(invalid("must name a file, such as sqlite:///var/lib/storage.sqlite"));
    }
    Ok(Place::Sqlite { path: Path::new(path).to_owned(), missing })
}

pub(crate) fn invalid(reason: &str) -> StorageError {
    StorageError::invalid(Violations::one("url", reason), "connect")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "sqlite"))]
    #[test]
    fn a_url_of_sqlite_is_refused_by_the_name_of_the_feature_that_is_missing() {
        let error = DatabaseLocation::parse("sqlite:///a.db").unwrap_err();
        assert!(error.to_string().contains("the feature sqlite"), "{error}");
    }

    #[cfg(not(feature = "postgres"))]
    #[test]
    fn a_url_of_postgres_is_refused_by_the_name_of_the_feature_that_is_missing() {
        let error = DatabaseLocation::parse("postgres://u:hunter2@h/d").unwrap_err();
        assert!(error.to_string().contains("the feature postgres"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn the_options_of_an_sqlite_url_work_or_are_refused() {
        let place = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Sqlite { path, missing }) => Some((path.display().to_string(), missing)),
            _ => None,
        };
        let a = |missing| Some(("/a b#c.db".to_owned(), missing));
        assert_eq!(place("sqlite:///a b#c.db"), a(Missing::Create));
        assert_eq!(place("sqlite:///a b#c.db?"), a(Missing::Create));
        assert_eq!(place("sqlite:///a b#c.db?mode=rwc"), a(Missing::Create));
        assert_eq!(place("sqlite:///a b#c.db?mode=rw"), a(Missing::Refuse));
        for refused in
            ["/a?mode=ro", "/a?mode=memory", "/a?mode=", "/a?cache=shared", "/a?mode=rw&x=1", ":memory:", "", "/a/"]
        {
            assert_eq!(place(&format!("sqlite://{refused}")), None, "{refused}");
        }
    }
}
