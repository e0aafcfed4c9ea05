//! An origin and a log that take each step when the test says so.

use async_trait::async_trait;
use character_storage_port::{
    COMMIT, Commit, Committed, Deleted, Entity, Log, LogBatch, LogCursor, MemoryStorage, Page, PageRequest, Read,
    Result, StorageError, Store, Transaction, delegate_port,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::oneshot;

/// A call that waits at two gates: before it takes effect, and before its answer arrives.
#[derive(Debug)]
pub(crate) struct Passage {
    go: Option<oneshot::Sender<()>>,
    arrive: Option<oneshot::Sender<Fate>>,
}

/// What happens to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    IsLost,
}

impl Passage {
    pub(crate) fn go(&mut self) {
        self.go.take().map(|gate| gate.send(()));
    }

    /// Lets the answer arrive, if there is one.
    pub(crate) fn arrive(&mut self, fate: Fate) -> bool {
        self.go.is_none() && self.arrive.take().is_some_and(|gate| gate.send(fate).is_ok())
    }
}

struct Gates {
    go: oneshot::Receiver<()>,
    arrive: oneshot::Receiver<Fate>,
}

fn passage() -> (Passage, Gates) {
    let ((go, gone), (arrive, arrived)) = (oneshot::channel(), oneshot::channel());
    (Passage { go: Some(go), arrive: Some(arrive) }, Gates { go: gone, arrive: arrived })
}

/// The passages of one process, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    passages: Arc<Mutex<Vec<Passage>>>,
    /// Whether nothing waits.
    open: Arc<AtomicBool>,
}

impl Waiting {
    fn passages(&self) -> MutexGuard<'_, Vec<Passage>> {
        self.passages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that came last, if any came since the last look.
    pub(crate) fn take(&self) -> Option<Passage> {
        self.passages().pop()
    }

    pub(crate) fn last<T>(&self, act: impl FnOnce(&mut Passage) -> T) -> Option<T> {
        self.passages().last_mut().map(act)
    }

    pub(crate) fn open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }

    fn enter(&self) -> Option<Gates> {
        if self.open.load(Ordering::SeqCst) {
            return None;
        }
        let (passage, gates) = passage();
        self.passages().push(passage);
        Some(gates)
    }

    async fn pass<T>(&self, work: impl Future<Output = T>) -> (T, Fate) {
        let Some(gates) = self.enter() else { return (work.await, Fate::Arrives) };
        // A gate that was dropped is open.
        drop(gates.go.await);
        let output = work.await;
        (output, gates.arrive.await.unwrap_or(Fate::Arrives))
    }
}

/// The storage as one process reaches it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GatedOrigin {
    pub(crate) inner: MemoryStorage,
    pub(crate) reads: Waiting,
    pub(crate) commits: Waiting,
}

#[async_trait]
impl<E: Entity> Store<E> for GatedOrigin {
    async fn find(&self, id: E::Id, deleted: Deleted) -> Result<Read<Option<E>>> {
        self.reads.pass(self.inner.find(id, deleted)).await.0
    }
    async fn list(&self, query: &E::Query, page: PageRequest) -> Result<Read<Page<E>>> {
        self.reads.pass(Store::<E>::list(&self.inner, query, page)).await.0
    }
}

#[async_trait]
impl Commit for GatedOrigin {
    async fn commit(&self, transaction: Transaction) -> Result<Committed> {
        match self.commits.pass(self.inner.commit(transaction)).await {
            (committed, Fate::Arrives) => committed,
            (_, Fate::IsLost) => Err(StorageError::unavailable(COMMIT)),
        }
    }
    async fn commit_each(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        self.inner.commit_each(transactions).await
    }
}

delegate_port!(Log, Consumers, Snapshot, Probe for [] GatedOrigin, it => it.inner);

/// The log as one process hears it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GatedLog {
    pub(crate) inner: MemoryStorage,
    pub(crate) questions: Waiting,
}

#[async_trait]
impl Log for GatedLog {
    async fn follow(&self, after: &LogCursor, limit: usize, _: Duration) -> Result<LogBatch> {
        self.questions.pass(self.inner.follow(after, limit, Duration::ZERO)).await.0
    }
    async fn head(&self) -> Result<LogCursor> {
        self.inner.head().await
    }
}
