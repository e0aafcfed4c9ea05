//! The threads that own the connections, and their orders.

use super::{
    LastWrite, OPEN,
    connection::{TemporaryData, close},
    group::{self, Change, roll_back},
};
use crate::call::Call;
use character_error_reporter::redacted;
use character_storage_port::{Result, StorageError};
use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use tokio::sync::{mpsc, oneshot};

/// Maximum number of operations that wait for each kind of thread.
const QUEUE: usize = 256;
/// A statement checks whether it should end each time it has made this number of steps: about ten microseconds of work.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

pub(super) type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// An order to a thread.
pub(super) enum Order {
    Run(Job),
    /// Commit it, together with the changes behind it.
    Change(Box<dyn Change>),
    /// Close the connection, report how that went, and end.
    Close(oneshot::Sender<rusqlite::Result<()>>),
}

/// Starts a thread for each connection; they share the queue.
pub(super) fn run(
    name: &str,
    connections: Vec<Connection>,
    last: &Arc<Mutex<LastWrite>>,
) -> Result<mpsc::Sender<Order>> {
    let (sender, receiver) = mpsc::channel::<Order>(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for connection in connections {
        let (receiver, last) = (Arc::clone(&receiver), Arc::clone(last));
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(connection, &receiver, &last))
            .map_err(|error| StorageError::unavailable(OPEN).with_source(error))?;
    }
    Ok(sender)
}

/// Where it stays when that fails makes a change slower, or larger in memory, and never wrong.
fn keep_temporary_data(connection: &Connection, place: TemporaryData) {
    if let Err(error) = connection.execute_batch(place.command()) {
        tracing::warn!(error = %redacted(&error), ?place, "SQLite keeps its temporary data elsewhere");
    }
}

fn serve(mut connection: Connection, receiver: &Mutex<mpsc::Receiver<Order>>, last: &Mutex<LastWrite>) {
    let queue = || receiver.lock().unwrap_or_else(PoisonError::into_inner);
    // What was found behind a change, and cannot join it.
    let mut behind = None;
    while let Some(order) = behind.take().or_else(|| queue().blocking_recv()) {
        match order {
            Order::Run(job) => {
                job(&mut connection);
                roll_back(&mut connection);
            }
            Order::Change(change) => {
                let joins = change.joins();
                let next = || match joins.then(|| queue().try_recv().ok()).flatten()? {
                    Order::Change(next) if next.joins() => Some(next),
                    other => {
                        behind = Some(other);
                        None
                    }
                };
                if !joins {
                    // A change of the schema may sort a large table.
                    keep_temporary_data(&connection, TemporaryData::OnDisk);
                }
                if let Some(shown) = group::commit(&mut connection, change, next) {
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = shown;
                }
                if !joins {
                    keep_temporary_data(&connection, TemporaryData::InMemory);
                }
                roll_back(&mut connection);
            }
            Order::Close(reply) => {
                // Nobody waits for it any more after a timeout.
                let _ = reply.send(close(connection));
                return;
            }
        }
    }
}

/// Runs the job, and interrupts its statements when the call should end. One job that panics must not stop those behind it.
/// `None`: it panicked; what it left open is to be rolled back.
pub(super) fn interruptible<T>(
    connection: &mut Connection,
    call: &Arc<Call>,
    job: impl FnOnce(&mut Connection) -> T,
) -> Option<T> {
    let is_limited = call.deadline().is_some();
    if is_limited {
        let judge = Arc::clone(call);
        if let Err(error) = connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || judge.should_end())) {
            tracing::error!(error = %redacted(&error), "statements of this operation cannot be interrupted");
        }
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
    // What follows, such as a commit or a rollback, is not to be interrupted.
    if is_limited && let Err(error) = connection.progress_handler(0, None::<fn() -> bool>) {
        tracing::error!(error = %redacted(&error), "the statements of the next operation may be interrupted too early");
    }
    if outcome.is_err() {
        tracing::error!("a database operation panicked");
    }
    outcome.ok()
}
