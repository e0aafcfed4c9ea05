//! A follower of the feed, and what it waits for.

use super::{
    Feed,
    shared::{Answer, Empty, Request, Trouble},
};
use character_storage_port::{ErrorKind, FOLLOW, HEAD, LogBatch, LogCursor, MAX_FOLLOW_WAIT, Result, StorageError};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

/// An empty batch says that nothing was there at most this long before the end of the wait.
const FRESH: Duration = Duration::from_millis(20);

impl Feed {
    /// See [`Log::follow`](character_storage_port::Log::follow).
    ///
    /// When the log cannot be read at the end of the wait, this is `Timeout`. The last empty batch is older than that: it would report that
    /// nothing was committed in a time of which nothing is known.
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
        let (mut after, mut empty) = (after.clone(), None);
        let mut polls = self.shared.polls.subscribe();
        self.shared.followed.store(true, Ordering::Relaxed);
        loop {
            let requests = self.start(FOLLOW)?;
            polls.borrow_and_update();
            let is_late = Instant::now() >= deadline;
            match self.shared.answer(&after, empty.as_ref(), limit, called)? {
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
                Answer::Elsewhere { place, epoch, newest } => {
                    let (reply, answer) = oneshot::channel();
                    let ended = |_| StorageError::unavailable(FOLLOW);
                    let request = Request { place, epoch, is_unverified: after.is_unverified(), limit, reply };
                    requests.send(request).await.map_err(|_| StorageError::unavailable(FOLLOW))?;
                    let batch = answer.await.map_err(ended)??;
                    if !batch.commits.is_empty() {
                        return Ok(batch);
                    }
                    // Nothing up to the end of the ring, where this cursor stands now; or it stands beyond the end, and waits there.
                    let next = batch.next.clone();
                    after = if after.is_unverified() { next.unverified() } else { next };
                    empty = Some(Empty { batch, newest });
                    continue;
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

pub(super) fn late(operation: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Timeout, operation).with_detail("the log could not be read in time")
}
