//! Where a database is: what a URL says, checked before anything is opened.

use character_domain::Violations;
use character_storage_port::{Result, StorageError};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use tokio_postgres::{Config, config::SslMode};

/// The place of a database. [`SqlStorage::open`](crate::SqlStorage::open) opens it.
#[derive(Clone)]
pub struct DatabaseLocation(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    Postgres(Box<Config>),
    Sqlite { path: PathBuf, missing: Missing },
}

/// What to do when the SQLite file does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Create it and its folder.
    Create,
    /// Fail.
    Refuse,
}

impl DatabaseLocation {
    /// Reads `postgres://…` or `postgresql://…` as PostgreSQL's own clients do, or `sqlite://PATH`. A path may end with
    /// `?mode=rwc` (the default: the file is created when it does not exist) or `?mode=rw` (it must exist).
    ///
    /// # Errors
    /// `Invalid`: another scheme, an option that is not offered (`sslmode=require`, `mode=ro`, any other of SQLite), or a
    /// value that cannot be read. The text holds no part of the URL but the names of options.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("sqlite://") {
            return sqlite(rest);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(invalid("must begin with postgres://, postgresql:// or sqlite://"));
        }
        // Its own texts may quote a value of the URL.
        let config: Config = url.parse().map_err(|_| {
            invalid("is not a PostgreSQL URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE?OPTION=VALUE")
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(invalid("sslmode=require is not offered: this build speaks to PostgreSQL without TLS"));
        }
        Ok(Self(Place::Postgres(Box::new(config))))
    }

    /// The SQLite file at `path`, created when it does not exist.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite { path: path.into(), missing: Missing::Create })
    }

    /// The path of an SQLite file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Postgres(_) => None,
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
            Place::Postgres(_) => "postgres",
            Place::Sqlite { .. } => "sqlite",
        }
    }
}

impl fmt::Debug for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Postgres(config) => f.debug_tuple("Postgres").field(&config.get_dbname()).finish(),
            Place::Sqlite { path, .. } => f.debug_tuple("Sqlite").field(path).finish(),
        }
    }
}

fn sqlite(rest: &str) -> Result<DatabaseLocation> {
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
    Ok(DatabaseLocation(Place::Sqlite { path: Path::new(path).to_owned(), missing }))
}

fn invalid(reason: &str) -> StorageError {
    StorageError::invalid(Violations::one("url", reason), "connect")
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_postgres_url_that_cannot_be_used_is_refused_without_its_secrets() {
        for url in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmode=require",
        ] {
            let error = DatabaseLocation::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        assert_eq!(
            DatabaseLocation::parse("postgres://u:p@h/d").map(|location| location.engine()).ok(),
            Some("postgres")
        );
    }
}
