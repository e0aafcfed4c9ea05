//! The loop of the thread that reads the log.

use super::{
    Origin,
    following::late,
    origin::Source,
    ring::{self, Ring},
    shared::{Request, Shared, Trouble, refusal},
};
use crate::{
    epoch::Reason,
    fault::{Cause, EngineError, Fault},
    log::{LogPage, ReadHead, ReadLog, Standing},
};
use character_storage_port::{Applied, ErrorKind, FOLLOW, LogBatch, MAX_FOLLOWED, StorageError};
use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

/// The shortest time from one poll to the next, so that commits are read some at a time.
const GAP: Duration = Duration::from_millis(4);
/// The same under load: a poll, and the response to each follower, cost as much as several commits.
const LONG_GAP: Duration = Duration::from_millis(20);
/// The number of commits a second from which on it is load.
const LOAD: u128 = 2_000;
/// How long the first pause after a failure is. Each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Poller {
    source: Source,
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    pace: Pace,
}

/// The storage is gone.
type Dropped = ControlFlow<()>;

/// How soon the next poll may begin.
struct Pace {
    /// When the last poll began.
    last: Instant,
}

impl Pace {
    /// The shortest time until the next poll, after one that began then and found this number of commits.
    fn gap(&mut self, begun: Instant, found: usize) -> Duration {
        let of = begun.saturating_duration_since(std::mem::replace(&mut self.last, begun));
        let (found, load) = (found as u128 * 1_000_000, LOAD * of.as_micros());
        if found > 0 && found >= load { LONG_GAP } else { GAP }
    }
}

impl Poller {
    pub(super) fn new(origin: Origin, shared: Arc<Shared>, requests: mpsc::Receiver<Request>) -> Self {
        let source = Source::new(origin, &shared);
        Self { source, shared, requests, pace: Pace { last: Instant::now() } }
    }

    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let begun = Instant::now();
            let polled = self.turn(begun).await;
            let waited = match polled {
                Ok(found) => {
                    failures = 0;
                    self.wait(begun, found).await
                }
                Err(fault) => {
                    self.source.disconnect();
                    failures += 1;
                    // After a restart of the server the connection is dead, and a new one is as good as ever.
                    if failures == 1 && fault.cause() == Some(Cause::ConnectionLost) {
                        continue;
                    }
                    self.failed(begun, fault, failures);
                    self.pause(failures).await
                }
            };
            if waited.is_break() {
                return;
            }
        }
    }

    /// Announces what was committed, and reads what is new. Returns how much was found; `None`: there is more.
    async fn turn(&mut self, begun: Instant) -> Result<Option<usize>, Fault> {
        let limit = self.shared.pace.timeout;
        let late = || Fault::Engine(Cause::Timeout, EngineError::Other("the log could not be read in time"));
        timeout(limit, self.announce_and_poll(begun)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn announce_and_poll(&mut self, begun: Instant) -> Result<Option<usize>, Fault> {
        if self.shared.committed.swap(false, Ordering::SeqCst) {
            self.source.announce().await?;
        }
        if !self.shared.followed.load(Ordering::Relaxed) {
            return Ok(Some(0));
        }
        let found = self.poll(begun).await?;
        self.shared.published();
        self.source.listen().await?;
        Ok(found)
    }

    async fn poll(&mut self, begun: Instant) -> Result<Option<usize>, Fault> {
        let known = self.shared.state().ring.as_ref().map(|ring| (ring.epoch, ring.newest.clone()));
        if let Some((epoch, place)) = known {
            let page = self.source.run(&ReadLog { place: place.clone(), target: None, limit: MAX_FOLLOWED }).await?;
            let standing = page.standing(&place);
            let standing = (epoch == page.epoch).then_some(standing);
            self.note_outlived(&page, standing);
            if standing == Some(Standing::Good) {
                let found = (!page.more).then_some(page.entries.len());
                let mut state = self.shared.state();
                state.failure = None;
                // It is missing when an epoch has ended meanwhile.
                if let Some(ring) = state.ring.as_mut().filter(|ring| ring.newest == place) {
                    ring.extend(page, begun);
                }
                return Ok(found);
            }
        }
        let page = self.source.run(&ReadHead).await?;
        self.note_outlived(&page, None);
        let mut state = self.shared.state();
        (state.failure, state.ring) = (None, Some(Ring::new(&page, begun)));
        Ok(Some(0))
    }

    /// `standing`: that of a place in the epoch of the page, if one was asked about.
    fn note_outlived(&self, page: &LogPage, standing: Option<Standing>) {
        let reason = match (page.has_moved(), standing) {
            (true, _) => Reason::Moved,
            (_, Some(Standing::Restored)) => Reason::Restored,
            _ => return,
        };
        self.shared.state().outlived = Some((page.epoch, reason));
    }

    fn failed(&self, begun: Instant, fault: Fault, failures: u32) {
        let followed = self.shared.followed.load(Ordering::Relaxed);
        if followed && failures <= 2 {
            tracing::warn!(error = %fault.redacted(), "the log cannot be read, trying again");
        } else {
            tracing::debug!(error = %fault.redacted(), "the log cannot be read, trying again");
        }
        self.shared.state().failure = Some((begun, fault.into_error(FOLLOW, Applied::No)));
        self.shared.published();
    }

    /// Until the next poll is due, or a commit is there.
    async fn wait(&mut self, begun: Instant, found: Option<usize>) -> Dropped {
        let gap = self.pace.gap(begun, found.unwrap_or_default());
        if found.is_none() {
            return self.serve_waiting().await;
        }
        let shared = Arc::clone(&self.shared);
        loop {
            // A storage that is not followed is woken by its commits alone.
            let is_followed = shared.followed.load(Ordering::Relaxed);
            let due = begun + shared.pace.poll.max(gap);
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => self.serve(request).await,
                    None => return Dropped::Break(()),
                },
                () = shared.wake.notified() => {
                    sleep_until(begun + gap).await;
                    return Dropped::Continue(());
                }
                () = sleep_until(due), if is_followed => return Dropped::Continue(()),
            }
        }
    }

    async fn serve_waiting(&mut self) -> Dropped {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.serve(request).await,
                Err(mpsc::error::TryRecvError::Empty) => return Dropped::Continue(()),
                Err(mpsc::error::TryRecvError::Disconnected) => return Dropped::Break(()),
            }
        }
    }

    /// After a failure: no follower waits in vain meanwhile.
    async fn pause(&mut self, failures: u32) -> Dropped {
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(end) => return Dropped::Continue(()),
                request = self.requests.recv() => {
                    let Some(request) = request else { return Dropped::Break(()) };
                    let failure = self.shared.state().failure.clone();
                    let error = failure.map_or_else(|| StorageError::unavailable(FOLLOW), |(_, error)| error);
                    // Nobody waits for it any more when the follower has gone.
                    let _ = request.reply.send(Err(error.into()));
                }
            }
        }
    }

    async fn serve(&mut self, request: Request) {
        if request.reply.is_closed() {
            return;
        }
        let limit = self.shared.pace.timeout;
        let reading = timeout(limit, self.read_for(&request)).await;
        let answer = match reading {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) => {
                self.source.disconnect();
                Err(fault.into_error(FOLLOW, Applied::No).into())
            }
            Err(_) => {
                self.source.disconnect();
                Err(late(FOLLOW).into())
            }
        };
        // Nobody waits for it any more when the follower has gone.
        let _ = request.reply.send(answer);
    }

    /// Reads for a follower up to the end of the ring; to the end of the log for one that has come further.
    async fn read_for(&mut self, request: &Request) -> Result<Result<LogBatch, Trouble>, Fault> {
        let Request { place, epoch, is_unverified, limit, .. } = request;
        let end = {
            let state = self.shared.state();
            let ring = state.ring.as_ref().filter(|ring| ring.epoch == *epoch && place.is_within(&ring.newest.ticks));
            ring.map(|ring| (ring.newest.clone(), ring.is_behind))
        };
        let target = end.as_ref().map(|(end, _)| end.ticks.clone());
        let page = self.source.run(&ReadLog { place: place.clone(), target, limit: *limit }).await?;
        if page.epoch != *epoch {
            return Ok(Err(StorageError::new(ErrorKind::Gone, FOLLOW).into()));
        }
        let standing = match page.standing(place) {
            Standing::Restored if *is_unverified => Standing::Gone,
            standing => standing,
        };
        self.note_outlived(&page, Some(standing));
        if let Some(trouble) = refusal(standing, page.epoch) {
            return Ok(Err(trouble));
        }
        let (next, more) = match end {
            Some((end, is_behind)) if !page.more => (end, is_behind),
            _ => (page.next(place), page.more),
        };
        let commits = page.entries.iter().map(|entry| Arc::clone(&entry.commit)).collect();
        Ok(Ok(ring::batch(page.epoch, commits, &next, more)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_less_often_while_many_commits_are_made_and_only_then() {
        let mut now = Instant::now();
        let mut pace = Pace { last: now };
        for (millis, found, expected) in [
            (4, 0, GAP),
            (200, 1, GAP),
            (4, 2, GAP),
            (4, 7, GAP),
            (4, 8, LONG_GAP),
            (20, 40, LONG_GAP),
            // Fewer commits a second than before, and the short time holds again.
            (20, 39, GAP),
            (200, 100, GAP),
            (200, 512, LONG_GAP),
        ] {
            now += Duration::from_millis(millis);
            assert_eq!(pace.gap(now, found), expected, "{found} in {millis} ms");
        }
    }
}
