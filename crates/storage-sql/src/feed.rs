//! The feed: one reader of the log for all followers of a storage, on a thread of its own.
//!
//! It reads the log from time to time, and at once after a commit of this process or when another one has sent a notification.
//! Followers that keep up are answered from a [`Ring`] of the last entries; a follower with an older cursor is read for, up to
//! the place where the ring ends, and keeps up from there.

mod origin;
mod poller;
#[cfg(feature = "postgres")]
mod postgres;
mod ring;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::{
    epoch::Reason,
    log::{Standing, place_of},
    options::Wakeup,
    place::Place,
};
use character_error_reporter::redacted;
use character_storage_port::{
    Epoch, ErrorKind, FOLLOW, HEAD, LogBatch, LogCursor, MAX_FOLLOW_WAIT, Result, StorageError,
};
pub(crate) use origin::Origin;
use poller::Poller;
use ring::Ring;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

/// The maximum number of followers that wait to be read for.
const QUEUE: usize = 256;
/// An empty batch says that nothing was there at most this long before the end of the wait.
const FRESH: Duration = Duration::from_millis(20);

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

/// What the thread and the followers have in common.
struct Shared {
    pace: Pace,
    state: Mutex<State>,
    /// Counts the polls, and wakes the followers.
    polls: watch::Sender<u64>,
    /// Wakes the thread.
    wake: Notify,
    /// There was a commit of this process that was not announced.
    committed: AtomicBool,
    /// A follower exists; a storage that only writes need only announce its commits.
    followed: AtomicBool,
    notifies: AtomicU8,
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    ring: Option<Ring>,
    /// When the last poll began that failed, unless one has succeeded since.
    failure: Option<(Instant, StorageError)>,
    /// The epoch that has to end.
    outlived: Option<(Epoch, Reason)>,
    is_closed: bool,
}

/// A follower whose cursor the ring does not know.
struct Request {
    place: Place,
    epoch: Epoch,
    limit: usize,
    reply: oneshot::Sender<Result<LogBatch, Trouble>>,
}

/// Why a follower gets no batch.
#[derive(Debug)]
pub(crate) enum Trouble {
    Failed(StorageError),
    /// A new epoch must begin first.
    Outlived(Epoch, Reason),
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

/// What there is for a cursor.
enum Answer {
    Batch(LogBatch),
    /// Nothing, when the poll of this moment began.
    Nothing(LogBatch, Instant),
    /// The ring does not know the cursor.
    Elsewhere(Place, Epoch),
    /// Only the next poll can tell.
    Later,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn published(&self) {
        self.polls.send_modify(|polls| *polls += 1);
    }

    fn answer(&self, after: &LogCursor, limit: usize, called: Instant) -> Result<Answer, Trouble> {
        let mut state = self.state();
        if state.is_closed {
            return Err(closed(FOLLOW).into());
        }
        if let Some((epoch, reason)) = state.outlived {
            return Err(Trouble::Outlived(epoch, reason));
        }
        if let Some((_, error)) = state.failure.as_ref().filter(|(begun, _)| *begun >= called) {
            return Err(error.clone().into());
        }
        let Some(ring) = &mut state.ring else { return Ok(Answer::Later) };
        // What was there when the follower called is told before there is said to be no more.
        let is_current = ring.heard >= called;
        if ring.epoch != after.epoch() {
            // Another process may have begun the epoch of the cursor since the last poll.
            return if is_current { Err(StorageError::new(ErrorKind::Gone, FOLLOW).into()) } else { Ok(Answer::Later) };
        }
        Ok(match ring.batch(after.place(), limit) {
            None if is_current || ring.is_behind => Answer::Elsewhere(place_of(after, ring.epoch, FOLLOW)?, ring.epoch),
            Some(batch) if batch.commits.is_empty() => Answer::Nothing(batch, ring.heard),
            Some(batch) if is_current || batch.more => Answer::Batch(batch),
            None | Some(_) => Answer::Later,
        })
    }
}

fn closed(operation: &'static str) -> StorageError {
    StorageError::unavailable(operation).with_detail("the storage is closed")
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

    /// See [`Log::follow`](character_storage_port::Log::follow).
    pub(crate) async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> Result<LogBatch, Trouble> {
        let called = Instant::now();
        let deadline = called + wait.min(MAX_FOLLOW_WAIT);
        let followed = timeout_at(deadline + self.shared.pace.timeout, self.batch(after, limit, called, deadline));
        followed.await.unwrap_or_else(|_| Err(late(FOLLOW).into()))
    }

    async fn batch(
        &self,
        after: &LogCursor,
        limit: usize,
        called: Instant,
        deadline: Instant,
    ) -> Result<LogBatch, Trouble> {
        let mut after = after.clone();
        let mut polls = self.shared.polls.subscribe();
        self.shared.followed.store(true, Ordering::Relaxed);
        loop {
            let requests = self.start(FOLLOW)?;
            polls.borrow_and_update();
            let is_late = Instant::now() >= deadline;
            match self.shared.answer(&after, limit, called)? {
                Answer::Batch(batch) => return Ok(batch),
                Answer::Nothing(batch, heard) => {
                    let fresh = called.max(deadline.checked_sub(FRESH).unwrap_or(called));
                    if is_late && heard >= fresh {
                        return Ok(batch);
                    }
                    if is_late {
                        self.shared.wake.notify_one();
                    }
                }
                Answer::Elsewhere(place, epoch) => {
                    let (reply, answer) = oneshot::channel();
                    let ended = |_| StorageError::unavailable(FOLLOW);
                    let request = Request { place, epoch, limit, reply };
                    requests.send(request).await.map_err(|_| StorageError::unavailable(FOLLOW))?;
                    let batch = answer.await.map_err(ended)??;
                    if !batch.commits.is_empty() {
                        return Ok(batch);
                    }
                    // Nothing up to the end of the ring, where this cursor stands.
                    let is_elsewhere_still = batch.next == after;
                    after = batch.next;
                    if !is_elsewhere_still {
                        continue;
                    }
                }
                Answer::Later => self.shared.wake.notify_one(),
            }
            let polled = polls.changed();
            if is_late {
                polled.await.map_err(|_| StorageError::unavailable(FOLLOW))?;
            } else if let Ok(Err(_)) = timeout_at(deadline, polled).await {
                return Err(StorageError::unavailable(FOLLOW).into());
            }
        }
    }

    /// See [`Log::head`](character_storage_port::Log::head).
    pub(crate) async fn head(&self) -> Result<LogCursor, Trouble> {
        let called = Instant::now();
        let mut polls = self.shared.polls.subscribe();
        self.shared.followed.store(true, Ordering::Relaxed);
        let reading = async {
            loop {
                self.start(HEAD)?;
                polls.borrow_and_update();
                {
                    let state = self.shared.state();
                    if let Some((epoch, reason)) = state.outlived {
                        return Err(Trouble::Outlived(epoch, reason));
                    }
                    if let Some((_, error)) = state.failure.as_ref().filter(|(begun, _)| *begun >= called) {
                        return Err(error.clone().into());
                    }
                    let ring = state.ring.as_ref();
                    if let Some(ring) = ring.filter(|ring| ring.heard >= called) {
                        return Ok(LogCursor::new(ring.epoch, &ring.newest));
                    }
                }
                self.shared.wake.notify_one();
                polls.changed().await.map_err(|_| StorageError::unavailable(HEAD))?;
            }
        };
        let reading = timeout_at(called + self.shared.pace.timeout, reading);
        reading.await.unwrap_or_else(|_| Err(late(HEAD).into()))
    }
}

fn late(operation: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Timeout, operation).with_detail("the log could not be read in time")
}

/// Whether notifications arrive.
const UNKNOWN: u8 = 0;
const WORKS: u8 = 1;
const DOES_NOT_WORK: u8 = 2;

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

/// What a page means for a follower that it was read for.
fn refusal(standing: Standing, epoch: Epoch) -> Option<Trouble> {
    match standing {
        Standing::Good => None,
        Standing::Gone => Some(StorageError::new(ErrorKind::Gone, FOLLOW).into()),
        Standing::Restored => Some(Trouble::Outlived(epoch, Reason::Restored)),
    }
}
