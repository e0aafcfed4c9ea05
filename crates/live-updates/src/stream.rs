//! The stream of one client.

use crate::{
    feed::{ReadBatch, Shared, Told},
    update::LiveUpdate,
};
use character_domain::{CampaignId, CharacterId};
use character_storage_port::{ErrorKind, LogCursor, Result};
use futures_util::future::BoxFuture;
use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::{Instant, sleep_until},
};
use uuid::Uuid;

/// The longest silence of a stream.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// The maximum number of batches that a stream reads to reach the present; one that is further behind is reset.
const MOST_BATCHES: usize = 20;
/// How long the updates that were read from the past are recognised when the feed reports them too.
const OVERLAP: Duration = Duration::from_secs(60);
/// The pause after a failed read of the past.
const PAUSE: Duration = Duration::from_millis(500);
/// A client that was disconnected returns within this range, so that not all return at once. In milliseconds.
const RETURN_WITHIN: std::ops::Range<u64> = 1_000..10_000;

/// What a stream reports: the updates of these characters, and those of these campaigns and their characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Characters whose changes are reported.
    pub characters: HashSet<CharacterId>,
    /// Campaigns whose changes, and those of their characters, are reported.
    pub campaigns: HashSet<CampaignId>,
}

impl Interest {
    /// Whether the stream reports this update.
    #[must_use]
    pub fn includes(&self, update: &LiveUpdate) -> bool {
        update.character.is_some_and(|character| self.characters.contains(&character))
            || update.campaigns.iter().any(|campaign| self.campaigns.contains(campaign))
    }
}

/// One item of a stream. An `id` is a position to resume from.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveItem {
    /// The stream is open: what is read from now on is at least as new as the position.
    Hello {
        /// The position.
        id: LogCursor,
    },
    /// Something changed.
    Update {
        /// The position behind it; `None` in the middle of a batch.
        id: Option<LogCursor>,
        /// The change.
        update: LiveUpdate,
    },
    /// Updates may be missing: the position is too old, or the storage was restored. Read everything again.
    Reset {
        /// The position that the stream continues from.
        id: LogCursor,
    },
    /// Nothing happened for [`HEARTBEAT`].
    Heartbeat,
    /// The process stops. It is the last item.
    End {
        /// When to connect again.
        retry: Duration,
    },
}

/// Where the stream reads.
enum Place {
    /// In the log, behind `position`, until it reaches the present. A read lasts over heartbeats.
    Past { batches: usize, not_before: Option<Instant>, reading: Option<BoxFuture<'static, Result<ReadBatch>>> },
    /// What the feed reports.
    Present,
}

/// The updates for one client.
pub struct LiveStream {
    shared: Arc<Shared>,
    interest: Interest,
    told: broadcast::Receiver<Told>,
    closing: watch::Receiver<bool>,
    position: LogCursor,
    place: Place,
    items: VecDeque<LiveItem>,
    /// Updates that were read from the past, and may still be reported by the feed.
    seen: HashSet<Uuid>,
    seen_until: Instant,
    next_heartbeat: Instant,
    has_ended: bool,
}

impl fmt::Debug for LiveStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveStream").field("position", &self.position).finish_non_exhaustive()
    }
}

/// What woke the stream.
enum Woken {
    Closing,
    Silence,
    Past(Result<ReadBatch>),
    Present(Result<Told, RecvError>),
}

impl LiveStream {
    pub(crate) fn new(
        shared: Arc<Shared>,
        interest: Interest,
        told: broadcast::Receiver<Told>,
        closing: watch::Receiver<bool>,
        current: LogCursor,
        resume: Option<LogCursor>,
    ) -> Self {
        shared.metrics.streams.inc();
        let place = match &resume {
            Some(_) => Place::past(),
            None => Place::Present,
        };
        let position = resume.unwrap_or(current);
        let now = Instant::now();
        Self {
            items: VecDeque::from([LiveItem::Hello { id: position.clone() }]),
            shared,
            interest,
            told,
            closing,
            position,
            place,
            seen: HashSet::new(),
            seen_until: now,
            next_heartbeat: now + HEARTBEAT,
            has_ended: false,
        }
    }

    /// The next item; `None` after [`LiveItem::End`].
    ///
    /// # Cancel safety
    /// May be dropped at any point; nothing is lost.
    pub async fn next(&mut self) -> Option<LiveItem> {
        loop {
            if let Some(item) = self.items.pop_front() {
                self.next_heartbeat = Instant::now() + HEARTBEAT;
                if let LiveItem::Update { .. } = item {
                    self.shared.metrics.updates.inc();
                }
                return Some(item);
            }
            if self.has_ended {
                return None;
            }
            match self.woken().await {
                Woken::Closing => {
                    self.has_ended = true;
                    let retry = Duration::from_millis(rand::random_range(RETURN_WITHIN));
                    self.items.push_back(LiveItem::End { retry });
                }
                Woken::Silence => self.items.push_back(LiveItem::Heartbeat),
                Woken::Past(read) => self.take_past(read),
                Woken::Present(told) => self.take_present(told),
            }
        }
    }

    async fn woken(&mut self) -> Woken {
        let (closing, is_present) = (&mut self.closing, matches!(self.place, Place::Present));
        let closed = async {
            // A feed that is gone is closed too.
            drop(closing.wait_for(|closing| *closing).await);
        };
        tokio::select! {
            biased;
            () = closed => Woken::Closing,
            () = sleep_until(self.next_heartbeat) => Woken::Silence,
            read = past(&self.shared, &self.position, &mut self.place) => Woken::Past(read),
            told = self.told.recv(), if is_present => Woken::Present(told),
        }
    }

    fn take_past(&mut self, read: Result<ReadBatch>) {
        let Place::Past { batches, not_before, reading } = &mut self.place else { return };
        *reading = None;
        match read {
            Ok((batch, updates)) => {
                *batches += 1;
                let is_too_far = batch.more && *batches >= MOST_BATCHES;
                let is_done = !batch.more;
                match updates {
                    Some(updates) if !is_too_far => {
                        self.seen.extend(updates.iter().map(|update| update.id));
                        self.position = batch.next;
                        self.push(&updates);
                        if is_done {
                            self.seen_until = Instant::now() + OVERLAP;
                            self.place = Place::Present;
                        }
                    }
                    _ => self.reset(),
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Gone | ErrorKind::Invalid(_)) => self.reset(),
            Err(_) => {
                self.shared.metrics.failures.inc();
                *not_before = Some(Instant::now() + PAUSE);
            }
        }
    }

    fn take_present(&mut self, told: Result<Told, RecvError>) {
        match told {
            Ok(Told::Updates { updates, next }) => {
                self.position = next;
                if !self.seen.is_empty() && Instant::now() >= self.seen_until {
                    self.seen = HashSet::new();
                }
                self.push_unseen(&updates);
            }
            Ok(Told::Reset { next }) => {
                self.position = next.clone();
                self.shared.metrics.resets.inc();
                self.items.push_back(LiveItem::Reset { id: next });
            }
            // The log still has what the feed has dropped.
            Err(RecvError::Lagged(_)) => self.place = Place::past(),
            Err(RecvError::Closed) => self.has_ended = true,
        }
    }

    /// Continues with what the feed reports, and tells the client that updates may be missing.
    fn reset(&mut self) {
        self.place = Place::Present;
        self.shared.metrics.resets.inc();
        let current = self.shared.position();
        self.position = current.clone().unwrap_or_else(|| self.position.clone());
        self.items.push_back(LiveItem::Reset { id: self.position.clone() });
    }

    fn push_unseen(&mut self, updates: &[LiveUpdate]) {
        if self.seen.is_empty() {
            return self.push(updates);
        }
        let unseen: Vec<_> = updates.iter().filter(|update| !self.seen.contains(&update.id)).cloned().collect();
        self.push(&unseen);
    }

    /// Queues those of interest. The last one carries the position.
    fn push(&mut self, updates: &[LiveUpdate]) {
        let mut of_interest = updates.iter().filter(|update| self.interest.includes(update)).peekable();
        while let Some(update) = of_interest.next() {
            let id = of_interest.peek().is_none().then(|| self.position.clone());
            self.items.push_back(LiveItem::Update { id, update: update.clone() });
        }
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.shared.metrics.streams.dec();
    }
}

impl Place {
    fn past() -> Self {
        Self::Past { batches: 0, not_before: None, reading: None }
    }
}

/// The next batch of the past; never, for a stream that is in the present.
async fn past(shared: &Arc<Shared>, position: &LogCursor, place: &mut Place) -> Result<ReadBatch> {
    let Place::Past { not_before, reading, .. } = place else { return std::future::pending().await };
    let read = reading.get_or_insert_with(|| {
        // The client may have made up the first position, and what is read from there depends on it.
        let (shared, after, not_before) = (Arc::clone(shared), position.clone().unverified(), *not_before);
        Box::pin(async move {
            if let Some(at) = not_before {
                sleep_until(at).await;
            }
            shared.read(&after, Duration::ZERO).await
        })
    });
    read.await
}
