//! Where a database is: what a URL says, checked before anything is opened.

use crate::postgres::{
    Pooling,
    connector::Address,
    tls::{PARAMETERS, TlsParameters},
};
use character_domain::Violations;
use character_storage_port::{Result, StorageError};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use tokio_postgres::{
    Config,
    config::{ChannelBinding, TargetSessionAttrs},
};

/// The place of a database. [`SqlStorage::open`](crate::SqlStorage::open) opens it.
#[derive(Clone)]
pub struct DatabaseLocation(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    Postgres { address: Address, pooling: Pooling },
    Sqlite { path: PathBuf, missing: Missing },
}

/// What to do when the SQLite file does not exist.
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
    /// value that cannot be read, or a file that cannot be used. The text holds no part of the URL but the names of options,
    /// and the paths of such files.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("sqlite://") {
            return sqlite(rest);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(invalid("must begin with postgres://, postgresql:// or sqlite://"));
        }
        // Its own texts may quote a value of the URL.
        let (url, pooling) = pooling(url)?;
        let (url, target) = target(url)?;
        let (url, tls) = tls_parameters(&url)?;
        let mut config: Config = url.parse().map_err(|_| {
            invalid("is not a PostgreSQL URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE?OPTION=VALUE")
        })?;
        if config.get_channel_binding() == ChannelBinding::Require {
            return Err(invalid(
                "channel_binding=require is not offered; sslmode=verify-full excludes others in between",
            ));
        }
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        if hosts == 0 || config.get_ports().len() > 1 && config.get_ports().len() != hosts {
            return Err(invalid("needs a host, and one port or a port for each host"));
        }
        // Several hosts are a primary and its standbys.
        let several = if hosts > 1 { TargetSessionAttrs::ReadWrite } else { TargetSessionAttrs::Any };
        config.target_session_attrs(target.unwrap_or(several));
        let (mode, tls) = tls.load().map_err(|reason| invalid(&reason))?;
        config.ssl_mode(mode);
        Ok(Self(Place::Postgres { address: Address { config: Box::new(config), tls }, pooling }))
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
            Place::Postgres { .. } => None,
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
            Place::Postgres { .. } => "postgres",
            Place::Sqlite { .. } => "sqlite",
        }
    }
}

impl fmt::Debug for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Postgres { address, .. } => f.debug_tuple("Postgres").field(&address.config.get_dbname()).finish(),
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

/// The URL without the option `pool_mode`, and what that says.
fn pooling(url: &str) -> Result<(String, Pooling)> {
    let (url, given) = without(url, "pool_mode=");
    let pooling = match given.as_slice() {
        [] => Pooling::Session,
        [mode] if mode == "session" => Pooling::Session,
        [mode] if mode == "transaction" => Pooling::Transaction,
        _ => return Err(invalid("pool_mode must be session (the default) or transaction (behind a pooler)")),
    };
    Ok((url, pooling))
}

/// The URL without the option `target_session_attrs`, and what that says. The client of PostgreSQL knows fewer values than
/// others do.
fn target(url: String) -> Result<(String, Option<TargetSessionAttrs>)> {
    let (url, given) = without(&url, "target_session_attrs=");
    let target = match given.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => None,
        ["any"] => Some(TargetSessionAttrs::Any),
        ["read-write" | "primary"] => Some(TargetSessionAttrs::ReadWrite),
        _ => return Err(invalid("target_session_attrs must be any, read-write or primary: the data is also written")),
    };
    Ok((url, target))
}

/// The URL without the options that begin so, and their values.
fn without(url: &str, option: &str) -> (String, Vec<String>) {
    let Some((start, options)) = url.split_once('?') else { return (url.to_owned(), Vec::new()) };
    let (ours, others): (Vec<_>, Vec<_>) = options.split('&').partition(|given| given.starts_with(option));
    let mark = if others.is_empty() { "" } else { "?" };
    let values = ours.iter().filter_map(|given| given.strip_prefix(option)).map(str::to_owned).collect();
    (format!("{start}{mark}{}", others.join("&")), values)
}

/// The URL without the parameters of TLS, and what they say. The last of several of a name counts, as in PostgreSQL.
fn tls_parameters(url: &str) -> Result<(String, TlsParameters)> {
    let mut parameters = TlsParameters::default();
    let Some((start, options)) = url.split_once('?') else { return Ok((url.to_owned(), parameters)) };
    let mut others = Vec::new();
    for option in options.split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !PARAMETERS.contains(&name) {
            others.push(option);
            continue;
        }
        let value = decoded(value).filter(|value| !value.is_empty());
        let Some(value) = value else { return Err(invalid(&format!("{name} must have a value, percent-encoded"))) };
        match name {
            "sslmode" => parameters.mode = Some(value),
            "sslrootcert" => parameters.root = Some(value),
            "sslcert" => parameters.certificate = Some(value),
            _ => parameters.key = Some(value),
        }
    }
    let mark = if others.is_empty() { "" } else { "?" };
    Ok((format!("{start}{mark}{}", others.join("&")), parameters))
}

/// The text with its percent-encoding undone; `None`: it is not encoded rightly.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = behind;
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
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
    fn the_mode_of_a_pooler_is_read_and_not_passed_on() {
        let place = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Postgres { address, pooling }) => {
                Some((address.config.get_application_name().map(str::to_owned), pooling))
            }
            _ => None,
        };
        assert_eq!(place("postgres://u@h/d?pool_mode=transaction"), Some((None, Pooling::Transaction)));
        assert_eq!(place("postgres://u@h/d?pool_mode=session"), Some((None, Pooling::Session)));
        let both = place("postgres://u@h/d?pool_mode=transaction&application_name=x");
        assert_eq!(both, Some((Some("x".to_owned()), Pooling::Transaction)));
    }

    #[test]
    fn of_several_hosts_one_that_takes_writes_is_wanted_unless_the_url_says_otherwise() {
        let target = |url: &str| match DatabaseLocation::parse(url).map(|location| location.0) {
            Ok(Place::Postgres { address, .. }) => Some(address.config.get_target_session_attrs()),
            _ => None,
        };
        let (any, writes) = (Some(TargetSessionAttrs::Any), Some(TargetSessionAttrs::ReadWrite));
        assert_eq!(target("postgres://u@h/d"), any);
        assert_eq!(target("postgres://u@h/d?target_session_attrs=primary"), writes);
        assert_eq!(target("postgres://u@a,b:2/d"), writes);
        assert_eq!(target("postgres://u@a:1,b:2/d?pool_mode=transaction&target_session_attrs=read-write"), writes);
        assert_eq!(target("postgres://u@a:1,b:2/d?target_session_attrs=any"), any);
        for refused in ["standby", "read-only", "prefer-standby", ""] {
            assert_eq!(target(&format!("postgres://u@a,b/d?target_session_attrs={refused}")), None, "{refused}");
        }
    }

    #[test]
    fn a_postgres_url_that_cannot_be_used_is_refused_without_its_secrets() {
        for url in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmode=encrypted",
            "postgres://u:hunter2@h/d?channel_binding=require",
            "postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/no/such/file",
            "postgres://u:hunter2@h/d?sslmode=verify-ca&sslrootcert=system",
            "postgres://u:hunter2@h/d?sslrootcert=/etc/ssl/certs/ca-certificates.crt",
            "postgres://u:hunter2@h/d?sslmode=require&sslcert=/a",
            "postgres://u:hunter2@h/d?sslmode=disable&sslcert=/a&sslkey=/b",
            "postgres://u:hunter2@h/d?sslmode=%zz",
            "postgres://u:hunter2@h/d?pool_mode=statement",
            "postgres://u:hunter2@h,i/d?target_session_attrs=hunter2",
            "postgres://u:hunter2@/d",
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
