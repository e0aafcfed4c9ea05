//! The feed: one reader of the log for all followers of a storage, on a thread of its own.
//!
//! It reads the log from time to time, and at once after a commit of this process or when another one has sent a notification.
//! Followers that keep up are answered from a [`Ring`] of the last entries; a follower with an older cursor is read for, up to
//! the place where the ring ends, and keeps up from there.

mod following;
mod origin;
mod poller;
#[cfg(feature = "postgres")]
mod postgres;
mod ring;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::options::Wakeup;
use character_error_reporter::redacted;
use character_storage_port::{FOLLOW, Result, StorageError};
pub(crate) use origin::Origin;
use poller::Poller;
pub(crate) use shared::Trouble;
use shared::{DOES_NOT_WORK, Request, Shared, UNKNOWN, WORKS, closed};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};

/// The maximum number of followers that wait to be read for.
const QUEUE: usize = 256;

/// How the reader works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) wakeup: Wakeup,
}

pub(crate) struct Feed {
    origin: Origin,
    shared: Arc<Shared>,
    /// To the thread, while it runs. It ends when this is dropped.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("pace", &self.shared.pace).finish_non_exhaustive()
    }
}

impl Feed {
    /// Starts nothing.
    pub(crate) fn new(origin: Origin, pace: Pace) -> Self {
        let shared = Shared {
            pace,
            state: Mutex::default(),
            polls: watch::Sender::new(0),
            wake: Notify::new(),
            committed: AtomicBool::new(false),
            followed: AtomicBool::new(false),
            notifies: AtomicU8::new(UNKNOWN),
            ended: watch::Sender::new(true),
        };
        Self { origin, shared: Arc::new(shared), requests: Mutex::default() }
    }

    /// There was a commit: followers here are woken at once, and other processes where that is possible.
    pub(crate) fn committed(&self) {
        let announces = self.origin.can_announce() && self.shared.pace.wakeup == Wakeup::Notify;
        if announces && !self.shared.committed.swap(true, Ordering::SeqCst) {
            // What cannot be started now is started by the next commit, or by a follower, which is told of it.
            let _ = self.start(FOLLOW);
        }
        self.shared.wake.notify_one();
    }

    /// Whether processes wake one another.
    pub(crate) fn notifies(&self) -> Option<bool> {
        match self.shared.notifies.load(Ordering::Relaxed) {
            WORKS => Some(true),
            DOES_NOT_WORK => Some(false),
            _ => None,
        }
    }

    /// The thread, which is started unless it runs.
    fn start(&self, operation: &'static str) -> Result<mpsc::Sender<Request>> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.state().is_closed {
            return Err(closed(operation));
        }
        if let Some(running) = requests.as_ref().filter(|requests| !requests.is_closed()) {
            return Ok(running.clone());
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (origin, shared) = (self.origin.clone(), Arc::clone(&self.shared));
        self.shared.ended.send_replace(false);
        let run = move || {
            let _ended = Ended(Arc::clone(&shared));
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(Poller::new(origin, shared, receiver).run()),
                Err(error) => {
                    tracing::error!(error = %redacted(&error), "the log cannot be read: there is no runtime for its thread");
                }
            }
        };
        let started = thread::Builder::new().name("storage-log".to_owned()).spawn(run);
        started.map_err(|error| StorageError::unavailable(operation).with_source(error))?;
        *requests = Some(sender.clone());
        Ok(sender)
    }

    /// Ends the thread, and returns when it has ended.
    pub(crate) async fn close(&self) {
        self.shared.state().is_closed = true;
        drop(self.requests.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.shared.published();
        let mut ended = self.shared.ended.subscribe();
        // An error means that the feed itself is gone.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// What was outlived has ended.
    pub(crate) fn renewed(&self) {
        let mut state = self.shared.state();
        (state.outlived, state.ring) = (None, None);
        drop(state);
        self.shared.wake.notify_one();
    }
}

/// Tells of the end of the thread, however it ends.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = StorageError::unavailable(FOLLOW).with_detail("the thread that reads the log has panicked");
            self.0.state().failure = Some((Instant::now(), error));
            self.0.published();
        }
        self.0.ended.send_replace(true);
    }
}
