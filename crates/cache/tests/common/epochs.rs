//! A memory storage whose epoch a test can renew, as a backup does that is restored into a new server: the rows stay, and
//! the ticks begin again.

use async_trait::async_trait;
use character_storage_port::{
    Commit, Committed, Epoch, ErrorKind, FOLLOW, Log, LogBatch, LogCursor, LoggedCommit, MemoryStorage, Result,
    StorageError, Tick, Transaction, delegate_port,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// One epoch of the memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Era {
    /// How many there were before.
    pub(crate) number: u64,
    /// Since when; `None`: from the beginning.
    pub(crate) since: Option<Instant>,
    /// Its name; `None`: that of the memory.
    epoch: Option<Epoch>,
    /// The last tick of the memory before it.
    base: u64,
}

impl Era {
    fn tick(&self, tick: Tick) -> Tick {
        Tick(tick.0.saturating_sub(self.base))
    }

    /// What the log says of a commit. One that was made in an earlier epoch has no tick in this one.
    fn committed(&self, committed: Committed) -> Committed {
        Committed { tick: self.tick(committed.tick), ..committed }
    }

    fn cursor(&self, cursor: &LogCursor) -> LogCursor {
        LogCursor::new(self.epoch.unwrap_or(cursor.epoch()), &cursor.place())
    }

    fn commit(&self, commit: &Arc<LoggedCommit>) -> Arc<LoggedCommit> {
        Arc::new(LoggedCommit { tick: self.tick(commit.tick), ..LoggedCommit::clone(commit) })
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    inner: MemoryStorage,
    era: Arc<Mutex<Era>>,
}

impl Epochs {
    pub(crate) fn of(inner: &MemoryStorage) -> Self {
        Self { inner: inner.clone(), era: Arc::default() }
    }

    pub(crate) fn era(&self) -> Era {
        *self.era.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an epoch.
    pub(crate) async fn begin(&self, epoch: Epoch) {
        let head = self.inner.head().await.expect("memory has a head");
        let base = head.place().parse().expect("its place is the number of commits");
        let mut era = self.era.lock().unwrap_or_else(PoisonError::into_inner);
        *era = Era { number: era.number + 1, since: Some(Instant::now()), epoch: Some(epoch), base };
    }
}

delegate_port!(Store, Consumers, Snapshot, Probe for [] Epochs, it => it.inner);

#[async_trait]
impl Commit for Epochs {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        let era = self.era();
        self.inner.commit(transaction).await.map(|committed| era.committed(committed))
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let era = self.era();
        let outcomes = self.inner.commit_each(transactions).await;
        outcomes.into_iter().map(|outcome| outcome.map(|committed| era.committed(committed))).collect()
    }
}

#[async_trait]
impl Log for Epochs {
    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch> {
        let (memory, era) = (self.inner.head().await?.epoch(), self.era());
        let gone = || StorageError::new(ErrorKind::Gone, FOLLOW);
        if after.epoch() != era.epoch.unwrap_or(memory) {
            return Err(gone());
        }
        let batch = match self.inner.follow(&LogCursor::new(memory, &after.place()), limit, wait).await {
            Ok(batch) => batch,
            // The memory lacks the commit that the cursor names: it was restored.
            Err(error) if *error.kind() == ErrorKind::Gone => {
                self.begin(Epoch::new()).await;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        if self.era().number != era.number {
            return Err(gone());
        }
        let (settled, ceiling) = (era.tick(batch.settled), era.tick(batch.ceiling));
        let commits = batch.commits.iter().map(|commit| era.commit(commit)).collect();
        Ok(LogBatch { commits, next: era.cursor(&batch.next), settled, ceiling, more: batch.more })
    }

    async fn head(&self) -> Result<LogCursor> {
        // The era first: a cursor of the old one, of whatever place, is gone.
        let era = self.era();
        Ok(era.cursor(&self.inner.head().await?))
    }
}
