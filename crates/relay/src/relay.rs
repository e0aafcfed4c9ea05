//! The work of a relay, one step after the other.

use crate::{
    InvalidOptions, ParkObserver, RelayHandle, RelayOptions, RelayState, WaitReason,
    backoff::Backoff,
    lease::HeldLease,
    queue::{Outcome, Queue},
    status::Shared,
};
use character_message_hub::{ErrorKind as HubErrorKind, HubError, MessageHub, PUBLISH};
use character_storage_port::{
    ConsumerName, Consumers, ErrorKind, FOLLOW, HolderId, Leased, Log, LogBatch, LogCursor, MAX_FOLLOWED, MAX_PARKED,
    Result, StorageError,
};
use std::{convert::Infallible, fmt, future::Future, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How much longer than its timeout a call of the hub may take, before its outcome counts as unknown.
const GRACE: Duration = Duration::from_millis(500);

/// What a relay needs of a storage.
pub trait CommitSource: Log + Consumers {}

impl<S: Log + Consumers + ?Sized> CommitSource for S {}

/// Publishes the events of a log of commits to a hub. See the [crate](crate) for what it promises.
pub struct Relay {
    storage: Arc<dyn CommitSource>,
    hub: Arc<dyn MessageHub>,
    options: RelayOptions,
    observer: Option<Arc<dyn ParkObserver>>,
    shared: Arc<Shared>,
    holder: HolderId,
    lease: Option<HeldLease>,
    /// No lease is asked for before.
    away_until: Instant,
    /// Where the log continues.
    cursor: Option<LogCursor>,
    /// Parked events that an operator has marked. They are published first.
    replays: Queue,
    /// The events of the last batch of the log.
    events: Queue,
    /// Where the durable cursor moves to when `events` is empty.
    batch_end: Option<LogCursor>,
    /// Where the durable cursor is to be moved to, and when.
    passed: Option<(LogCursor, Instant)>,
    /// Since when, and why, the hub takes no events.
    hub_failing: Option<(Instant, WaitReason)>,
    hub_backoff: Backoff,
    /// Nothing is published before.
    publish_after: Instant,
    is_storage_failing: bool,
    storage_backoff: Backoff,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (options, hub) = (&self.options, &self.hub);
        f.debug_struct("Relay").field("options", options).field("hub", hub).finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay from this storage to this hub. It does nothing until it [runs](Self::run).
    ///
    /// # Errors
    /// As [`RelayOptions::check`].
    pub fn new(
        storage: impl CommitSource + 'static,
        hub: Arc<dyn MessageHub>,
        options: RelayOptions,
    ) -> Result<Self, InvalidOptions> {
        options.check()?;
        let backoff = || Backoff::new(options.first_pause, options.longest_pause);
        Ok(Self {
            storage: Arc::new(storage),
            hub,
            observer: None,
            shared: Arc::default(),
            holder: HolderId::new(),
            lease: None,
            away_until: Instant::now(),
            cursor: None,
            replays: Queue::default(),
            events: Queue::default(),
            batch_end: None,
            passed: None,
            hub_failing: None,
            hub_backoff: backoff(),
            publish_after: Instant::now(),
            is_storage_failing: false,
            storage_backoff: backoff(),
            options,
        })
    }

    /// Calls this observer for each event that is parked.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn ParkObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The handle for status and metrics.
    #[must_use]
    pub fn handle(&self) -> RelayHandle {
        RelayHandle(Arc::clone(&self.shared))
    }

    /// Publishes until `stop` is ready. Then it moves the durable cursor past what was published and releases the lease, in
    /// at most [`RelayOptions::stop_within`].
    ///
    /// # Cancel safety
    /// May be dropped at any point: no event is lost, and the last ones may be published again. The lease then ends by
    /// itself.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            never = self.work() => match never {},
            () = stop => {}
        }
        self.finish().await;
    }

    async fn work(&mut self) -> Infallible {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(error) => self.storage_failed(&error).await,
            }
        }
    }

    /// The most urgent work. Returns after one call of storage or hub, or one pause.
    async fn step(&mut self) -> Result<()> {
        let now = Instant::now();
        let lease = match &self.lease {
            Some(lease) if self.cursor.is_some() && now < lease.prolong_at && lease.permits_work() => lease.clone(),
            _ => return self.take_lease().await,
        };
        if let Some((cursor, due)) = &self.passed
            && *due <= now
        {
            let cursor = cursor.clone();
            return self.advance(&lease, &cursor).await;
        }
        if !self.replays.is_empty() || !self.events.is_empty() {
            if now < self.publish_after {
                sleep_until(self.publish_after.min(lease.prolong_at)).await;
                return Ok(());
            }
            return self.publish(&lease).await;
        }
        self.follow(&lease).await
    }

    async fn take_lease(&mut self) -> Result<()> {
        sleep_until(self.away_until).await;
        let asked = Instant::now();
        let consumer = &self.options.consumer;
        let Some(leased) = self.storage.lease(consumer, self.holder, self.options.lease).await? else {
            self.storage_answered();
            self.drop_lease();
            self.hub_failing = None;
            self.shared.enter(RelayState::Standby, None);
            sleep(self.options.standby_pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            return Ok(());
        };
        self.keep(leased, asked);
        // A storage that failed works again when more than this works.
        if !self.is_storage_failing {
            self.enter_working();
        }
        Ok(())
    }

    fn keep(&mut self, leased: Leased, asked: Instant) {
        let Leased { token, cursor, replays } = leased;
        if self.lease.as_ref().is_none_or(|held| held.token != token) {
            self.drop_lease();
        }
        self.cursor.get_or_insert(cursor);
        let mut lease = HeldLease::new(token, asked, self.options.lease, self.options.headroom);
        if replays.len() >= MAX_PARKED {
            // More of them come with the next lease, when these are discarded.
            lease.prolong_at = lease.prolong_at.min(asked + self.options.standby_pause);
        }
        self.lease = Some(lease);
        self.replays.set_replays(replays);
    }

    /// Forgets everything that the lease gave a right to.
    fn drop_lease(&mut self) {
        self.lease = None;
        self.replays.clear();
        self.forget_log();
    }

    fn forget_log(&mut self) {
        (self.cursor, self.batch_end, self.passed) = (None, None, None);
        self.events.clear();
        self.shared.set_pending(0, None);
    }

    async fn follow(&mut self, lease: &HeldLease) -> Result<()> {
        let Some(cursor) = self.cursor.clone() else { return Ok(()) };
        let due = self.passed.as_ref().map_or(lease.prolong_at, |(_, due)| lease.prolong_at.min(*due));
        let wait = match self.is_storage_failing {
            true => Duration::ZERO,
            false => due.saturating_duration_since(Instant::now()),
        };
        let followed = timeout_at(lease.work_until, self.storage.follow(&cursor, MAX_FOLLOWED, wait)).await;
        let batch = followed.unwrap_or_else(|_| Err(StorageError::new(ErrorKind::Timeout, FOLLOW)))?;
        self.storage_answered();
        self.take(batch);
        Ok(())
    }

    fn take(&mut self, batch: LogBatch) {
        self.cursor = Some(batch.next.clone());
        if batch.commits.is_empty() {
            return;
        }
        batch.commits.iter().for_each(|commit| self.events.push_commit(commit));
        self.batch_end = Some(batch.next);
        self.batch_done_if_empty();
    }

    fn batch_done_if_empty(&mut self) {
        self.shared.set_pending(self.events.len(), self.events.oldest());
        if self.events.is_empty()
            && let Some(end) = self.batch_end.take()
        {
            let due = self.passed.take().map_or_else(|| Instant::now() + self.options.advance_every, |(_, due)| due);
            self.passed = Some((end, due));
        }
    }

    async fn advance(&mut self, lease: &HeldLease, to: &LogCursor) -> Result<()> {
        self.storage.advance(&lease.token, to).await?;
        self.passed = None;
        self.storage_answered();
        Ok(())
    }

    /// Publishes one batch: replays first.
    async fn publish(&mut self, lease: &HeldLease) -> Result<()> {
        let source = Arc::clone(&self.options.source);
        self.next_queue().prepare(&source);
        self.park(lease).await?;
        let messages = self.next_queue().messages();
        if !messages.is_empty() {
            let left = lease.work_until.saturating_duration_since(Instant::now());
            let limit = self.options.publish_timeout.min(left);
            let started = Instant::now();
            let results = match timeout(limit + GRACE, self.hub.publish(&messages, limit)).await {
                Ok(results) if results.len() == messages.len() => results,
                Ok(_) => vec![Err(wrong_number()); messages.len()],
                Err(_) => vec![Err(HubError::new(HubErrorKind::Timeout, PUBLISH)); messages.len()],
            };
            self.shared.counters.duration.observe(started.elapsed().as_secs_f64());
            let max_refusals = self.options.max_refusals;
            let outcome = self.next_queue().settle(results, max_refusals);
            self.count(&outcome);
            self.judge_hub(&outcome);
            self.discard(lease, &outcome).await?;
        }
        self.batch_done_if_empty();
        self.hand_over_if_failing().await
    }

    fn next_queue(&mut self) -> &mut Queue {
        if self.replays.is_empty() { &mut self.events } else { &mut self.replays }
    }

    /// Parks the events of the next batch that the hub never takes.
    async fn park(&mut self, lease: &HeldLease) -> Result<()> {
        while let Some((index, item)) = self.next_queue().to_park() {
            let (Some(event), Some(verdict)) = (item.event().cloned(), item.verdict.clone()) else {
                self.next_queue().remove(index);
                continue;
            };
            self.storage.park(&lease.token, &event, &verdict.reason).await?;
            self.storage_answered();
            self.next_queue().remove(index);
            self.shared.counters.parked.inc();
            let (id, event_type, subject, reason) = (event.id, &event.event_type, event.subject, &verdict.reason);
            tracing::error!(%id, %event_type, %subject, reason, "an event was parked; later events are published");
            if let Some(observer) = &self.observer {
                observer.parked(&event, reason, verdict.error.as_ref());
            }
        }
        Ok(())
    }

    /// Removes the parked events that were replayed.
    async fn discard(&mut self, lease: &HeldLease, outcome: &Outcome) -> Result<()> {
        if outcome.replayed.is_empty() {
            return Ok(());
        }
        self.shared.counters.replayed.inc_by(outcome.replayed.len() as u64);
        // Without the lease they are left: the next holder repeats them under the same message ids.
        if lease.permits_work() {
            self.storage.discard(&self.options.consumer, &outcome.replayed).await?;
            tracing::info!(events = outcome.replayed.len(), "parked events were replayed");
        }
        Ok(())
    }

    fn count(&self, outcome: &Outcome) {
        let counters = &self.shared.counters;
        counters.published.inc_by(outcome.published);
        counters.duplicates.inc_by(outcome.duplicates);
        outcome.failures.iter().for_each(|code| counters.failed(code));
    }

    fn judge_hub(&mut self, outcome: &Outcome) {
        let now = Instant::now();
        if let Some(error) = &outcome.trouble {
            let reason = WaitReason::of(error);
            let since = self.hub_failing.map_or(now, |(since, _)| since);
            // A hub that takes some events works for another process too.
            let since = if outcome.published > 0 { now } else { since };
            self.hub_failing = Some((since, reason));
            self.publish_after = now + self.hub_backoff.next(error.retry_after());
            self.shared.enter(RelayState::WaitingForHub(reason), Some(error.to_string()));
            return;
        }
        self.hub_failing = None;
        self.hub_backoff.reset();
        self.enter_working();
        if let Some(refusals) = outcome.refusals {
            self.publish_after = now + self.hub_backoff.after(refusals - 1);
        }
    }

    /// Releases the lease when the hub has failed for long, since another process may reach the hub.
    async fn hand_over_if_failing(&mut self) -> Result<()> {
        let Some((since, reason)) = self.hub_failing else { return Ok(()) };
        if since.elapsed() < self.options.hand_over_after {
            return Ok(());
        }
        self.hub_failing = Some((Instant::now(), reason));
        if let Some(lease) = self.lease.take() {
            self.drop_lease();
            self.away_until = Instant::now() + self.options.standby_pause * 2;
            self.storage.release(&lease.token).await?;
        }
        Ok(())
    }

    async fn storage_failed(&mut self, error: &StorageError) {
        match error.kind() {
            ErrorKind::LeaseLost => {
                tracing::info!("relay of events: the lease was lost; another process has it");
                self.drop_lease();
                return sleep(self.storage_backoff.next(None)).await;
            }
            ErrorKind::Gone => {
                let message = "relay of events: the log of commits begins again, as after a restored backup; publishing \
                               continues with the oldest commit that is kept and was not passed";
                tracing::warn!("{message}");
                self.shared.counters.log_restarts.inc();
                self.forget_log();
            }
            _ => self.shared.enter(RelayState::WaitingForStorage, Some(error.to_string())),
        }
        self.is_storage_failing = true;
        sleep(self.storage_backoff.next(error.retry_after())).await;
    }

    fn storage_answered(&mut self) {
        self.storage_backoff.reset();
        if std::mem::take(&mut self.is_storage_failing) {
            self.enter_working();
        }
    }

    /// The state of a relay that has the lease, or is about to have it.
    fn enter_working(&self) {
        match self.hub_failing {
            Some((_, reason)) => {
                let state = RelayState::WaitingForHub(reason);
                if self.shared.observed().state != state {
                    self.shared.enter(state, None);
                }
            }
            None if self.lease.is_some() => self.shared.enter(RelayState::Publishing, None),
            None => {}
        }
    }

    async fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            let (storage, passed) = (&self.storage, &self.passed);
            let release = async {
                if let Some((cursor, _)) = passed {
                    storage.advance(&lease.token, cursor).await?;
                }
                storage.release(&lease.token).await
            };
            match timeout(self.options.stop_within, release).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the lease of the relay was not released; it ends by itself"),
                Err(_) => tracing::warn!("the lease of the relay was not released in time; it ends by itself"),
            }
        }
        self.shared.set_pending(0, None);
        self.shared.enter(RelayState::Stopped, None);
    }

    /// The consumer of the log.
    #[must_use]
    pub fn consumer(&self) -> &ConsumerName {
        &self.options.consumer
    }
}

fn wrong_number() -> HubError {
    HubError::new(HubErrorKind::Corrupt, PUBLISH).with_detail("the hub did not return one result for each event")
}
