//! What operators read of a hub.

use character_message_hub::{CloudEvent, Filter, SubscriptionName};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

/// Every durable subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsBody {
    /// The subscriptions, by name.
    pub subscriptions: Vec<SubscriptionState>,
}

/// An event that a subscription has rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// When it was rejected, of RFC 3339.
    pub rejected_at: String,
    /// The reason of the subscriber, at most 1,000 characters.
    pub reason: String,
    /// The id of the event.
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

/// The newest events that a subscription has rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedBody {
    /// The events, the newest first.
    pub rejected: Vec<RejectedEvent>,
}
