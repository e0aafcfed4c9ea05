//! A log that one process hears badly, as the test decides.

use async_trait::async_trait;
use character_storage_port::{FOLLOW, HEAD, Log, LogBatch, LogCursor, LoggedCommit, Result, StorageError};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hearing {
    #[default]
    Good,
    /// Questions fail.
    Unheard,
    /// Answers are given and stay on their way.
    Held,
    /// What is on its way arrives, and questions fail.
    LastAnswer,
    /// The storage does not know which rows changed, as for commits of an older release.
    WithoutRows,
}

#[derive(Clone)]
pub(crate) struct ScriptedLog {
    inner: Arc<dyn Log>,
    hearing: watch::Sender<Hearing>,
}

impl ScriptedLog {
    pub(crate) fn over(inner: impl Log + 'static) -> Self {
        Self { inner: Arc::new(inner), hearing: watch::Sender::default() }
    }

    pub(crate) fn hear(&self, hearing: Hearing) {
        self.hearing.send_replace(hearing);
    }

    pub(crate) fn hearing(&self) -> Hearing {
        *self.hearing.borrow()
    }

    async fn arrives<T>(&self, operation: &'static str, answer: Result<T>) -> Result<T> {
        let mut hearing = self.hearing.subscribe();
        // The sender is in this value, so it cannot be gone.
        let hearing = hearing.wait_for(|hearing| *hearing != Hearing::Held).await.map(|hearing| *hearing);
        if hearing.is_ok_and(|hearing| hearing == Hearing::Unheard) {
            return Err(StorageError::unavailable(operation));
        }
        answer
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        let hearing = *self.hearing.borrow();
        if matches!(hearing, Hearing::Unheard | Hearing::LastAnswer) {
            Err(StorageError::unavailable(operation))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Log for ScriptedLog {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        self.check(FOLLOW)?;
        let answer = self.inner.follow(after, limit, wait).await;
        let mut batch = self.arrives(FOLLOW, answer).await?;
        if *self.hearing.borrow() == Hearing::WithoutRows {
            let changes_rows =
                |commit: &&mut Arc<LoggedCommit>| commit.rows.as_ref().is_some_and(|rows| !rows.is_empty());
            for commit in batch.commits.iter_mut().filter(changes_rows) {
                *commit = Arc::new(LoggedCommit { rows: None, ..LoggedCommit::clone(commit) });
            }
        }
        Ok(batch)
    }

    async fn head(&self) -> Result<LogCursor> {
        self.check(HEAD)?;
        let answer = self.inner.head().await;
        self.arrives(HEAD, answer).await
    }
}
