//! SQLite: one thread that writes and a few that read, each with a connection of its own.

mod connection;
mod fault;
mod group;
mod orders;
mod rows;
mod session;
mod threads;

use crate::{
    PoolStatus, SqlOptions,
    call::Patience,
    fault::{Cause, EngineError, Fault},
    feed::Origin,
    location::Missing,
    session::Work,
    snapshot,
    sql::sql,
};
use character_storage_port::{Applied, Result, SNAPSHOT, SnapshotStream, StorageError};
use connection::{connection, create_private, mode_of_existing, reading_connections, writing_connection};
use fault::fault;
use group::Waiting;
use rows::{Stopped, every_row};
use rusqlite::Connection;
use std::{
    fmt,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use threads::{Order, run};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

pub(crate) use connection::{Mode, reading_connection};
pub(crate) use fault::reason;
pub(crate) use session::SqliteSession;

mod backup;

pub use backup::{Restored, back_up, restore};

const OPEN: &str = "connect";
const CLOSE: &str = "close";
/// How long the threads may take to end and SQLite to write its main file.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// A commit of this age or less proves that the file takes writes.
const RECENT: Duration = Duration::from_secs(1);
/// How long a file that took no write is reported without a further write.
const REFUSED_FOR: Duration = Duration::from_secs(60);

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
            let last = Arc::default();
            // The writer first: it creates the file and turns on the write-ahead log.
            let writer = run("sqlite-writer", vec![writing_connection(&path, timeout, missing)?], &last)?;
            // The writer has created the file.
            let mode = Mode::ReadWrite(Missing::Refuse);
            let readers_queue = run("sqlite-reader", reading_connections(&path, timeout, mode, readers)?, &last)?;
            let threads = readers + 1;
            Ok(Self { path, mode, writer, readers: readers_queue, threads, timeout, last })
        };
        blocking(start).await
    }

    /// Opens the file, which must be there, to read. Nothing is created, and a write fails as `Unavailable`.
    pub(crate) async fn open_existing(path: &Path, options: &SqlOptions) -> Result<Self> {
        let (path, timeout, readers) = (path.to_owned(), options.timeout, options.readers.max(1));
        blocking(move || {
            let mode = mode_of_existing(&path, timeout)?;
            let last = Arc::default();
            let queue = run("sqlite-reader", reading_connections(&path, timeout, mode, readers)?, &last)?;
            Ok(Self { path, mode, writer: queue.clone(), readers: queue, threads: readers, timeout, last })
        })
        .await
    }

    /// Every row as it is now, over a connection of its own.
    pub(crate) async fn snapshot(&self) -> Result<SnapshotStream> {
        let (path, mode, timeout) = (self.path.clone(), self.mode, self.timeout);
        let begun = blocking(move || {
            let connection = connection(&path, timeout, mode)?;
            let begin = sql!("begin_snapshot.sqlite");
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
                Err(Stopped::Abandoned) => tracing::info!("the reader of the snapshot is gone"),
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
        self.run_on(&self.readers, operation, job).await
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
        let order = |call, reply| Order::Change(Box::new(Waiting::new(work, operation, call, reply)));
        self.queued(&self.writer, operation, patience, order).await
    }

    /// Fails unless the file takes writes; where it is opened to read alone, unless it can be read. The last write is the
    /// proof while it is recent: a disk shows that it is full only to a write of some size. Else the header of the file is
    /// written as it is, the only write that needs no row.
    pub(crate) async fn check_writes(&self, operation: &'static str) -> Result<()> {
        if !matches!(self.mode, Mode::ReadWrite(_)) {
            let job = move |connection: &mut Connection| {
                let asked = connection.query_row(sql!("count_schema.sqlite"), [], |_| Ok(()));
                asked.map_err(|error| fault(error).into_error(operation, Applied::No))
            };
            return self.run_on(&self.readers, operation, job).await;
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
        self.run_on(&self.writer, operation, job).await
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
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let lost = |error| Err(StorageError::unavailable(OPEN).with_source(error));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(lost)
}

#[cfg(test)]
mod tests;
