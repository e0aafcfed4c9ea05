//! What a service does with an event.

use crate::EventIdentity;
use async_trait::async_trait;
use character_message_hub::CloudEvent;
use std::{sync::Arc, time::Duration};

/// The longest pause of [`Received::pause`].
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// An event that is to be handled.
#[derive(Clone, Debug)]
pub struct Received {
    /// The event.
    pub event: Arc<CloudEvent>,
    /// Its identity, for the id of the transaction.
    pub identity: EventIdentity,
    /// Which delivery of the event it is, 1 for the first. A lower bound.
    pub attempt: u64,
}

impl Received {
    /// A pause before the next delivery: about 1 s after the first, doubled for each further one, at most 60 s, with jitter.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let doublings = u32::try_from(self.attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let ceiling = Duration::from_secs(1).saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        ceiling.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }
}

/// What a handler did with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It had its effect, or needs none. The event is not delivered again.
    Done,
    /// It may have had a part of its effect and is delivered again, not before this time has passed. Later events of its
    /// subject wait for it.
    RetryAfter(Duration),
    /// It is never delivered again, for this reason, which the hub keeps for operators.
    Reject(String),
}

/// Handles the events of one subscription.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// Handles one event. An event may be handled several times, also at the same time in two processes: commit under
    /// [`EventIdentity::transaction_id`], so that it has one effect.
    ///
    /// # Cancel safety
    /// The future is dropped when it takes longer than [`InboxOptions::handle_within`](crate::InboxOptions::handle_within),
    /// and when the process stops. The event is delivered again.
    async fn handle(&self, received: &Received) -> Handled;
}
