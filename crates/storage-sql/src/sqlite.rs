//! SQLite: one thread that writes and a few that read, each with a connection of its own.

use crate::{
    PoolStatus, SqlOptions,
    dialect::Dialect,
    fault::{Cause, EngineError, Fault},
    session::{Session, Statement, Work},
    value::{Row, Value},
};
use character_storage_port::{Applied, Result, StorageError};
use rusqlite::{
    Connection, ErrorCode, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    fmt,
    future::{Future, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

const OPEN: &str = "connect";
/// At most so many operations wait for each kind of thread.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(crate) struct Sqlite {
    path: PathBuf,
    writer: mpsc::Sender<Job>,
    readers: mpsc::Sender<Job>,
    threads: usize,
    timeout: Duration,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens or creates the file, and starts the threads; they end when this is dropped.
    pub(crate) async fn open(path: &Path, options: &SqlOptions) -> Result<Self> {
        let (path, timeout, readers) = (path.to_owned(), options.timeout, options.readers.max(1));
        let start = move || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| {
                    StorageError::unavailable(OPEN).with_source(error).with_detail("cannot make the folder of the file")
                })?;
            }
            // The writer first: it creates the file and turns on the write-ahead log.
            let writer = run("sqlite-writer", vec![connection(&path, timeout, false)?])?;
            let connections = (0..readers).map(|_| connection(&path, timeout, true)).collect::<Result<Vec<_>>>()?;
            let readers_queue = run("sqlite-reader", connections)?;
            Ok(Self { path, writer, readers: readers_queue, threads: readers + 1, timeout })
        };
        tokio::task::spawn_blocking(start)
            .await
            .unwrap_or_else(|error| Err(StorageError::unavailable(OPEN).with_source(error)))
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let waiting = |queue: &mpsc::Sender<Job>| queue.max_capacity() - queue.capacity();
        PoolStatus {
            limit: self.threads,
            open: self.threads,
            idle: 0,
            waiting: waiting(&self.writer) + waiting(&self.readers),
        }
    }

    /// Runs work that changes nothing.
    pub(crate) async fn read<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        let job = move |connection: &mut Connection| {
            futures_executor::block_on(work.run(&mut SqliteSession(connection)))
                .map_err(|fault| fault.into_error(operation, Applied::No))
        };
        self.queued(&self.readers, operation, Applied::No, job).await
    }

    /// Runs work in a transaction. Once queued it runs whole, whether or not the caller still waits.
    pub(crate) async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        let job = move |connection: &mut Connection| {
            transact(connection, &work).map_err(|(fault, applied)| fault.into_error(operation, applied))
        };
        self.queued(&self.writer, operation, Applied::Unknown, job).await
    }

    /// `lost` is what is known of a job that was queued and did not answer.
    async fn queued<T: Send + 'static>(
        &self,
        queue: &mpsc::Sender<Job>,
        operation: &'static str,
        lost: Applied,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let late = |applied| {
            Fault::Engine(Cause::Timeout, EngineError::Other("the operation took too long"))
                .into_error(operation, applied)
        };
        let gone = |applied| StorageError::unavailable(operation).with_applied(applied);
        let deadline = Instant::now() + self.timeout;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits for the rows of a read any more; a write was promised to run.
            if lost == Applied::Unknown || !reply.is_closed() {
                let _ = reply.send(job(connection));
            }
        });
        match timeout_at(deadline, queue.send(job)).await {
            Err(_) => Err(late(Applied::No)),
            Ok(Err(_)) => Err(gone(Applied::No)),
            Ok(Ok(())) => match timeout_at(deadline, answer).await {
                Err(_) => Err(late(lost)),
                Ok(Err(_)) => Err(gone(lost)),
                Ok(Ok(outcome)) => outcome,
            },
        }
    }
}

/// Starts a thread for each connection; they share the queue.
fn run(name: &str, connections: Vec<Connection>) -> Result<mpsc::Sender<Job>> {
    let (sender, receiver) = mpsc::channel::<Job>(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for mut connection in connections {
        let receiver = Arc::clone(&receiver);
        let serve = move || {
            loop {
                let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                let Some(job) = job else { return };
                // One job that panics must not stop those behind it; what it left open is rolled back.
                if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
                    tracing::error!("a database operation panicked");
                }
                roll_back(&mut connection);
            }
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(serve)
            .map_err(|error| StorageError::unavailable(OPEN).with_source(error))?;
    }
    Ok(sender)
}

fn connection(path: &Path, timeout: Duration, reads: bool) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        // Less than the caller waits, so that the answer to a file in use is one that says nothing was written.
        connection.busy_timeout(timeout / 2)?;
        connection.set_prepared_statement_cache_capacity(128);
        // FULL: a commit that was acknowledged survives a power failure, too.
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        if reads {
            connection.execute_batch("PRAGMA query_only = ON")?;
        }
        Ok(connection)
    };
    let error = |error| fault(error).into_error(OPEN, Applied::No);
    let connection = open().map_err(error)?;
    if !reads {
        write_ahead(&connection, timeout).map_err(error)?;
    }
    Ok(connection)
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

fn transact<W: Work>(connection: &mut Connection, work: &W) -> Result<W::Output, (Fault, Applied)> {
    let not_applied = |fault| (fault, Applied::No);
    // IMMEDIATE: a lock that is asked for only at the first write cannot be waited for.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| not_applied(fault(error)))?;
    match futures_executor::block_on(work.run(&mut SqliteSession(connection))) {
        Err(fault) => {
            roll_back(connection);
            Err(not_applied(fault))
        }
        Ok(output) if W::has_changes(&output) => match connection.execute_batch("COMMIT") {
            Ok(()) => Ok(output),
            Err(error) => {
                let applied = if is_busy(&error) { Applied::No } else { Applied::Unknown };
                roll_back(connection);
                Err((fault(error), applied))
            }
        },
        Ok(output) => {
            roll_back(connection);
            Ok(output)
        }
    }
}

fn roll_back(connection: &mut Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}

struct SqliteSession<'a>(&'a mut Connection);

impl SqliteSession<'_> {
    /// The rows, and none behind those whose texts are longer than `bytes` together.
    fn run(&mut self, statement: &Statement, bytes: usize) -> rusqlite::Result<Vec<Row>> {
        let mut prepared = self.0.prepare_cached(&statement.sql.replace('$', "?"))?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.parameters))?;
        let (mut all, mut read) = (Vec::new(), 0_usize);
        while read <= bytes
            && let Some(row) = rows.next()?
        {
            let values = (0..columns).map(|index| row.get_ref(index).map(value));
            let row = Row::new(values.collect::<rusqlite::Result<_>>()?);
            read = read.saturating_add(row.text_bytes());
            all.push(row);
        }
        Ok(all)
    }
}

impl Session for SqliteSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query_all(&mut self, statements: &[Statement]) -> impl Future<Output = Result<Vec<Vec<Row>>, Fault>> + Send {
        ready(statements.iter().map(|statement| self.run(statement, usize::MAX).map_err(fault)).collect())
    }

    fn query_bounded(
        &mut self,
        statement: Statement,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Row>, Fault>> + Send {
        ready(self.run(&statement, bytes).map_err(fault))
    }

    fn run_script(&mut self, sql: &str) -> impl Future<Output = Result<(), Fault>> + Send {
        ready(self.0.execute_batch(sql).map_err(fault))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    // A value that no column should hold: the code that reads the column reports which one it is.
    let unexpected = Value::List(Vec::new());
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(unexpected, |text| Value::Text(text.to_owned())),
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes).map_or(unexpected, Value::Uuid),
        ValueRef::Real(_) => unexpected,
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Uuid(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes())),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
            Self::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::List(_) => return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no lists".into())),
        })
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn fault(error: rusqlite::Error) -> Fault {
    let cause = match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory,
        ) => Cause::Unavailable,
        _ => Cause::Broken,
    };
    Fault::Engine(cause, EngineError::Sqlite(error))
}
