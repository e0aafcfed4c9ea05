//! The work of a relay, one step after the other.

mod publishing;
mod reading;

use crate::{
    InvalidOptions, ParkObserver, RelayHandle, RelayOptions, RelayState, WaitReason, backoff::Backoff,
    lease::HeldLease, queue::Queue, status::Shared,
};
use character_error_reporter::redacted;
use character_message_hub::MessageHub;
use character_storage_port::{ConsumerName, Consumers, HolderId, Log, LogCursor, Result};
use std::{convert::Infallible, fmt, future::Future, sync::Arc};
use tokio::time::{Instant, sleep_until, timeout};

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
                Ok(Err(error)) => {
                    tracing::warn!(error = %redacted(&error), "the lease of the relay was not released; it ends by itself")
                }
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
