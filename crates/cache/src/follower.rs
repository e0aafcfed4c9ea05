//! Reads the log, and applies the changes to the cache.

use crate::{
    SharedTier,
    tiers::Tiers,
    witness::{Checkpoint, Witness},
};
use character_storage_port::{
    Epoch, ErrorKind, Log, LogBatch, LogCursor, LoggedCommit, MAX_FOLLOWED, Result, StorageError, Tick,
};
use std::{
    fmt, io,
    ops::Deref,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How often the note in the shared tier is updated.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How often the note is written without news, so that no value of the shared tier outlives it.
const NOTE_AGAIN: Duration = Duration::from_secs(600);
/// The floor that no value of the shared tier exceeds.
const NOTHING_SHARED: Tick = Tick(u64::MAX);
/// Maximum number of past batches to read at a start, to find out which values of the shared tier are current.
const PAST_BATCHES: usize = 10;

/// Reads the log of commits for a [`Cached`](crate::Cached), until that is dropped.
#[must_use = "nothing is cached until the follower is started"]
pub struct Follower {
    log: Arc<dyn Log>,
    tiers: Weak<Tiers>,
    cursor: Option<LogCursor>,
    witness: Witness,
    noted: Option<Instant>,
    /// Whether the note in the shared tier is still unread, because the tier did not respond. Until then none of its
    /// values is valid: they may be of a database that was restored since.
    is_unwitnessed: bool,
    /// Whether the current failure was reported.
    is_failing: bool,
    backoff: Duration,
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Follower {
    pub(crate) fn new(log: Arc<dyn Log>, tiers: &Arc<Tiers>) -> Self {
        Self {
            log,
            tiers: Arc::downgrade(tiers),
            cursor: None,
            witness: Witness::default(),
            noted: None,
            is_unwitnessed: false,
            is_failing: false,
            backoff: BACKOFF.0,
        }
    }

    /// Runs it on a separate thread, so that a process under load still reads the log in time. The log given to
    /// [`Cached::new`](crate::Cached::new) must not depend on the runtime of the requests either: give it a separate
    /// client.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("log-follower".to_owned());
        thread.spawn(move || runtime.block_on(self.run())).map(drop)
    }

    /// Runs it here. Ends when the cache is dropped, or soon after [`Cached::stop_following`](crate::Cached::stop_following).
    pub async fn run(mut self) {
        while let Some(tiers) = self.tiers.upgrade() {
            let stepped = self.step(&tiers).await;
            if tiers.is_ending.load(Ordering::Relaxed) {
                return;
            }
            match stepped {
                Ok(()) => {
                    if std::mem::take(&mut self.is_failing) {
                        tracing::info!("the log of commits is heard again");
                    }
                    self.backoff = BACKOFF.0;
                }
                Err(error) => {
                    tiers.metrics.follow_failed();
                    if !std::mem::replace(&mut self.is_failing, true) {
                        let reason = error.kind().code();
                        tracing::warn!(reason, "the log of commits is not heard; nothing cached counts as current");
                    }
                    drop(tiers);
                    tokio::time::sleep(self.backoff.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
                    self.backoff = (self.backoff * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// One read of the log.
    async fn step(&mut self, tiers: &Tiers) -> Result<()> {
        let Some(cursor) = self.cursor.clone() else { return self.begin(tiers).await };
        let asked = Instant::now();
        match self.log.follow(&cursor, MAX_FOLLOWED, tiers.options.log_wait).await {
            Ok(batch) => {
                self.take(tiers, batch, asked).await;
                Ok(())
            }
            Err(error) if is_gone(&error) => {
                tracing::warn!(epoch = %cursor.epoch(), "the log of commits begins again; everything cached is dropped");
                tiers.metrics.restarted();
                self.cursor = None;
                self.begin(tiers).await
            }
            Err(error) => Err(error),
        }
    }

    async fn take(&mut self, tiers: &Tiers, batch: LogBatch, asked: Instant) {
        let commits = batch.commits.iter().map(Arc::<LoggedCommit>::deref);
        tiers.metrics.told(tiers.table.tell(commits, batch.settled));
        if !batch.more {
            // The moment of the question, not of its answer: a process that was stopped meanwhile finds an old answer.
            tiers.table.hear(asked);
        }
        self.cursor = Some(batch.next.clone());
        // Also when the last commits came in the second after a note and none has come since.
        let is_news = self.witness.last().is_none_or(|last| last.cursor != batch.next);
        let least = if is_news { NOTE_EVERY } else { NOTE_AGAIN };
        if let Some(shared) = &tiers.shared
            && self.is_witnessed(tiers, shared.as_ref(), &batch).await
            && self.noted.is_none_or(|noted| noted.elapsed() >= least)
        {
            self.noted = Some(Instant::now());
            self.witness.note(batch.next, batch.ceiling);
            self.witness.write(shared.as_ref()).await;
        }
    }

    /// Whether the note in the shared tier is read; it is read now if that was not possible before. The storage may lack the
    /// commit that it names.
    async fn is_witnessed(&mut self, tiers: &Tiers, shared: &dyn SharedTier, batch: &LogBatch) -> bool {
        if !self.is_unwitnessed {
            return true;
        }
        let Ok(noted) = Witness::read(shared).await else { return false };
        let last = noted.as_ref().and_then(Witness::last).map(|last| &last.cursor);
        if let Some(last) = last.filter(|last| last.epoch() == batch.next.epoch()) {
            match self.log.follow(last, 1, Duration::ZERO).await {
                Ok(_) => {}
                Err(error) if is_gone(&error) => {
                    self.cursor = None;
                    return false;
                }
                Err(_) => return false,
            }
        }
        self.is_unwitnessed = false;
        tiers.table.listen(batch.next.epoch(), batch.ceiling, batch.ceiling);
        true
    }

    /// Starts at the end of the log, with an empty cache.
    async fn begin(&mut self, tiers: &Tiers) -> Result<()> {
        tiers.table.begin();
        tiers.local.forget_all();
        let noted = match &tiers.shared {
            Some(shared) => Witness::read_soon(shared.as_ref()).await,
            None => Ok(None),
        };
        self.is_unwitnessed = noted.is_err();
        if let Ok(Some(witness)) = noted
            && let Some(last) = witness.last()
        {
            // A storage that lacks the last commit that is known was restored from a backup: it begins a new epoch.
            match self.log.follow(&last.cursor, 1, Duration::ZERO).await {
                Ok(_) => {
                    self.witness = witness.clone();
                    for checkpoint in witness.oldest_first() {
                        if self.begin_at(tiers, checkpoint).await? {
                            return Ok(());
                        }
                    }
                }
                Err(error) if is_gone(&error) => {
                    tracing::info!("the log position that the processes shared is of another storage, or too old");
                }
                Err(error) => return Err(error),
            }
        }
        self.witness = Witness::default();
        let head = self.log.head().await?;
        let asked = Instant::now();
        let batch = self.log.follow(&head, MAX_FOLLOWED, Duration::ZERO).await?;
        let floor = if self.is_unwitnessed { NOTHING_SHARED } else { batch.ceiling };
        self.listen(tiers, (batch.next.epoch(), floor, batch.ceiling), [batch], asked).await;
        Ok(())
    }

    /// Starts at an earlier position, unless it is too old. Returns whether it did.
    async fn begin_at(&mut self, tiers: &Tiers, checkpoint: &Checkpoint) -> Result<bool> {
        let (mut batches, mut cursor) = (Vec::new(), checkpoint.cursor.clone());
        for _ in 0..PAST_BATCHES {
            let asked = Instant::now();
            let batch = match self.log.follow(&cursor, MAX_FOLLOWED, Duration::ZERO).await {
                Ok(batch) => batch,
                Err(error) if is_gone(&error) => return Ok(false),
                Err(error) => return Err(error),
            };
            cursor = batch.next.clone();
            let more = batch.more;
            batches.push(batch);
            if !more {
                self.listen(tiers, (checkpoint.cursor.epoch(), checkpoint.ceiling, checkpoint.ceiling), batches, asked)
                    .await;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn listen(
        &mut self,
        tiers: &Tiers,
        (epoch, floor, told_from): (Epoch, Tick, Tick),
        batches: impl IntoIterator<Item = LogBatch>,
        asked: Instant,
    ) {
        // What was loaded before the place was known may lack a change that is not told behind it.
        tiers.table.begin_to_listen();
        // Once: what a batch tells may raise the floor.
        tiers.table.listen(epoch, floor, told_from);
        for batch in batches {
            self.take(tiers, batch, asked).await;
        }
    }
}

fn is_gone(error: &StorageError) -> bool {
    *error.kind() == ErrorKind::Gone
}
