//! Copies of an SQLite database: made beside processes that write, and put in the place of a database.
//!
//! A copy is one file that needs nothing beside it. The file of a database that is in use is no such thing: a part of it is in
//! its `-wal` file, and the `-wal` file of another state makes a database of it that never was.

use super::{
    connection::{beside, create_private, mode_of_existing, opened},
    fault::{fault, is_busy},
};
use crate::{SqlStorage, sql::sql};
use character_domain::now;
use character_storage_port::{Applied, Epoch, Result, StorageError};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The operation name of making a copy.
const BACK_UP: &str = "back_up";
/// The operation name of restoring one.
const RESTORE: &str = "restore";
/// How long other processes may keep the files locked.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for the database that is replaced, which no other process should have open.
const IN_USE: Duration = Duration::from_secs(1);

/// What [`restore`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The database that was there before; `None`: there was none.
    pub before: Option<PathBuf>,
    /// The epoch of the log that began, so that nothing that was cached before counts as current.
    pub epoch: Epoch,
}

/// Writes a copy of the SQLite database to `copy`, as of one moment. Other processes may write the database meanwhile; its
/// `-wal` file grows until the copy is complete. The copy has its name when it is complete, and is compact. Returns its length
/// in bytes.
///
/// # Errors
/// `Unavailable`, with a detail: there is no such database, `copy` exists, or a file cannot be read or written.
pub async fn back_up(database: &Path, copy: &Path) -> Result<u64> {
    let (database, copy) = (database.to_owned(), copy.to_owned());
    super::blocking(move || {
        if copy.exists() {
            return Err(refusal(BACK_UP, format!("{} exists; name another file", copy.display())));
        }
        let partial = beside(&copy, ".partial");
        copy_into(&database, &partial, BACK_UP)?;
        put(&partial, &copy).map_err(|error| failed(BACK_UP, &copy, error))?;
        fs::metadata(&copy).map(|file| file.len()).map_err(|error| failed(BACK_UP, &copy, error))
    })
    .await
}

/// Puts a copy of `backup` in the place of the SQLite database `database`, and begins a new epoch of its log. The backup is
/// checked first, its schema is brought up to date, and `database` changes at once or not at all. What was there is kept beside
/// it, as `DATABASE.before-restore-TIME`. The caller keeps services from starting meanwhile.
///
/// # Errors
/// `Unavailable` or `Corrupt`, with a detail, and nothing was changed: the backup is missing, damaged or no database of the
/// service, another process has the database open, or a file cannot be read or written.
pub async fn restore(backup: &Path, database: &Path) -> Result<Restored> {
    let new = beside(database, ".restoring");
    let (source, target, copy) = (backup.to_owned(), database.to_owned(), new.clone());
    super::blocking(move || {
        let same = |path: &Path| path.canonicalize().ok();
        if same(&source).is_some() && same(&source) == same(&target) {
            return Err(refusal(RESTORE, "the backup is the database itself".to_owned()));
        }
        if let Some(folder) = target.parent() {
            fs::DirBuilder::new().recursive(true).create(folder).map_err(|error| failed(RESTORE, folder, error))?;
        }
        remove_with_logs(&copy).map_err(|error| failed(RESTORE, &copy, error))?;
        check(&source)?;
        copy_into(&source, &copy, RESTORE)
    })
    .await?;
    let storage = SqlStorage::sqlite(&new).await?;
    let epoch = storage.new_epoch().await;
    storage.close().await?;
    let (epoch, target) = (epoch?, database.to_owned());
    let before = super::blocking(move || {
        let before = set_aside(&target)?;
        put(&new, &target).map_err(|error| failed(RESTORE, &target, error))?;
        Ok(before)
    })
    .await?;
    Ok(Restored { before, epoch })
}

/// Fails unless the file is a whole database of the service.
fn check(backup: &Path) -> Result<()> {
    let damaged = |what: &str| refusal(RESTORE, format!("{} {what}", backup.display()));
    let unreadable = "is damaged, or no SQLite database";
    let connection = match mode_of_existing(backup, PATIENCE) {
        Ok(mode) => opened(backup, PATIENCE, mode)?,
        Err(error) if backup.is_file() => return Err(damaged(unreadable).with_source(error)),
        Err(error) => return Err(error),
    };
    let ask = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    match ask("PRAGMA quick_check(1)") {
        Ok(answer) if answer == "ok" => {}
        Ok(_) => return Err(damaged("is damaged")),
        Err(error) => return Err(damaged(unreadable).with_source(error)),
    }
    ask(sql!("find_history.sqlite")).map(drop).map_err(|_| damaged("is no database of the service"))
}

/// Writes what `source` holds into one file. A file that an earlier attempt has left is replaced.
fn copy_into(source: &Path, copy: &Path, operation: &'static str) -> Result<()> {
    let mode = mode_of_existing(source, PATIENCE)?;
    let created = || -> io::Result<()> {
        remove_with_logs(copy)?;
        create_private(copy)
    };
    created().map_err(|error| failed(operation, copy, error))?;
    let connection = opened(source, PATIENCE, mode)?;
    let copied = connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]);
    copied.map(drop).map_err(|error| {
        // What was written is of no use. The error is that of the copy.
        let _ = remove_with_logs(copy);
        fault(error).into_error(operation, Applied::No).with_detail(format!("{} cannot be written", copy.display()))
    })
}

/// Keeps the database that is there under another name as well, and removes the files beside it. Returns the other name.
fn set_aside(database: &Path) -> Result<Option<PathBuf>> {
    let failed = |error| failed(RESTORE, database, error);
    if !database.exists() {
        // Files that are left without their database belong to no other.
        remove_logs(database).map_err(failed)?;
        return Ok(None);
    }
    let readable = take_alone(database)?;
    let time = now().as_microsecond();
    let before = beside(database, &format!(".before-restore-{time}"));
    // A second name: at no moment is there no database.
    fs::hard_link(database, &before).map_err(failed)?;
    let log = beside(database, "-wal");
    if !readable && log.exists() {
        fs::rename(&log, beside(&before, "-wal")).map_err(failed)?;
    }
    remove_logs(database).map_err(failed)?;
    Ok(Some(before))
}

/// Makes the main file complete. Returns `false` when it is damaged.
fn take_alone(database: &Path) -> Result<bool> {
    let complete = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(IN_USE)?;
        // Fails while any other process has the database open, whether it works or not.
        connection.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
        connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
    };
    match complete() {
        Ok(()) => Ok(true),
        Err(error) if is_busy(&error) => {
            let detail = format!("another process has {} open: stop it first", database.display());
            Err(refusal(RESTORE, detail).with_source(error))
        }
        Err(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) =>
        {
            tracing::warn!(database = %database.display(), "the database that is replaced is damaged; it is kept unchanged");
            Ok(false)
        }
        Err(error) => Err(fault(error).into_error(RESTORE, Applied::No)),
    }
}

/// Gives a complete file its name, durably.
fn put(file: &Path, name: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    fs::rename(file, name)?;
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn remove_with_logs(file: &Path) -> io::Result<()> {
    remove(file)?;
    remove_logs(file)
}

fn remove_logs(file: &Path) -> io::Result<()> {
    remove(&beside(file, "-wal"))?;
    remove(&beside(file, "-shm"))?;
    remove(&beside(file, "-journal"))
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refusal(operation: &'static str, detail: String) -> StorageError {
    StorageError::unavailable(operation).with_applied(Applied::No).with_detail(detail)
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> StorageError {
    let detail = format!("{} cannot be written", path.display());
    refusal(operation, detail).with_source(error)
}
