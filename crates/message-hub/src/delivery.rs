//! What a subscription receives, and how it is settled.

use crate::{CloudEvent, Result};
use async_trait::async_trait;
use std::{fmt, sync::Arc, time::Duration};

/// The maximum length of the reason of a rejection that is kept, in characters; the rest is cut off.
pub const MAX_REASON: usize = 1_000;

/// What the subscriber did with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was handled and is not delivered again.
    Ack,
    /// It is delivered again, not before this time has passed. Later events of its subject wait for it.
    RetryAfter(Duration),
    /// It is never delivered again to this subscription; the reason is logged and kept for operators. At most [`MAX_REASON`]
    /// characters are kept.
    Reject(String),
}

/// Settles one delivery. Adapters implement it.
#[async_trait]
pub trait Settle: Send + Sync + fmt::Debug {
    /// Reports the settlement to the hub.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    async fn settle(&self, settlement: Settlement) -> Result<()>;

    /// Reports that the event is still being handled, so that it is not delivered to another subscriber.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    async fn in_progress(&self) -> Result<()>;

    /// Reports that no client has received the delivery, as [`Delivery::put_back`] says. A hub that does not implement it counts
    /// the delivery as an attempt.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    async fn put_back(&self) -> Result<()> {
        self.settle(Settlement::RetryAfter(Duration::ZERO)).await
    }
}

/// An event that a subscription received. A delivery that is dropped unsettled is delivered again after the
/// [time for settling](crate::Subscription::settle_within).
#[derive(Debug)]
pub struct Delivery {
    event: Arc<CloudEvent>,
    attempt: u64,
    settle: Box<dyn Settle>,
}

impl Delivery {
    /// A delivery of `event`. `attempt`: 1 for the first.
    #[must_use]
    pub fn new(event: Arc<CloudEvent>, attempt: u64, settle: Box<dyn Settle>) -> Self {
        Self { event, attempt, settle }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Arc<CloudEvent> {
        &self.event
    }

    /// Which delivery of this event it is, 1 for the first. A lower bound: after a crash of the hub it may be too low.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// The event was handled and is not delivered again.
    ///
    /// # Errors
    /// `DeliveryLost`: it was settled before, or too late, and may be delivered again. `Unavailable`, `Timeout`: unknown;
    /// the event may be delivered again.
    pub async fn ack(self) -> Result<()> {
        self.settle.settle(Settlement::Ack).await
    }

    /// The event is delivered again, not before `pause` has passed. Later events of its subject wait for it.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn retry_after(self, pause: Duration) -> Result<()> {
        self.settle.settle(Settlement::RetryAfter(pause)).await
    }

    /// The event is never delivered again to this subscription, for this reason.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn reject(self, reason: impl Into<String>) -> Result<()> {
        self.settle.settle(Settlement::Reject(reason.into())).await
    }

    /// No client has received the delivery: the event can be delivered again at once, and this delivery does not count as an attempt.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn put_back(self) -> Result<()> {
        self.settle.put_back().await
    }

    /// Restarts the time for settling, for an event that takes long to handle.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub async fn in_progress(&self) -> Result<()> {
        self.settle.in_progress().await
    }
}

/// The deliveries of one subscription.
#[async_trait]
pub trait Deliveries: Send + fmt::Debug {
    /// The next delivery; waits as long as there is none. While the hub is
    /// away, the call waits and reconnects.
    ///
    /// # Errors
    /// `NotFound`: the subscription was removed. `Unauthorized`, `Forbidden`: the credentials were revoked. `Corrupt`: what the hub sent cannot be read. Call it again
    /// after a pause.
    ///
    /// # Cancel safety
    /// May be dropped at any point. A delivery that was in flight is delivered again.
    async fn next(&mut self) -> Result<Delivery>;
}
