//! Which of several processes makes the deliveries of a subscription, beside the port of the hub.

use crate::{HubOperations, Result, ServiceName, SubscriptionName};
use async_trait::async_trait;
use std::time::Duration;

/// A record that was not written for this long may be removed. 1 h; one in use is written every second.
pub const MAX_HOLDER_AGE: Duration = Duration::from_secs(3600);

/// The process that makes the deliveries of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRecord {
    /// Changes with each write of the record. Above 0.
    pub revision: u64,
    /// The name of the process. `None`: the last one has left.
    pub holder: Option<ServiceName>,
}

/// A record for each subscription, kept where every process reads the same. The operations are those of the same hub: a process that takes
/// a subscription from another one finds out by [`types`](HubOperations::types) what its clients have asked for.
#[async_trait]
pub trait HolderRecords: HubOperations {
    /// The record of a subscription. `None`: there is none, or it was removed after [`MAX_HOLDER_AGE`]. Ends within seconds.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Unauthorized`, `Forbidden`, `Corrupt`: the record cannot be read.
    async fn read(&self, subscription: &SubscriptionName) -> Result<Option<HolderRecord>>;

    /// Replaces the record that has this revision, 0 for none, and returns the new revision. `None`: the record has another
    /// revision, and stays. Ends within seconds.
    ///
    /// # Errors
    /// As [`read`](Self::read), and `Full`. Whether the record was replaced is unknown.
    async fn replace(
        &self,
        subscription: &SubscriptionName,
        revision: u64,
        holder: Option<&ServiceName>,
    ) -> Result<Option<u64>>;
}
