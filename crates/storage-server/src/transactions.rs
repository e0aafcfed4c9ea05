//! The commits of transactions.

use crate::{
    StorageServer,
    answer::{Answer, ok},
    body::message,
};
use actix_web::{
    HttpRequest,
    web::{Data, Payload},
};
use character_storage_port::{COMMIT, Transaction, check_batch};
use character_storage_wire::{BatchBody, OutcomesBody, Problem, TransactionOutcome};

pub(crate) async fn commit(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let transaction: Transaction = message(&server, &request, payload).await?;
    // A client that disconnects drops this: the storage then commits the whole transaction or nothing, and does not begin
    // what nobody waits for.
    let committed = server.port.commit(transaction).await?;
    ok(&committed, COMMIT)
}

pub(crate) async fn commit_each(request: HttpRequest, server: Data<StorageServer>, payload: Payload) -> Answer {
    let BatchBody { transactions } = message(&server, &request, payload).await?;
    check_batch(&transactions)?;
    let outcomes = server.port.commit_each(transactions).await;
    let outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Ok(committed) => TransactionOutcome::Committed(committed),
        Err(error) => TransactionOutcome::Problem(Problem::from(&error)),
    });
    ok(&OutcomesBody { outcomes: outcomes.collect() }, COMMIT)
}
