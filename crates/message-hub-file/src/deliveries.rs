//! The deliveries of one subscription.

use crate::{
    hub::{Events, Shared},
    state::Subscribed,
    writer::Command,
};
use async_trait::async_trait;
use character_message_hub::{
    CloudEvent, Deliveries, Delivery, DeliveryLimits, ErrorKind, HubError, MAX_REASON, NEXT, Receipt, Result, SETTLE,
    Settle, Settlement, Subscription,
};
use std::{collections::HashMap, fmt, sync::Arc, time::Duration};
use tokio::{
    task::{JoinError, JoinHandle},
    time::sleep_until,
};

/// How long a settlement may wait for the disk.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an event that cannot be read waits for the next attempt.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct FileDeliveries {
    shared: Arc<Shared>,
    subscribed: Arc<Subscribed>,
    limits: DeliveryLimits,
    /// A delivery whose event is being read.
    reading: Option<(Receipt, JoinHandle<Result<Events>>)>,
    /// Events that were read together with an earlier one.
    ahead: HashMap<u64, Arc<CloudEvent>>,
}

impl FileDeliveries {
    pub(crate) fn new(shared: Arc<Shared>, subscribed: Arc<Subscribed>, subscription: &Subscription) -> Self {
        Self { shared, subscribed, limits: subscription.limits(), reading: None, ahead: HashMap::new() }
    }

    /// The event of a delivery, out of what was read for it. The rest is kept for the next deliveries.
    fn keep(
        &mut self,
        receipt: Receipt,
        read: std::result::Result<Result<Events>, JoinError>,
    ) -> Result<Option<Arc<CloudEvent>>> {
        let ended = |error| HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT).with_source(error);
        self.ahead = read.map_err(ended)??;
        Ok(self.ahead.remove(&receipt.sequence))
    }

    /// Waits until an event can be delivered.
    async fn receipt(&self) -> Result<Receipt> {
        loop {
            let changed = self.subscribed.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.subscribed.is_removed() {
                let error = HubError::new(ErrorKind::NotFound, NEXT);
                return Err(error.with_detail("the subscription was removed; subscribe again to begin a new one"));
            }
            match self.subscribed.take(&self.limits) {
                Ok(receipt) => return Ok(receipt),
                Err(None) => changed.await,
                Err(Some(at)) => {
                    tokio::select! { () = changed => {} () = sleep_until(at) => {} }
                }
            }
        }
    }
}

impl fmt::Debug for FileDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDeliveries").field("subscription", &self.subscribed.name).finish_non_exhaustive()
    }
}

impl Drop for FileDeliveries {
    fn drop(&mut self) {
        if let Some((receipt, _)) = self.reading.take() {
            // When its time was over, it is delivered again anyway.
            let _ = self.subscribed.put_back(receipt, Duration::ZERO);
        }
    }
}

#[async_trait]
impl Deliveries for FileDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        loop {
            let (receipt, found) = match &mut self.reading {
                Some((receipt, reading)) => {
                    let (receipt, read) = (*receipt, reading.await);
                    self.reading = None;
                    (receipt, self.keep(receipt, read))
                }
                None => {
                    let receipt = self.receipt().await?;
                    match self.shared.cached(receipt.sequence).or_else(|| self.ahead.remove(&receipt.sequence)) {
                        Some(event) => (receipt, Ok(Some(event))),
                        None => {
                            // Kept here, so that a dropped call loses no delivery.
                            self.reading = Some((receipt, self.shared.read_ahead(receipt.sequence)));
                            continue;
                        }
                    }
                }
            };
            match found {
                Ok(Some(event)) => {
                    let settle = FileSettle {
                        shared: Arc::clone(&self.shared),
                        subscribed: Arc::clone(&self.subscribed),
                        settle_within: self.limits.settle_within,
                        receipt,
                    };
                    return Ok(Delivery::new(event, receipt.attempt, Box::new(settle)));
                }
                Ok(None) => {
                    // It has expired, and its row with it. If it is not held any more, the next attempt finds the same.
                    let _ = self.subscribed.settle(receipt, &Settlement::Ack);
                }
                Err(error) => {
                    // When its time was over, it is delivered again anyway.
                    let _ = self.subscribed.put_back(receipt, UNREADABLE_PAUSE);
                    return Err(error);
                }
            }
        }
    }
}

struct FileSettle {
    shared: Arc<Shared>,
    subscribed: Arc<Subscribed>,
    settle_within: Duration,
    receipt: Receipt,
}

impl fmt::Debug for FileSettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSettle").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}

fn lost() -> HubError {
    HubError::new(ErrorKind::DeliveryLost, SETTLE)
}

#[async_trait]
impl Settle for FileSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        let settlement = match settlement {
            // Pauses are in memory alone: after a crash the event is delivered at once.
            Settlement::RetryAfter(_) => {
                return self.subscribed.settle(self.receipt, &settlement).map_err(|_| lost());
            }
            Settlement::Reject(reason) => Settlement::Reject(reason.chars().take(MAX_REASON).collect()),
            Settlement::Ack => Settlement::Ack,
        };
        if let Settlement::Reject(reason) = &settlement {
            let (subscription, sequence) = (&self.subscribed.name, self.receipt.sequence);
            tracing::warn!(%subscription, sequence, reason, "a subscriber rejected an event");
        }
        let (to, receipt) = (Arc::clone(&self.subscribed), self.receipt);
        let settled = |reply| Command::Settle { to, receipt, settlement, reply };
        self.shared.call(SETTLE, SETTLE_TIMEOUT, settled).await?
    }

    async fn put_back(&self) -> Result<()> {
        self.subscribed.put_back(self.receipt, Duration::ZERO).map_err(|_| lost())
    }

    async fn in_progress(&self) -> Result<()> {
        self.subscribed.prolong(self.receipt, self.settle_within).map_err(|_| lost())
    }
}
