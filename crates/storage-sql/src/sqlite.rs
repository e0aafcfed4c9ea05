//! SQLite: one thread that writes and a few that read, each with a connection of its own.

use crate::{
    PoolStatus, SqlOptions,
    call::{Call, Patience},
    dialect::Dialect,
    fault::{Cause, EngineError, Fault},
    feed::Origin,
    location::Missing,
    session::{Session, Statement, Work},
    snapshot::{self, Abandoned, KindReader},
    value::{ColumnType, Row, Unreadable, Value},
};
use character_error_reporter::redacted;
use character_storage_port::{Applied, ErrorKind, Result, SNAPSHOT, SnapshotStream, StorageError};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    fmt,
    fs::{DirBuilder, OpenOptions},
    future::{Future, ready},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
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

mod backup;

pub use backup::{Restored, back_up, restore};

const OPEN: &str = "connect";
const CLOSE: &str = "close";
/// Maximum number of operations that wait for each kind of thread.
const QUEUE: usize = 256;

/// A statement checks whether it should end each time it has made this number of steps: about ten microseconds of work.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// How long the threads may take to end and SQLite to write its main file.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// A commit of this age or less proves that the file takes writes.
const RECENT: Duration = Duration::from_secs(1);
/// How long a file that took no write is reported without a further write.
const REFUSED_FOR: Duration = Duration::from_secs(60);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// An order to a thread.
enum Order {
    Run(Job),
    /// Close the connection, report how that went, and end.
    Close(oneshot::Sender<rusqlite::Result<()>>),
}

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

pub(crate) struct Sqlite {
    path: PathBuf,
    mode: Mode,
    writer: mpsc::Sender<Order>,
    readers: mpsc::Sender<Order>,
    threads: usize,
    timeout: Duration,
    last: Arc<Mutex<LastWrite>>,
}

/// How the last write went that had something to write.
#[derive(Clone, Copy, Default)]
enum LastWrite {
    #[default]
    None,
    Committed(Instant),
    /// The disk is full or failed.
    Refused(Instant, &'static str),
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens or creates the file, and starts the threads; they end when this is dropped.
    pub(crate) async fn open(path: &Path, missing: Missing, options: &SqlOptions) -> Result<Self> {
        let (path, timeout, readers) = (path.to_owned(), options.timeout, options.readers.max(1));
        let start = move || {
            if let Some(folder) = path.parent().filter(|_| missing == Missing::Create) {
                let failed = |detail| {
                    move |error: std::io::Error| StorageError::unavailable(OPEN).with_source(error).with_detail(detail)
                };
                let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
                created.map_err(failed("the folder of the file cannot be created"))?;
                create_private(&path).map_err(failed("the file cannot be created"))?;
            }
            // The writer first: it creates the file and turns on the write-ahead log.
            let writer = run("sqlite-writer", vec![writing_connection(&path, timeout, missing)?])?;
            // The writer has created the file.
            let mode = Mode::ReadWrite(Missing::Refuse);
            let readers_queue = run("sqlite-reader", reading_connections(&path, timeout, mode, readers)?)?;
            let threads = readers + 1;
            Ok(Self { path, mode, writer, readers: readers_queue, threads, timeout, last: Arc::default() })
        };
        blocking(start).await
    }

    /// Opens the file, which must be there, to read. Nothing is created, and a write fails as `Unavailable`.
    pub(crate) async fn open_existing(path: &Path, options: &SqlOptions) -> Result<Self> {
        let (path, timeout, readers) = (path.to_owned(), options.timeout, options.readers.max(1));
        blocking(move || {
            let mode = mode_of_existing(&path, timeout)?;
            let queue = run("sqlite-reader", reading_connections(&path, timeout, mode, readers)?)?;
            let last = Arc::default();
            Ok(Self { path, mode, writer: queue.clone(), readers: queue, threads: readers, timeout, last })
        })
        .await
    }

    /// Every row as it is now, over a connection of its own.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        let (path, mode, timeout) = (self.path.clone(), self.mode, self.timeout);
        let begun = blocking(move || {
            let connection = connection(&path, timeout, mode)?;
            // The first read takes the snapshot; BEGIN alone does not.
            let begin = "BEGIN; SELECT 1 FROM sqlite_master LIMIT 1";
            connection.execute_batch(begin).map_err(|error| fault(error).into_error(SNAPSHOT, Applied::No))?;
            Ok(connection)
        });
        let connection = begun.await?;
        let (sink, items) = snapshot::channel();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let outcome = snapshot::readers()
                .iter()
                .try_for_each(|kind| every_row(&connection, kind, &|item| runtime.block_on(sink.put(item))));
            match outcome {
                Err(Stopped::Abandoned) => tracing::info!("nobody reads the snapshot any more"),
                Err(Stopped::Failed(error)) => {
                    runtime.block_on(sink.end(Err(fault(error).into_error(SNAPSHOT, Applied::No))));
                }
                Ok(()) => runtime.block_on(sink.end(Ok(()))),
            }
        });
        Ok(items)
    }

    /// Where the log is read from.
    pub(crate) fn origin(&self) -> Origin {
        match self.mode {
            Mode::ReadWrite(_) => Origin::file(self.path.clone()),
            mode => Origin::Sqlite { path: self.path.clone(), mode },
        }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let waiting = |queue: &mpsc::Sender<Order>| queue.max_capacity() - queue.capacity();
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
        self.queued(&self.readers, operation, Patience::WhileAwaited, job).await
    }

    /// Runs work in a transaction. It is not begun for a caller who has gone; once begun it runs whole, or is rolled back
    /// when its time is over.
    pub(crate) async fn write<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        self.change(operation, work, Patience::OnceBegun).await
    }

    /// Runs a change of the schema in a transaction, however long it takes.
    pub(crate) async fn migrate<W: Work>(&self, operation: &'static str, work: W) -> Result<W::Output> {
        self.change(operation, work, Patience::Unbounded).await
    }

    async fn change<W: Work>(&self, operation: &'static str, work: W, patience: Patience) -> Result<W::Output> {
        let last = Arc::clone(&self.last);
        let job = move |connection: &mut Connection| {
            let before = connection.total_changes();
            let outcome = transact(connection, &work);
            let shown = match &outcome {
                // A commit of nothing proves nothing.
                Ok(_) if connection.total_changes() != before => Some(LastWrite::Committed(Instant::now())),
                Err((Fault::Engine(_, EngineError::Sqlite(error)), _)) => {
                    disk_failure(error).map(|detail| LastWrite::Refused(Instant::now(), detail))
                }
                _ => None,
            };
            if let Some(shown) = shown {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = shown;
            }
            outcome.map_err(|(fault, applied)| fault.into_error(operation, applied))
        };
        self.queued(&self.writer, operation, patience, job).await
    }

    /// Fails unless the file takes writes; where it is opened to read alone, unless it can be read. The last write is the
    /// proof while it is recent: a disk shows that it is full only to a write of some size. Else the header of the file is
    /// written as it is, the only write that needs no row.
    pub(crate) async fn check_writes(&self, operation: &'static str) -> Result<()> {
        if !matches!(self.mode, Mode::ReadWrite(_)) {
            let job = move |connection: &mut Connection| {
                let asked = connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()));
                asked.map_err(|error| fault(error).into_error(operation, Applied::No))
            };
            return self.queued(&self.readers, operation, Patience::WhileAwaited, job).await;
        }
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            LastWrite::Committed(when) if when.elapsed() < RECENT => return Ok(()),
            LastWrite::Refused(when, detail) if when.elapsed() < REFUSED_FOR => {
                let error = EngineError::Other(detail);
                return Err(Fault::Engine(Cause::Unavailable, error).into_error(operation, Applied::No));
            }
            _ => {}
        }
        let job = move |connection: &mut Connection| {
            let rewrite = || {
                let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                connection.execute_batch(&format!("PRAGMA user_version = {version}"))
            };
            rewrite().map_err(|error| fault(error).into_error(operation, Applied::No))
        };
        self.queued(&self.writer, operation, Patience::WhileAwaited, job).await
    }

    /// Ends the threads after what is queued, the writer last, so that it can move everything into the main file.
    pub(crate) async fn close(&self) -> Result<()> {
        let closing = async {
            for (queue, threads) in [(&self.readers, self.threads - 1), (&self.writer, 1)] {
                for _ in 0..threads {
                    let (reply, closed) = oneshot::channel();
                    // A queue without threads was closed before.
                    if queue.send(Order::Close(reply)).await.is_ok()
                        && let Ok(Err(error)) = closed.await
                    {
                        return Err(fault(error).into_error(CLOSE, Applied::No));
                    }
                }
            }
            Ok(())
        };
        tokio::time::timeout(CLOSE_TIMEOUT, closing).await.unwrap_or_else(|_| {
            let late = EngineError::Other("the main file was not complete in time");
            Err(Fault::Engine(Cause::Timeout, late).into_error(CLOSE, Applied::No))
        })
    }

    /// Runs the job on one of the threads of the queue.
    ///
    /// Cancel safe: a job whose caller has gone is not begun.
    async fn queued<T: Send + 'static>(
        &self,
        queue: &mpsc::Sender<Order>,
        operation: &'static str,
        patience: Patience,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let late = |applied| {
            Fault::Engine(Cause::Timeout, EngineError::Other("the operation took too long"))
                .into_error(operation, applied)
        };
        let gone = |applied| StorageError::unavailable(operation).with_applied(applied);
        let call = Leaving(Arc::new(Call::new(patience, self.timeout)));
        let deadline = call.0.deadline();
        let (reply, answer) = oneshot::channel();
        let begun = Arc::clone(&call.0);
        let job: Job = Box::new(move |connection| {
            if begun.begin() {
                let outcome = bounded(connection, begun, job);
                // The caller may have gone meanwhile.
                let _ = reply.send(outcome);
            }
        });
        match by(deadline, queue.send(Order::Run(job))).await {
            None => Err(late(Applied::No)),
            Some(Err(_)) => Err(gone(Applied::No)),
            Some(Ok(())) => {
                let answer = by(deadline, answer).await;
                // What is known of a job that did not answer: a read changes nothing, whatever became of it.
                let lost = |begun: bool| {
                    if begun && patience != Patience::WhileAwaited { Applied::Unknown } else { Applied::No }
                };
                match answer {
                    None => Err(late(lost(call.0.leave()))),
                    Some(Err(_)) => Err(gone(lost(call.0.leave()))),
                    Some(Ok(outcome)) => outcome,
                }
            }
        }
    }
}

/// Leaves the call when its caller does, also when the caller is dropped.
struct Leaving(Arc<Call>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The output of `work`; `None` when it is not there at the deadline.
async fn by<F: Future>(deadline: Option<Instant>, work: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

/// Runs the job, and interrupts its statements when the call should end.
fn bounded<T>(connection: &mut Connection, call: Arc<Call>, job: impl FnOnce(&mut Connection) -> T) -> T {
    if call.deadline().is_none() {
        return job(connection);
    }
    if let Err(error) = connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || call.should_end())) {
        tracing::error!(error = %redacted(&error), "statements of this operation cannot be interrupted");
    }
    job(connection)
}

/// Starts a thread for each connection; they share the queue.
fn run(name: &str, connections: Vec<Connection>) -> Result<mpsc::Sender<Order>> {
    let (sender, receiver) = mpsc::channel::<Order>(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for mut connection in connections {
        let receiver = Arc::clone(&receiver);
        let serve = move || {
            loop {
                let order = receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                let job = match order {
                    Some(Order::Run(job)) => job,
                    Some(Order::Close(reply)) => {
                        // Nobody waits for it any more after a timeout.
                        let _ = reply.send(close(connection));
                        return;
                    }
                    None => return,
                };
                // One job that panics must not stop those behind it; what it left open is rolled back.
                if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
                    tracing::error!("a database operation panicked");
                }
                // What follows, such as a rollback, is not to be interrupted.
                if let Err(error) = connection.progress_handler(0, None::<fn() -> bool>) {
                    tracing::error!(error = %redacted(&error), "the statements of the next operation may be interrupted too early");
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

/// Creates the file, empty, if it does not exist. SQLite would let the umask decide who may read it, and copies the mode of
/// this file to those beside it.
fn create_private(path: &Path) -> std::io::Result<()> {
    // Never one that exists: to close it would give up the locks that SQLite has on it in this process.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let lost = |error| Err(StorageError::unavailable(OPEN).with_source(error));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(lost)
}

/// Why a snapshot ended early.
enum Stopped {
    Abandoned,
    Failed(rusqlite::Error),
}

fn every_row(
    connection: &Connection,
    kind: &KindReader,
    put: &dyn Fn(character_storage_port::SnapshotItem) -> Result<(), Abandoned>,
) -> Result<(), Stopped> {
    let mut statement = connection.prepare(&kind.sql).map_err(Stopped::Failed)?;
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(Stopped::Failed)?;
    while let Some(row) = rows.next().map_err(Stopped::Failed)? {
        let read = |index| row.get_ref(index).map(value).map_err(|error| Unreadable(error.to_string()));
        put(kind.item((0..columns).map(read).collect())).map_err(|Abandoned| Stopped::Abandoned)?;
    }
    Ok(())
}

/// How a file that must be there can be read.
fn mode_of_existing(path: &Path, timeout: Duration) -> Result<Mode> {
    let error = |detail: String| StorageError::unavailable(OPEN).with_applied(Applied::No).with_detail(detail);
    if !path.is_file() {
        return Err(error(format!("there is no database at {}", path.display())));
    }
    let answers = |mode| -> Result<()> {
        let connection = connection(path, timeout, mode)?;
        let asked = connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()));
        asked.map_err(|error| fault(error).into_error(OPEN, Applied::No))
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
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

fn reading_connections(path: &Path, timeout: Duration, mode: Mode, count: usize) -> Result<Vec<Connection>> {
    (0..count).map(|_| connection(path, timeout, mode)).collect()
}

/// A connection that reads, for others.
pub(crate) fn reading_connection(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection, Fault> {
    Ok(connection(path, timeout, mode)?)
}

/// A connection that reads.
fn connection(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection> {
    let connection = opened(path, timeout, mode)?;
    connection.execute_batch("PRAGMA query_only = ON").map_err(|error| fault(error).into_error(OPEN, Applied::No))?;
    Ok(connection)
}

fn writing_connection(path: &Path, timeout: Duration, missing: Missing) -> Result<Connection> {
    let connection = opened(path, timeout, Mode::ReadWrite(missing))?;
    write_ahead(&connection, timeout).map_err(|error| fault(error).into_error(OPEN, Applied::No))?;
    Ok(connection)
}

/// The file as a URI of SQLite, which its options need.
fn immutable_uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

fn opened(path: &Path, timeout: Duration, mode: Mode) -> Result<Connection> {
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
fn close(connection: Connection) -> rusqlite::Result<()> {
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
        tracing::error!(error = %redacted(&error), "a transaction could not be rolled back");
    }
}

pub(crate) struct SqliteSession<'a>(pub(crate) &'a mut Connection);

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
    let unexpected = Value::List(ColumnType::Text, Vec::new());
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
            Self::List(..) => return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no lists".into())),
        })
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What is wrong with the file, for an operator.
pub(crate) fn reason(error: &rusqlite::Error) -> Option<&'static str> {
    Some(match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process writes the database",
        ErrorCode::DiskFull => "the disk of the database is full",
        ErrorCode::SystemIoFailure => "the file of the database cannot be read or written",
        ErrorCode::CannotOpen => "the file of the database cannot be opened",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "the database is read-only",
        ErrorCode::OperationInterrupted => "the operation took too long",
        _ => return None,
    })
}

/// What is wrong with the disk, when that is what the error says.
fn disk_failure(error: &rusqlite::Error) -> Option<&'static str> {
    let disk = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure));
    reason(error).filter(|_| disk)
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
        Some(ErrorCode::OperationInterrupted) => Cause::Timeout,
        _ => Cause::Broken,
    };
    Fault::Engine(cause, EngineError::Sqlite(error))
}

#[cfg(test)]
mod tests;
