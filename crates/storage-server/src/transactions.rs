//! Commits.

use crate::{
    StorageServer,
    answer::{Answer, ok},
    body::message,
};
use actix_web::{
    HttpRequest,
    web::{Data, Payload},
};
use character_storage_port::{COMMIT, StorageError, Transaction, check_batch};
use character_storage_wire::{BatchBody, Outcome, OutcomesBody, Problem};
use std::future::Future;
use tracing::Instrument;

pub(crate) async fn commit(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let transaction: Transaction = message(&server, &request, payload).await?;
    let port = server.port.clone();
    let committed = to_the_end(async move { port.commit(transaction).await }).await??;
    ok(&committed, COMMIT)
}

pub(crate) async fn commit_each(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let BatchBody { transactions } = message(&server, &request, payload).await?;
    check_batch(&transactions)?;
    let port = server.port.clone();
    let outcomes = to_the_end(async move { port.commit_each(transactions).await }).await?;
    let outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Ok(committed) => Outcome::Committed(committed),
        Err(error) => Outcome::Problem(Problem::from(&error)),
    });
    ok(&OutcomesBody { outcomes: outcomes.collect() }, COMMIT)
}

/// Runs a commit in a task of its own: a client that hangs up drops the handler, and must not stop a commit half-way.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, StorageError> {
    let lost = |error| {
        StorageError::unavailable(COMMIT).with_detail("the storage failed while it was committing").with_source(error)
    };
    tokio::spawn(work.in_current_span()).await.map_err(lost)
}
