//! The log of commits over a [`Transport`].

use crate::{
    HttpStorage,
    storage::{corrupt, message},
    transport::{ApiRequest, ApiResponse, RequestKind, Transport},
};
use async_trait::async_trait;
use character_storage_port::{
    FOLLOW, HEAD, Log, LogBatch, LogCursor, MAX_FOLLOW_WAIT, Result, StorageError, check_follow,
};
use character_storage_wire as wire;
use std::time::Duration;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Log for HttpStorage<T> {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        check_follow(limit)?;
        let wait = wait.min(MAX_FOLLOW_WAIT);
        let parameters = wire::FollowParameters { after: after.clone(), limit, wait };
        let response = self.poll(FOLLOW, format!("{}?{}", wire::LOG, parameters.encode()), wait).await?;
        let batch = message::<wire::LogBatchBody>(FOLLOW, &response)?.into();
        check(after, limit, &batch)?;
        Ok(batch)
    }

    async fn head(&self) -> Result<LogCursor> {
        let response = self.poll(HEAD, wire::LOG_HEAD.to_owned(), Duration::ZERO).await?;
        Ok(message::<wire::HeadBody>(HEAD, &response)?.cursor)
    }
}

impl<T: Transport + ?Sized> HttpStorage<T> {
    async fn poll(&self, operation: &'static str, path: String, wait: Duration) -> Result<ApiResponse> {
        self.ask(ApiRequest { kind: RequestKind::Follow { wait }, ..ApiRequest::get(operation, path) }).await
    }
}

/// Rejects a batch that a log cannot have returned.
fn check(after: &LogCursor, limit: usize, batch: &LogBatch) -> Result<()> {
    let refuse = |detail| -> Result<(), StorageError> { Err(corrupt(FOLLOW, detail)) };
    if batch.commits.len() > limit {
        return refuse("the storage answered more commits than it was asked for");
    }
    if batch.next.epoch() != after.epoch() {
        return refuse("the storage answered a cursor of another epoch than it was asked for");
    }
    if batch.commits.is_empty() && batch.more {
        return refuse("the storage answered no commit and that there are more");
    }
    // A follower would be told of the same commits without end.
    if !batch.commits.is_empty() && batch.next.place() == after.place() {
        return refuse("the storage answered commits and the cursor before them");
    }
    if batch.settled > batch.ceiling || batch.commits.iter().any(|commit| commit.tick >= batch.ceiling) {
        return refuse("the storage answered a tick that is not below the ceiling");
    }
    Ok(())
}
