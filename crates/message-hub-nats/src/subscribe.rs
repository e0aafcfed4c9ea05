//! The deliveries of a subscription, and how they are settled.

use crate::{
    feed::{Feed, Received},
    feeds::Running,
    lane::Receipt,
    link::Sent,
};
use async_nats::Subject;
use bytes::Bytes;
use character_message_hub::{
    Deliveries, Delivery, DeliveryLimits, ErrorKind, HubError, MAX_REASON, NotHeld, Result, SETTLE, Settle, Settlement,
    Subscription, async_trait,
};
use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// The limit of one settlement.
const LIMIT: Duration = Duration::from_secs(5);

/// A subscriber.
pub(crate) struct NatsDeliveries {
    running: Arc<Running>,
    limits: DeliveryLimits,
}

impl fmt::Debug for NatsDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsDeliveries").field("feed", &self.running.feed).finish_non_exhaustive()
    }
}

impl NatsDeliveries {
    /// A subscriber of a feed with the limits of its own subscription.
    pub(crate) fn new(running: Arc<Running>, subscription: &Subscription) -> Self {
        Self { running, limits: subscription.limits() }
    }

    fn take(&self) -> Option<Delivery> {
        let feed = &self.running.feed;
        let (receipt, received) = {
            let mut held = feed.held();
            // What has arrived since the gate was closed is not taken: it arrives under the same lock.
            if feed.is_gated() {
                return None;
            }
            held.take(Instant::now(), &self.limits)?
        };
        feed.nudged.notify_one();
        let settle = NatsSettle { feed: Arc::clone(feed), receipt };
        Some(Delivery::new(Arc::clone(&received.event), receipt.attempt, Box::new(settle)))
    }
}

#[async_trait]
impl Deliveries for NatsDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        loop {
            let changed = self.running.feed.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(error) = self.running.feed.fault() {
                return Err(error);
            }
            if let Some(delivery) = self.take() {
                return Ok(delivery);
            }
            changed.await;
        }
    }
}

struct NatsSettle {
    feed: Arc<Feed>,
    receipt: Receipt,
}

impl fmt::Debug for NatsSettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSettle").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}

fn lost(_: NotHeld) -> HubError {
    HubError::new(ErrorKind::DeliveryLost, SETTLE)
}

impl NatsSettle {
    /// Sends a settlement and waits until JetStream has it.
    async fn confirm(&self, address: Subject, word: &'static str) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        self.feed.link.ready(SETTLE, deadline).await?;
        // While it waited, the consumer may have been created again.
        if !self.feed.held().is_settling(self.receipt) {
            return Err(lost(NotHeld));
        }
        let payload = Bytes::from_static(word.as_bytes());
        let limited = |error: HubError| error.within("the limit of settling", LIMIT);
        let unavailable = || HubError::new(ErrorKind::Unavailable { retry_after: None }, SETTLE);
        match self.feed.link.call(SETTLE, address, None, payload, deadline).await.map_err(limited)? {
            Sent::Reply(_) => Ok(()),
            Sent::NoResponder => Err(unavailable().with_detail("the subscription is not there any more")),
            Sent::Lost => Err(unavailable()),
            Sent::Late => Err(HubError::new(ErrorKind::Timeout, SETTLE).within("the limit of settling", LIMIT)),
        }
    }

    async fn finish(&self, address: Subject, received: &Received, rejected: Option<&str>) -> Result<()> {
        let Some(reason) = rejected else { return self.confirm(address, "+ACK").await };
        self.feed.keep_rejected(received, reason).await?;
        self.confirm(address, "+TERM").await
    }

    /// Settles for ever. When this is dropped before its end, the outcome is unknown.
    async fn settle_finally(&self, rejected: Option<&str>) -> Result<()> {
        let (address, received) = self.feed.held().begin(self.receipt, Instant::now()).map_err(lost)?;
        let mut unknown = Unknown { settle: self, armed: true };
        let finished = self.finish(address, &received, rejected).await;
        if finished.is_ok() {
            unknown.armed = false;
            self.feed.held().settled(self.receipt, Instant::now());
        }
        drop(unknown);
        self.feed.changed.notify_waiters();
        self.feed.nudged.notify_one();
        finished
    }

    /// The event waits here again.
    async fn waits(&self, address: Subject) -> Result<()> {
        self.feed.changed.notify_waiters();
        self.feed.nudged.notify_one();
        if self.feed.ended.load(Ordering::Acquire) {
            // It is delivered again at once, by the next subscriber.
            self.feed.held().release(Instant::now());
            return self.send(address, b"-NAK").await;
        }
        // When JetStream does not hear of it now, the pump repeats it.
        self.send(address, b"+WPI").await
    }

    /// Sends a word for which no answer is needed.
    async fn send(&self, address: Subject, word: &'static [u8]) -> Result<()> {
        let sent = timeout(LIMIT, self.feed.link.client.publish(address, Bytes::from_static(word))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, SETTLE).with_source(error))
            }
            Err(_) => Err(HubError::new(ErrorKind::Timeout, SETTLE).within("the limit of settling", LIMIT)),
        }
    }
}

/// Marks a settlement as unknown when it did not end well.
struct Unknown<'a> {
    settle: &'a NatsSettle,
    armed: bool,
}

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.settle.feed.held().unsettled(self.settle.receipt, Instant::now());
        }
    }
}

#[async_trait]
impl Settle for NatsSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        match settlement {
            Settlement::Ack => self.settle_finally(None).await,
            Settlement::Reject(reason) => {
                let reason: String = reason.chars().take(MAX_REASON).collect();
                let subscription = &self.feed.subscription().name;
                tracing::warn!(%subscription, sequence = self.receipt.sequence, reason, "an event was rejected");
                self.settle_finally(Some(&reason)).await
            }
            Settlement::RetryAfter(pause) => {
                let address = self.feed.held().delay(self.receipt, pause, Instant::now()).map_err(lost)?;
                self.waits(address).await
            }
        }
    }

    async fn put_back(&self) -> Result<()> {
        let address = self.feed.held().put_back(self.receipt, Instant::now()).map_err(lost)?;
        self.waits(address).await
    }

    async fn in_progress(&self) -> Result<()> {
        let address = self.feed.held().prolong(self.receipt, Instant::now()).map_err(lost)?;
        self.send(address, b"+WPI").await
    }
}
