//! What operators read of a hub that keeps subscriptions. How they read it is a matter of each adapter.

use crate::{CloudEvent, Filter, SubscriptionName};
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
