//! A log that one process hears badly, as the test decides.

use async_trait::async_trait;
use character_storage_port::{ErrorKind, Log, LogBatch, LogCursor, LoggedCommit, Result};
use character_storage_testkit::{Course, Fault, ScriptedFaults};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

const UNHEARD: ErrorKind = ErrorKind::Unavailable { retry_after: None };

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
    log: ScriptedFaults<dyn Log>,
    hearing: watch::Sender<Hearing>,
}

impl ScriptedLog {
    pub(crate) fn over(inner: impl Log + 'static) -> Self {
        let (inner, hearing): (Arc<dyn Log>, _) = (Arc::new(inner), watch::Sender::<Hearing>::default());
        let (log, state) = (ScriptedFaults::new(inner), hearing.clone());
        log.direct(move |_| {
            let mut changes = state.subscribe();
            if matches!(*changes.borrow(), Hearing::Unheard | Hearing::LastAnswer) {
                return Fault::FailBefore(UNHEARD).into();
            }
            Course::default().after(async move {
                // The sender is in the log, so it cannot be gone.
                let arrives = changes.wait_for(|hearing| *hearing != Hearing::Held).await;
                if arrives.is_ok_and(|hearing| *hearing == Hearing::Unheard) { Err(UNHEARD) } else { Ok(()) }
            })
        });
        Self { log, hearing }
    }

    pub(crate) fn hear(&self, hearing: Hearing) {
        self.hearing.send_replace(hearing);
    }

    pub(crate) fn hearing(&self) -> Hearing {
        *self.hearing.borrow()
    }
}

#[async_trait]
impl Log for ScriptedLog {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let mut batch = self.log.follow(after, limit, wait).await?;
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
        self.log.head().await
    }
}
