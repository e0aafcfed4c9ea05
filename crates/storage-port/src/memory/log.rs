//! The log of the reference adapter: a list, and a cursor is the number of its commits that were returned.

use super::MemoryStorage;
use crate::{
    DomainEvent, Epoch, ErrorKind, FOLLOW, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOW_WAIT, Result, RowChange,
    StorageError, Tick, TransactionId, check_follow,
};
use async_trait::async_trait;
use character_domain::now;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

#[derive(Debug)]
pub(super) struct MemoryLog {
    epoch: Epoch,
    commits: Vec<Arc<LoggedCommit>>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { epoch: Epoch::new(), commits: Vec::new() }
    }
}

impl MemoryLog {
    pub(super) fn append(
        &mut self,
        transaction: TransactionId,
        rows: Vec<RowChange>,
        events: Vec<DomainEvent>,
        traceparent: Option<String>,
    ) -> Tick {
        let tick = Tick(self.commits.len() as u64 + 1);
        let (committed_at, rows) = (now(), Some(rows));
        self.commits.push(Arc::new(LoggedCommit { tick, transaction, committed_at, rows, events, traceparent }));
        tick
    }

    /// The cursor behind this number of commits.
    pub(super) fn cursor(&self, told: usize) -> LogCursor {
        LogCursor::new(self.epoch, &told)
    }

    pub(super) fn head(&self) -> LogCursor {
        self.cursor(self.commits.len())
    }

    /// How many commits were returned before `cursor`.
    pub(super) fn told(&self, cursor: &LogCursor, operation: &'static str) -> Result<usize> {
        let gone = || StorageError::new(ErrorKind::Gone, operation);
        let told: usize = cursor.place().parse().map_err(|_| gone())?;
        if cursor.epoch() != self.epoch || told > self.commits.len() { Err(gone()) } else { Ok(told) }
    }

    /// The first commit that was not told.
    pub(super) fn next(&self, told: usize) -> Option<&Arc<LoggedCommit>> {
        self.commits.get(told)
    }

    fn batch(&self, after: &LogCursor, limit: usize) -> Result<LogBatch> {
        let told = self.told(after, FOLLOW)?;
        let commits: Vec<_> = self.commits.iter().skip(told).take(limit).cloned().collect();
        let told = told + commits.len();
        let (next, more) = (self.cursor(told), told < self.commits.len());
        let settled = Tick(told as u64 + 1);
        Ok(LogBatch { commits, next, settled, ceiling: settled, more })
    }
}

#[async_trait]
impl Log for MemoryStorage {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        check_follow(limit)?;
        let deadline = Instant::now() + wait.min(MAX_FOLLOW_WAIT);
        loop {
            // Enabled before the log is read, so that no commit is missed between.
            let mut committed = std::pin::pin!(self.committed.notified());
            committed.as_mut().enable();
            let batch = self.state().log.batch(after, limit)?;
            if !batch.commits.is_empty() || timeout_at(deadline, committed).await.is_err() {
                return Ok(batch);
            }
        }
    }

    async fn head(&self) -> Result<LogCursor> {
        Ok(self.state().log.head())
    }
}
