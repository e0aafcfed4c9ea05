//! What the thread of the feed and its followers have in common.

use super::{Pace, ring::Ring};
use crate::{
    epoch::Reason,
    log::{Standing, place_of},
    place::Place,
};
use character_storage_port::{Epoch, ErrorKind, FOLLOW, LogBatch, LogCursor, Result, StorageError};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::Instant,
};

/// What the thread and the followers have in common.
pub(super) struct Shared {
    pub(super) pace: Pace,
    pub(super) state: Mutex<State>,
    /// Counts the polls, and wakes the followers.
    pub(super) polls: watch::Sender<u64>,
    /// Wakes the thread.
    pub(super) wake: Notify,
    /// There was a commit of this process that was not announced.
    pub(super) committed: AtomicBool,
    /// A follower exists; a storage that only writes need only announce its commits.
    pub(super) followed: AtomicBool,
    pub(super) notifies: AtomicU8,
    pub(super) ended: watch::Sender<bool>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) ring: Option<Ring>,
    /// When the last poll began that failed, unless one has succeeded since.
    pub(super) failure: Option<(Instant, StorageError)>,
    /// The epoch that has to end.
    pub(super) outlived: Option<(Epoch, Reason)>,
    pub(super) is_closed: bool,
}

/// A follower whose cursor the ring does not know.
pub(super) struct Request {
    pub(super) place: Place,
    pub(super) epoch: Epoch,
    /// The place may be made up, and is no sign that the database was restored.
    pub(super) is_unverified: bool,
    pub(super) limit: usize,
    pub(super) reply: oneshot::Sender<Result<LogBatch, Trouble>>,
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

/// An empty batch that was read from the log for a cursor which the ring does not know.
pub(super) struct Empty {
    pub(super) batch: LogBatch,
    /// Where the ring ended before the read. While it ends there, no commit has come since.
    pub(super) newest: Place,
}

/// What there is for a cursor.
pub(super) enum Answer {
    Batch(LogBatch),
    /// Nothing, when the poll of this moment began.
    Nothing(LogBatch, Instant),
    /// The ring, which ends at `newest`, does not know the cursor.
    Elsewhere {
        place: Place,
        epoch: Epoch,
        newest: Place,
    },
    /// Only the next poll can tell.
    Later,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn published(&self) {
        self.polls.send_modify(|polls| *polls += 1);
    }

    /// `empty`: what was read for this cursor before.
    pub(super) fn answer(
        &self,
        after: &LogCursor,
        empty: Option<&Empty>,
        limit: usize,
        called: Instant,
    ) -> Result<Answer, Trouble> {
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
            None if is_current || ring.is_behind => match empty.filter(|empty| empty.newest == ring.newest) {
                Some(empty) => Answer::Nothing(empty.batch.clone(), ring.heard),
                None => {
                    let (place, newest) = (place_of(after, ring.epoch, FOLLOW)?, ring.newest.clone());
                    Answer::Elsewhere { place, epoch: ring.epoch, newest }
                }
            },
            Some(batch) if batch.commits.is_empty() => Answer::Nothing(batch, ring.heard),
            Some(batch) if is_current || batch.more => Answer::Batch(batch),
            None | Some(_) => Answer::Later,
        })
    }
}

pub(super) fn closed(operation: &'static str) -> StorageError {
    StorageError::unavailable(operation).with_detail("the storage is closed")
}

/// Whether notifications arrive.
pub(super) const UNKNOWN: u8 = 0;
pub(super) const WORKS: u8 = 1;
pub(super) const DOES_NOT_WORK: u8 = 2;

/// What a page means for a follower that it was read for.
pub(super) fn refusal(standing: Standing, epoch: Epoch) -> Option<Trouble> {
    match standing {
        Standing::Good => None,
        Standing::Gone => Some(StorageError::new(ErrorKind::Gone, FOLLOW).into()),
        Standing::Restored => Some(Trouble::Outlived(epoch, Reason::Restored)),
    }
}
