//! Reads the log once for all streams of a process.

use crate::{
    Interest, LiveMetrics, LiveStream,
    update::{LiveUpdate, updates},
};
use character_domain::{Character, CharacterId};
use character_storage_port::{
    Deleted, ErrorKind, FOLLOW, LogBatch, LogCursor, MAX_FOLLOWED, Result, StorageError, StoragePort, Store,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::{sleep, timeout},
};

/// The number of batches that a stream may be behind; one that is further behind reads the log by itself.
const BATCHES_KEPT: usize = 256;
/// How long one read of the log waits for a commit.
const WAIT: Duration = Duration::from_secs(20);
/// How long a new stream waits for the first read of the log.
const OPENING: Duration = Duration::from_secs(5);
/// The number of characters that are read at the same time.
const READ_AT_ONCE: usize = 16;
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What the feed reports to every stream.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// These changed; `next` is the position behind them.
    Updates { updates: Arc<[LiveUpdate]>, next: LogCursor },
    /// Anything may have changed; `next` is where the feed continues.
    Reset { next: LogCursor },
}

/// A batch of the log, and its updates. `None`: anything may have changed.
pub(crate) type ReadBatch = (LogBatch, Option<Vec<LiveUpdate>>);

/// Live updates for every stream of a process. Cheap to clone.
#[derive(Clone)]
pub struct LiveUpdates {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn StoragePort>,
    pub(crate) metrics: LiveMetrics,
    told: broadcast::Sender<Told>,
    /// The position up to which the feed has reported; `None` while no task reads the log.
    position: watch::Sender<Option<LogCursor>>,
    closing: watch::Sender<bool>,
    is_following: Mutex<bool>,
}

impl fmt::Debug for LiveUpdates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveUpdates").field("streams", &self.shared.metrics.streams.get()).finish_non_exhaustive()
    }
}

impl LiveUpdates {
    /// The updates of the log of this storage. Nothing is read before the first stream is opened. It must be the storage itself, without a
    /// cache: a commit that does not write the row of its character does not say to which campaign that belongs, so the row is read.
    #[must_use]
    pub fn new(storage: Arc<dyn StoragePort>) -> Self {
        let shared = Shared {
            storage,
            metrics: LiveMetrics::default(),
            told: broadcast::Sender::new(BATCHES_KEPT),
            position: watch::Sender::new(None),
            closing: watch::Sender::new(false),
            is_following: Mutex::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Its metrics.
    #[must_use]
    pub fn metrics(&self) -> &LiveMetrics {
        &self.shared.metrics
    }

    /// A stream of the updates that `interest` names, from now on, or from a position that an earlier stream had, in this
    /// process or another.
    ///
    /// # Errors
    /// `Unavailable`: the log could not be read within 5 s.
    pub async fn open(&self, interest: Interest, resume: Option<LogCursor>) -> Result<LiveStream> {
        // Subscribed before the position is read, so that nothing lies between the two.
        let told = self.shared.told.subscribe();
        self.ensure_following();
        let mut position = self.shared.position.subscribe();
        let begun = timeout(OPENING, position.wait_for(Option::is_some)).await;
        let current = begun.ok().and_then(Result::ok).and_then(|position| position.clone());
        let Some(current) = current else {
            return Err(StorageError::unavailable(FOLLOW).with_detail("the log of commits cannot be read now"));
        };
        let closing = self.shared.closing.subscribe();
        Ok(LiveStream::new(Arc::clone(&self.shared), interest, told, closing, current, resume))
    }

    /// Ends every stream, and every one that is opened later.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    fn ensure_following(&self) {
        let mut is_following = self.shared.is_following.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_following {
            *is_following = true;
            self.shared.position.send_replace(None);
            tokio::spawn(follow(Arc::clone(&self.shared)));
        }
    }
}

impl Shared {
    /// Whether the last stream is gone, so that no client needs the log. Then the next stream starts the feed again.
    fn ends_unheard(&self) -> bool {
        let mut is_following = self.is_following.lock().unwrap_or_else(PoisonError::into_inner);
        *is_following = self.told.receiver_count() > 0;
        !*is_following
    }

    /// The position up to which the feed has reported.
    pub(crate) fn position(&self) -> Option<LogCursor> {
        self.position.borrow().clone()
    }

    /// The next batch of the log.
    pub(crate) async fn read(&self, after: &LogCursor, wait: Duration) -> Result<ReadBatch> {
        let batch = self.storage.follow(after, MAX_FOLLOWED, wait).await?;
        let updates = self.updates_of(&batch).await?;
        Ok((batch, updates))
    }

    /// The updates that these commits imply. `None`: one of them may have changed anything.
    async fn updates_of(&self, batch: &LogBatch) -> Result<Option<Vec<LiveUpdate>>> {
        let each: Option<Vec<_>> = batch.commits.iter().map(|commit| updates(commit)).collect();
        let Some(each) = each else { return Ok(None) };
        let mut all: Vec<_> = each.into_iter().flatten().collect();
        let without_row: HashSet<_> = all.iter().filter_map(LiveUpdate::of_character_alone).collect();
        let read = stream::iter(without_row).map(|id| async move {
            match Store::<Character>::find(self.storage.as_ref(), id, Deleted::Include).await {
                Ok(found) => Ok((id, found.value.and_then(|character| character.campaign_id))),
                Err(error) if error.is_outage() => Err(error),
                // Neither can a reader of the campaign read it. What others wait for does not wait for an operator.
                Err(error) => {
                    let reason = error.kind().code();
                    tracing::warn!(character = %id, reason, "streams of the campaign of a character do not report it: it cannot be read");
                    Ok((id, None))
                }
            }
        });
        let campaigns: HashMap<CharacterId, _> = read.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        for update in &mut all {
            if let Some(character) = update.of_character_alone() {
                update.campaigns.extend(campaigns.get(&character).copied().flatten());
            }
        }
        Ok(Some(all))
    }

    fn tell(&self, updates: Option<Vec<LiveUpdate>>, next: LogCursor) {
        let told = match updates {
            Some(updates) => Told::Updates { updates: updates.into(), next: next.clone() },
            None => Told::Reset { next: next.clone() },
        };
        // Without a receiver the feed is about to end.
        drop(self.told.send(told));
        self.position.send_replace(Some(next));
    }
}

/// Reads the log while there is a stream.
async fn follow(shared: Arc<Shared>) {
    let mut cursor: Option<LogCursor> = None;
    let mut backoff = BACKOFF.0;
    let mut is_lost = false;
    while !shared.ends_unheard() {
        let step = match &cursor {
            None => shared.storage.head().await.map(Step::Begun),
            Some(after) => shared.read(after, WAIT).await.map(Step::Read),
        };
        match step {
            Ok(Step::Begun(head)) => {
                if std::mem::take(&mut is_lost) {
                    drop(shared.told.send(Told::Reset { next: head.clone() }));
                }
                shared.position.send_replace(Some(head.clone()));
                cursor = Some(head);
            }
            Ok(Step::Read((batch, updates))) => {
                backoff = BACKOFF.0;
                cursor = Some(batch.next.clone());
                shared.tell(updates, batch.next);
            }
            Err(error) if *error.kind() == ErrorKind::Gone => {
                tracing::warn!("the log of commits begins again; live streams are reset");
                (cursor, is_lost) = (None, true);
            }
            Err(error) => {
                shared.metrics.failures.inc();
                tracing::debug!(reason = error.kind().code(), "the log of commits cannot be read for live updates");
                sleep(backoff.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
                backoff = (backoff * 2).min(BACKOFF.1);
            }
        }
    }
}

enum Step {
    Begun(LogCursor),
    Read(ReadBatch),
}
