//! Orders to the threads of the file, and how long their callers wait.

use super::{
    Sqlite,
    threads::{Order, interruptible},
};
use crate::{
    call::{Call, Patience},
    fault::Fault,
};
use character_storage_port::{Applied, Result, StorageError};
use rusqlite::Connection;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

impl Sqlite {
    /// Runs a job that changes no row.
    pub(super) async fn run_on<T: Send + 'static>(
        &self,
        queue: &mpsc::Sender<Order>,
        operation: &'static str,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let order = |call: Arc<Call>, reply: oneshot::Sender<Result<T>>| {
            Order::Run(Box::new(move |connection| {
                if call.begin()
                    && let Some(outcome) = interruptible(connection, &call, job)
                {
                    // The caller may have gone meanwhile.
                    let _ = reply.send(outcome);
                }
            }))
        };
        self.queued(queue, operation, Patience::WhileAwaited, order).await
    }

    /// Has one of the threads of the queue carry out the order.
    ///
    /// Cancel safe: an order whose caller has gone is not begun.
    pub(super) async fn queued<T>(
        &self,
        queue: &mpsc::Sender<Order>,
        operation: &'static str,
        patience: Patience,
        order: impl FnOnce(Arc<Call>, oneshot::Sender<Result<T>>) -> Order,
    ) -> Result<T> {
        let late = |applied| Fault::late("the operation", self.timeout).into_error(operation, applied);
        let gone = |applied| StorageError::unavailable(operation).with_applied(applied);
        let call = Leaving(Arc::new(Call::new(patience, self.timeout)));
        let deadline = call.0.deadline();
        let (reply, answer) = oneshot::channel();
        let order = order(Arc::clone(&call.0), reply);
        match by(deadline, queue.send(order)).await {
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
