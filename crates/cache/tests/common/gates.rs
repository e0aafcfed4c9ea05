//! An origin and a log that take each step when the test says so.

use character_storage_port::{ErrorKind, MemoryStorage};
use character_storage_testkit::{Course, Operation, ScriptedFaults};
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

    fn course(&self) -> Course {
        let Some(gates) = self.enter() else { return Course::default() };
        // A gate that was dropped is open.
        Course::default().before(async { drop(gates.go.await) }).after(async {
            match gates.arrive.await.unwrap_or(Fate::Arrives) {
                Fate::Arrives => Ok(()),
                Fate::IsLost => Err(ErrorKind::Unavailable { retry_after: None }),
            }
        })
    }
}

/// The storage as one process reaches it.
#[derive(Clone, Debug)]
pub(crate) struct GatedOrigin {
    pub(crate) port: ScriptedFaults<MemoryStorage>,
    pub(crate) reads: Waiting,
    pub(crate) commits: Waiting,
}

impl GatedOrigin {
    pub(crate) fn over(memory: &MemoryStorage) -> Self {
        let (reads, commits) = (Waiting::default(), Waiting::default());
        let port = ScriptedFaults::new(Arc::new(memory.clone()));
        let (of_reads, of_commits) = (reads.clone(), commits.clone());
        port.direct(move |operation| match operation {
            Operation::Find | Operation::List => of_reads.course(),
            Operation::Commit => of_commits.course(),
            _ => Course::default(),
        });
        Self { port, reads, commits }
    }
}

/// The log as one process hears it.
#[derive(Clone, Debug)]
pub(crate) struct GatedLog {
    pub(crate) log: ScriptedFaults<MemoryStorage>,
    pub(crate) questions: Waiting,
}

impl GatedLog {
    pub(crate) fn over(memory: &MemoryStorage) -> Self {
        let questions = Waiting::default();
        let log = ScriptedFaults::new(Arc::new(memory.clone())).following(usize::MAX, Duration::ZERO);
        let of_follows = questions.clone();
        log.direct(move |operation| match operation {
            Operation::Follow => of_follows.course(),
            _ => Course::default(),
        });
        Self { log, questions }
    }
}
