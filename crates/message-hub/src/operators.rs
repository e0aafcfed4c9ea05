//! What operators read and change of a hub that keeps its events itself, beside its port.

use crate::{CloudEvent, Filter, Result, SubscriptionName};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What operators read and change of a hub that keeps its events itself. A hub that passes everything to another one offers it
/// no more than that one does, and does not implement it.
///
/// # Cancel safety
/// A dropped `remove_subscription` may have had its effect; the others change nothing.
#[async_trait]
pub trait HubOperations: Send + Sync + fmt::Debug {
    /// Every durable subscription, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Unauthorized`, `Forbidden`, `Corrupt`: what is kept cannot be read.
    async fn subscriptions(&self) -> Result<Vec<SubscriptionState>>;

    /// The types that the last subscriber of a subscription has asked for, at whichever process. `None`: they are unknown, as those of a
    /// subscription that does not exist yet. Ends within seconds.
    ///
    /// # Errors
    /// As [`subscriptions`](Self::subscriptions).
    async fn types(&self, name: &SubscriptionName) -> Result<Option<Filter>>;

    /// The newest events that a subscription has rejected, at most `limit`, the newest first. `None`: there is no subscription of
    /// this name.
    ///
    /// # Errors
    /// As [`subscriptions`](Self::subscriptions).
    async fn rejected(&self, name: &SubscriptionName, limit: usize) -> Result<Option<Vec<RejectedEvent>>>;

    /// Removes a subscription with what it has not settled and what it has rejected, and returns whether it existed. A subscriber
    /// that is still connected may create it again, and then receives every event again.
    ///
    /// # Errors
    /// As [`subscriptions`](Self::subscriptions); whether it was removed is then unknown.
    async fn remove_subscription(&self, name: &SubscriptionName) -> Result<bool>;
}

/// A durable subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionState {
    /// The name.
    pub name: SubscriptionName,
    /// Which events it receives.
    pub types: Filter,
    /// Events that it has not settled, those in flight included.
    pub backlog: u64,
    /// Deliveries that are not settled.
    pub in_flight: u64,
    /// Events that it has rejected and that are kept for operators.
    pub rejected: u64,
}

/// An event that a subscription has rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// When it was rejected.
    pub rejected_at: jiff::Timestamp,
    /// The reason of the subscriber, at most 1,000 characters.
    pub reason: String,
    /// The id of the event. An adapter may keep a message that is no event, with an empty id, source and type.
    pub id: String,
    /// Its source.
    pub source: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event, as long as the hub keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Arc<CloudEvent>>,
}
