//! What operators read of a hub.

use character_message_hub::{RejectedEvent, SubscriptionState};
use serde::{Deserialize, Serialize};

/// Every durable subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsBody {
    /// The subscriptions, by name.
    pub subscriptions: Vec<SubscriptionState>,
}

/// The newest events that a subscription has rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedBody {
    /// The events, the newest first.
    pub rejected: Vec<RejectedEvent>,
}
