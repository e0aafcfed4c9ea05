//! The file: how it is opened, and its statements.
//!
//! Queries are files of SQL in `src/sql/`; one-word commands and each `PRAGMA` stay in Rust.

use crate::{
    config::{FileHubConfig, OpenError},
    state::{State, Subscribed, lock},
};
use character_message_hub::{CloudEvent, Filter, SubscriptionName};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Shows in the file that it is one of this hub: `hub1`.
const APPLICATION: i64 = 0x6875_6231;
const VERSION: i64 = 1;
/// How long a statement waits for a reader.
const BUSY: Duration = Duration::from_secs(5);

/// The lock by which one process has the file, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "it is held, not read")] File);

/// A number as SQLite keeps it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was before [`signed`].
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Creates or opens the file for the writer.
pub(crate) fn open(config: &FileHubConfig) -> Result<(Connection, FileLock), OpenError> {
    let path = &config.path;
    let io = |source| OpenError::Io { path: path.clone(), source };
    let lock = lock_file(path)?;
    // SQLite would create it with the permissions of the umask.
    private(path).map_err(io)?;
    let database = |source| OpenError::database(path, source);
    let mut connection = Connection::open(path).map_err(database)?;
    connection.busy_timeout(BUSY).map_err(database)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(database)?;
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(database)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(database)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(database)?;
    if mode != "wal" {
        return Err(io(io::Error::other(format!("the file system permits no write-ahead log, but {mode}"))));
    }
    // Each commit is on the disk before it returns.
    connection.pragma_update(None, "synchronous", "FULL").map_err(database)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).map_err(database)?;
    match (application, found) {
        (0, 0) => {
            let transaction = connection.transaction().map_err(database)?;
            transaction.execute_batch(include_str!("schema.sql")).map_err(database)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(database)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(database)?;
            transaction.commit().map_err(database)?;
        }
        (APPLICATION, VERSION) => {}
        _ => return Err(OpenError::Foreign { path: path.clone(), found, expected: VERSION }),
    }
    // The name of a new file is on the disk as well.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    Ok((connection, lock))
}

/// A connection that reads beside the writer.
pub(crate) fn open_reader(config: &FileHubConfig) -> Result<Connection, OpenError> {
    let database = |source| OpenError::database(&config.path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&config.path, flags).map_err(database)?;
    connection.busy_timeout(BUSY).map_err(database)?;
    Ok(connection)
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn lock_file(path: &Path) -> Result<FileLock, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let file = private(&PathBuf::from(name)).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(FileLock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

/// Builds the state in memory from the file.
pub(crate) fn load(connection: &Connection, state: &State) -> rusqlite::Result<()> {
    let (events, bytes): (i64, i64) =
        connection.query_row(include_str!("sql/measure_events.sql"), [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    state.events.store(unsigned(events), Ordering::Relaxed);
    state.bytes.store(unsigned(bytes), Ordering::Relaxed);
    let mut subscriptions = connection.prepare(include_str!("sql/list_subscriptions.sql"))?;
    let rows = subscriptions.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?, parsed::<SubscriptionName>(row, 1)?, parsed::<Filter>(row, 2)?))
    })?;
    let mut pending = connection.prepare(include_str!("sql/list_pending.sql"))?;
    for row in rows {
        let (id, name, filter) = row?;
        let subscribed = Subscribed::new(id, name.clone(), filter);
        let mut unsettled = pending.query([id])?;
        while let Some(row) = unsettled.next()? {
            let subject: Option<Arc<str>> = row.get::<_, Option<String>>(1)?.map(Into::into);
            subscribed.push(unsigned(row.get(0)?), subject.as_ref());
        }
        lock(&state.subscriptions).insert(name, Arc::new(subscribed));
    }
    Ok(())
}

fn parsed<T: std::str::FromStr>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// An event that is ready to be kept.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) message_id: Arc<str>,
    pub(crate) subject: Option<Arc<str>>,
    pub(crate) event: Arc<CloudEvent>,
    pub(crate) json: Vec<u8>,
}

/// Whether the hub keeps an event under this message id.
pub(crate) fn has_message(connection: &Connection, message_id: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(include_str!("sql/find_message.sql"))?;
    statement.exists([message_id])
}

/// Keeps an event and returns its sequence; `None`: the hub has its message id.
pub(crate) fn insert_event(connection: &Connection, event: &Prepared, now: i64) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached(include_str!("sql/insert_event.sql"))?;
    let row = params![
        now,
        event.event.event_type(),
        event.subject.as_deref(),
        &*event.message_id,
        signed(event.json.len() as u64),
        event.json
    ];
    statement.query_row(row, |row| Ok(unsigned(row.get(0)?))).optional()
}

pub(crate) fn insert_pending(connection: &Connection, subscription: i64, sequence: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(include_str!("sql/insert_pending.sql"))?;
    statement.execute(params![subscription, signed(sequence)]).map(drop)
}

pub(crate) fn delete_pending(connection: &Connection, subscription: i64, sequence: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(include_str!("sql/delete_pending.sql"))?;
    statement.execute(params![subscription, signed(sequence)]).map(drop)
}

/// Keeps the reason of a rejected event, and drops the oldest rejected events beyond `most`.
pub(crate) fn insert_rejected(
    connection: &Connection,
    (subscription, sequence): (i64, u64),
    event: &CloudEvent,
    reason: &str,
    now: i64,
    most: u64,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(include_str!("sql/insert_rejected.sql"))?;
    statement.execute(params![
        subscription,
        signed(sequence),
        now,
        reason,
        event.id(),
        event.source(),
        event.event_type()
    ])?;
    let last = connection.last_insert_rowid();
    let oldest = last.saturating_sub(signed(most));
    connection.prepare_cached(include_str!("sql/delete_oldest_rejected.sql"))?.execute([oldest]).map(drop)
}

/// The event with this sequence, while it is kept.
pub(crate) fn event(connection: &Connection, sequence: u64) -> rusqlite::Result<Option<CloudEvent>> {
    let mut statement = connection.prepare_cached(include_str!("sql/read_event.sql"))?;
    statement.query_row([signed(sequence)], |row| decoded(&row.get::<_, Vec<u8>>(0)?)).optional()
}

/// The maximum number of events that are read together, and their size after which no more are read, in bytes.
const AHEAD: (i64, usize) = (256, 4 * 1024 * 1024);

/// The event with this sequence, while it is kept, and some of those behind it.
pub(crate) fn events(connection: &Connection, sequence: u64) -> rusqlite::Result<HashMap<u64, Arc<CloudEvent>>> {
    let mut statement = connection.prepare_cached(include_str!("sql/list_events.sql"))?;
    let mut rows = statement.query(params![signed(sequence), AHEAD.0])?;
    let (mut events, mut bytes) = (HashMap::new(), 0);
    while bytes < AHEAD.1
        && let Some(row) = rows.next()?
    {
        let (found, json) = (unsigned(row.get(0)?), row.get_ref(1)?.as_blob()?);
        bytes += json.len();
        match decoded(json) {
            Ok(event) => drop(events.insert(found, Arc::new(event))),
            Err(error) if found == sequence => return Err(error),
            // It is reported when its turn comes.
            Err(_) => break,
        }
    }
    Ok(events)
}

pub(crate) fn decoded(json: &[u8]) -> rusqlite::Result<CloudEvent> {
    serde_json::from_slice(json)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, Box::new(error)))
}
