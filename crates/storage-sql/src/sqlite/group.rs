//! Commits in groups: the changes that wait for the writer become one transaction, and one sync of the disk makes all of them
//! durable.

use super::{
    LastWrite,
    fault::{cause, disk_failure, is_busy},
    session::SqliteSession,
    threads::interruptible,
};
use crate::{
    call::Call,
    fault::{EngineError, Fault},
    session::Work,
};
use character_error_reporter::redacted;
use character_storage_port::{Applied, Result};
use rusqlite::Connection;
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// Maximum number of changes in one transaction.
const GROUP: usize = 128;
/// No further change joins a transaction of this age, so that the first of them does not wait for long.
const LONG: Duration = Duration::from_millis(20);

const SAVE: &str = "SAVEPOINT change";
const KEEP: &str = "RELEASE SAVEPOINT change";
const UNDO: &str = "ROLLBACK TO SAVEPOINT change; RELEASE SAVEPOINT change";

/// What a change did in the open transaction.
pub(super) enum Made {
    Changes,
    /// It was refused, or has nothing to keep.
    Nothing,
    /// The disk is full or failed.
    Refused(&'static str),
}

/// Why a transaction was not committed.
#[derive(Clone)]
pub(super) struct Lost {
    error: Arc<rusqlite::Error>,
    applied: Applied,
}

/// A change that waits for the writer.
pub(super) trait Change: Send {
    /// Whether it may share a transaction with others.
    fn joins(&self) -> bool;

    /// Whether it is to be run: it is not begun for a caller who has gone.
    fn begin(&mut self) -> bool;

    /// Runs in the open transaction, and keeps the outcome. It may be run again when that was rolled back. `None`: it panicked.
    fn run(&mut self, connection: &mut Connection) -> Option<Made>;

    /// Tells the caller the outcome, or how the transaction was lost.
    fn tell(self: Box<Self>, lost: Option<Lost>);
}

/// Work with the caller who waits for it.
pub(super) struct Waiting<W: Work> {
    work: W,
    operation: &'static str,
    call: Arc<Call>,
    is_begun: bool,
    outcome: Option<Result<W::Output, Fault>>,
    reply: oneshot::Sender<Result<W::Output>>,
}

impl<W: Work> Waiting<W> {
    pub(super) fn new(
        work: W,
        operation: &'static str,
        call: Arc<Call>,
        reply: oneshot::Sender<Result<W::Output>>,
    ) -> Self {
        Self { work, operation, call, is_begun: false, outcome: None, reply }
    }
}

impl<W: Work> Change for Waiting<W> {
    fn joins(&self) -> bool {
        self.call.deadline().is_some()
    }

    fn begin(&mut self) -> bool {
        self.is_begun = self.is_begun || self.call.begin();
        self.is_begun
    }

    fn run(&mut self, connection: &mut Connection) -> Option<Made> {
        let work = &self.work;
        self.outcome = interruptible(connection, &self.call, |connection| {
            futures_executor::block_on(work.run(&mut SqliteSession(connection)))
        });
        Some(match self.outcome.as_ref()? {
            Ok(output) if W::has_changes(output) => Made::Changes,
            Err(Fault::Engine(_, EngineError::Sqlite(error))) => {
                disk_failure(error).map_or(Made::Nothing, Made::Refused)
            }
            _ => Made::Nothing,
        })
    }

    fn tell(self: Box<Self>, lost: Option<Lost>) {
        let Self { operation, outcome, reply, .. } = *self;
        let told = match (outcome, lost) {
            (Some(Err(fault)), None) => Err(fault.into_error(operation, Applied::No)),
            (Some(Ok(output)), None) => Ok(output),
            // What it read and refused may be lost, too.
            (_, Some(Lost { error, applied })) => {
                Err(Fault::Engine(cause(&error), EngineError::Commit(error)).into_error(operation, applied))
            }
            // It panicked: the caller learns it from the reply that is dropped.
            (None, None) => return,
        };
        // The caller may have gone meanwhile.
        let _ = reply.send(told);
    }
}

/// Runs the change, and those of `next` that are waiting, in one transaction, each whole or not at all, and tells each caller
/// when that is durable. Returns what it shows of the disk.
pub(super) fn commit(
    connection: &mut Connection,
    first: Box<dyn Change>,
    mut next: impl FnMut() -> Option<Box<dyn Change>>,
) -> Option<LastWrite> {
    let begun = Instant::now();
    let before = connection.total_changes();
    let mut group = Group { connection, before, members: Vec::new(), shown: None };
    let mut change = Some(first);
    while let Some(mut current) = change {
        if current.begin() {
            // Whether the others would have failed by themselves, only a transaction of their own shows.
            if let Err(Torn) = group.add(current) {
                return group.each_alone();
            }
        }
        let is_open = group.members.len() < GROUP && begun.elapsed() < LONG;
        change = if is_open { next() } else { None };
    }
    group.end()
}

/// SQLite rolled back the whole transaction, or it is not known in which state it is.
struct Torn;

struct Group<'a> {
    connection: &'a mut Connection,
    /// Number of rows that the connection had changed before.
    before: u64,
    /// The changes that wait for the commit. None while the transaction has nothing to keep.
    members: Vec<Box<dyn Change>>,
    shown: Option<LastWrite>,
}

impl Group<'_> {
    /// Whether a transaction is open, with something to keep.
    fn keeps(&self) -> bool {
        !self.members.is_empty()
    }

    /// Runs the change behind those that were added before.
    fn add(&mut self, mut change: Box<dyn Change>) -> Result<(), Torn> {
        // IMMEDIATE: a lock that is asked for only at the first write cannot be waited for.
        let prepared = self.connection.execute_batch(if self.keeps() { SAVE } else { "BEGIN IMMEDIATE" });
        if let Err(error) = prepared {
            if self.keeps() {
                self.members.push(change);
                return Err(Torn);
            }
            change.tell(Some(Lost { error: Arc::new(error), applied: Applied::No }));
            return Ok(());
        }
        let made = change.run(self.connection);
        let is_whole = made.is_some() && !self.connection.is_autocommit();
        let made = made.unwrap_or(Made::Nothing);
        if let Made::Refused(detail) = made {
            self.shown = Some(LastWrite::Refused(Instant::now(), detail));
        }
        if !is_whole {
            change.tell(None);
            roll_back(self.connection);
            return if self.keeps() { Err(Torn) } else { Ok(()) };
        }
        let ended = match (&made, self.keeps()) {
            (Made::Changes, false) => Ok(()),
            (Made::Changes, true) => self.connection.execute_batch(KEEP),
            (_, true) => self.connection.execute_batch(UNDO),
            (_, false) => {
                roll_back(self.connection);
                change.tell(None);
                return Ok(());
            }
        };
        self.members.push(change);
        ended.map_err(|error| {
            tracing::warn!(error = %redacted(&error), "a transaction of several changes was torn");
            Torn
        })
    }

    fn end(self) -> Option<LastWrite> {
        if !self.keeps() {
            return self.shown;
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                self.members.into_iter().for_each(|change| change.tell(None));
                // A commit of nothing proves nothing.
                let has_written = self.connection.total_changes() != self.before;
                if has_written { Some(LastWrite::Committed(Instant::now())) } else { self.shown }
            }
            Err(error) => {
                let applied = if is_busy(&error) { Applied::No } else { Applied::Unknown };
                roll_back(self.connection);
                let shown = disk_failure(&error).map(|detail| LastWrite::Refused(Instant::now(), detail));
                let lost = Lost { error: Arc::new(error), applied };
                self.members.into_iter().for_each(|change| change.tell(Some(lost.clone())));
                shown.or(self.shown)
            }
        }
    }

    /// Runs those that were added in a transaction each, after the common one was lost.
    fn each_alone(self) -> Option<LastWrite> {
        roll_back(self.connection);
        let Self { connection, members, shown, .. } = self;
        members.into_iter().fold(shown, |shown, change| commit(connection, change, || None).or(shown))
    }
}

pub(super) fn roll_back(connection: &mut Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(error = %redacted(&error), "a transaction could not be rolled back");
    }
}
