//! How a file is opened, read beside others, and closed.

use super::{
    OPEN,
    fault::{fault, is_busy},
};
use crate::{fault::Fault, location::Missing, sql::sql};
use character_storage_port::{Applied, ErrorKind, Result, StorageError};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// How the file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To read and write.
    ReadWrite(Missing),
    /// To read what is there, beside processes that write. A log that a killed process left is not touched.
    ReadOnly,
    /// The same where there is no log: the last connection then removes the files by which processes agree.
    Visit,
    /// To read a file that no process writes, in a folder where SQLite cannot make the files by which processes agree.
    Immutable,
}

/// Creates the file, empty, if it does not exist. SQLite would let the umask decide who may read it, and copies the mode of
/// this file to those beside it.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    // Never one that exists: to close it would give up the locks that SQLite has on it in this process.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How a file that must be there can be read.
pub(super) fn mode_of_existing(path: &Path, timeout: Duration) -> Result<Mode> {
    let error = |detail: String| StorageError::unavailable(OPEN).with_applied(Applied::No).with_detail(detail);
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Err(failed) if failed.kind() != std::io::ErrorKind::NotFound => {
            return Err(error(format!("the database at {} cannot be read: {failed}", path.display())));
        }
        _ => return Err(error(format!("there is no database at {}", path.display()))),
    }
    let answers = |mode| -> Result<()> {
        let connection = connection(path, timeout, mode)?;
        let asked = connection.query_row(sql!("count_schema.sqlite"), [], |_| Ok(()));
        asked.map_err(|error| fault(error).into_error(OPEN, Applied::No))
    };
    let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let mode = if has_log { Mode::ReadOnly } else { Mode::Visit };
    let Err(refusal) = answers(mode) else { return Ok(mode) };
    if !matches!(refusal.kind(), ErrorKind::Unavailable { .. }) {
        return Err(refusal);
    }
    // In a folder that takes no files a database in the mode of the write-ahead log cannot be shared. Without such a log
    // the main file is the whole database, and nobody can be writing it.
    if has_log {
        return Err(refusal.with_detail(format!(
            "{} has a write-ahead log, and its folder cannot be written to: copy both files to a folder that can",
            path.display()
        )));
    }
    answers(Mode::Immutable).map(|()| Mode::Immutable)
}

pub(super) fn reading_connections(path: &Path, timeout: Duration, mode: Mode, count: usize) -> Result<Vec<Connection>> {
    (0..count).map(|_| connection(path, timeout, mode)).collect()
}

/// A connection that reads, for others.
pub(crate) fn reading_connection(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection, Fault> {
    Ok(connection(path, timeout, mode)?)
}

/// A connection that reads.
pub(super) fn connection(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection> {
    let connection = opened(path, timeout, mode)?;
    connection.execute_batch("PRAGMA query_only = ON").map_err(|error| fault(error).into_error(OPEN, Applied::No))?;
    Ok(connection)
}

/// Where a connection keeps what it needs no longer than a statement or a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TemporaryData {
    InMemory,
    OnDisk,
}

impl TemporaryData {
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::InMemory => "PRAGMA temp_store = MEMORY",
            Self::OnDisk => "PRAGMA temp_store = FILE",
        }
    }
}

pub(super) fn writing_connection(path: &Path, timeout: Duration, missing: Missing) -> Result<Connection> {
    let connection = opened(path, timeout, Mode::ReadWrite(missing))?;
    let prepare = || {
        // Each savepoint of a group keeps the pages that it changes, for the case that it is undone.
        connection.execute_batch(TemporaryData::InMemory.command())?;
        write_ahead(&connection, timeout)
    };
    prepare().map_err(|error| fault(error).into_error(OPEN, Applied::No))?;
    Ok(connection)
}

/// The file as a URI of SQLite, which its options need.
fn immutable_uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

pub(super) fn opened(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        // Without SQLITE_OPEN_URI a path is a path, whatever it begins with.
        let (read, write) = (OpenFlags::SQLITE_OPEN_READ_ONLY, OpenFlags::SQLITE_OPEN_READ_WRITE);
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match mode {
                Mode::ReadWrite(Missing::Create) => write | OpenFlags::SQLITE_OPEN_CREATE,
                Mode::ReadWrite(Missing::Refuse) | Mode::Visit => write,
                Mode::ReadOnly => read,
                Mode::Immutable => read | OpenFlags::SQLITE_OPEN_URI,
            };
        let connection = match mode {
            Mode::Immutable => Connection::open_with_flags(immutable_uri(path), flags)?,
            _ => Connection::open_with_flags(path, flags)?,
        };
        // Less than the caller waits, so that the answer to a file in use is one that says nothing was written.
        connection.busy_timeout(timeout / 2)?;
        connection.set_prepared_statement_cache_capacity(128);
        // FULL: a commit that was acknowledged survives a power failure, too.
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        Ok(connection)
    };
    open().map_err(|error| fault(error).into_error(OPEN, Applied::No))
}

/// Moves everything into the main file. The last connection would do so by itself; with others it is the only way.
pub(super) fn close(connection: Connection) -> rusqlite::Result<()> {
    if connection.is_readonly("main")?
        || connection.pragma_query_value(None, "query_only", |row| row.get::<_, bool>(0))?
    {
        return connection.close().map_err(|(_, error)| error);
    }
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        tracing::warn!("another process has the database open: a copy needs the -wal file beside the main file");
    }
    connection.close().map_err(|(_, error)| error)
}

/// Turns on the write-ahead log. SQLite does not wait here for another process that is doing the same.
#[expect(clippy::disallowed_methods, reason = "runs on a thread for blocking work, while the file is opened")]
fn write_ahead(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let deadline = std::time::Instant::now() + timeout;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if is_busy(&error) && std::time::Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}
