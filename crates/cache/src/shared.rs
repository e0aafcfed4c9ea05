use crate::Key;
use async_trait::async_trait;
use bytes::Bytes;
use std::{fmt::Debug, sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// The right to fill one key, until it is taken away by an invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(pub Uuid);

/// A writer's hold on the keys it touches: nobody else fills them while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence(pub Uuid);

/// A value that is no longer current, for use when the storage is out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastKnown {
    /// The value.
    pub value: Bytes,
    /// How long ago the storage gave it.
    pub age: Duration,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A current value.
    Hit {
        /// The value.
        value: Bytes,
        /// How long ago the storage gave it.
        age: Duration,
    },
    /// None; the caller holds the lease and should fill it.
    Leased {
        /// To be given to [`SharedTier::fill`].
        lease: Lease,
        /// What was there before.
        last: Option<LastKnown>,
    },
    /// None; another process is loading the key. Ask again soon.
    Loading {
        /// What was there before.
        last: Option<LastKnown>,
    },
    /// None; another process is writing the key. Read the storage and keep nothing.
    Busy {
        /// What was there before.
        last: Option<LastKnown>,
    },
    /// What is there cannot be a value of ours, and was removed. Read the storage and keep nothing.
    Rejected,
    /// The tier cannot answer. It has said so in the log, once; the caller goes on without it.
    Down,
}

/// What becomes of a fenced key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The write made this value. Lands only on the fence's own placeholder, and only when that replaced no other
    /// writer's; otherwise the key is removed.
    Store(Bytes),
    /// The write made another value: the key is removed.
    Remove,
    /// The write was certainly not applied: what was there before is current again, under the same two conditions.
    Restore,
    /// Unknown: what was there before stays as last known value and is not current, and no load begun before fills
    /// the key, whosever the placeholder.
    Doubt,
}

/// A tier shared by several processes. It holds bytes and cannot fail a read: whatever goes wrong is
/// [`Lookup::Down`], a fill that did not land, or an invalidation that the tier delivers later by itself,
/// before it answers this process again.
///
/// Every method returns within a bound that the tier documents, and may be dropped at any point.
#[async_trait]
pub trait SharedTier: Debug + Send + Sync + 'static {
    /// The value of `key` when it is at most `fresh` old, or the right to load it.
    async fn get_or_lease(&self, key: &Key, fresh: Duration) -> Lookup;

    /// Fills `key` if its placeholder is still the lease's. `None` gives the lease back and forgets the last
    /// known value. Answers whether the fill landed.
    async fn fill(&self, key: &Key, lease: Lease, value: Option<Bytes>) -> bool;

    /// Gives the lease back, unused. What was there before stays as last known value.
    async fn release(&self, key: &Key, lease: Lease);

    /// Before a write: replaces the placeholders of `keys`, makes their values not current, and tells the other
    /// processes to drop theirs.
    async fn fence(&self, keys: &[Key]) -> Fence;

    /// After a write: settles each key, and tells the other processes to drop what they have.
    async fn settle(&self, fence: Fence, keys: Vec<(Key, Settlement)>);

    /// Removes values and placeholders, and tells the other processes.
    async fn remove(&self, keys: &[Key]);

    /// Removes everything, and tells the other processes.
    async fn clear(&self);

    /// From now on tells `sink` what other processes invalidate. The channel counts as lost until the tier
    /// says [`Invalidations::channel_heard`].
    fn attach(&self, sink: Arc<dyn Invalidations>);
}

/// Who wants to know what other processes invalidated.
pub trait Invalidations: Debug + Send + Sync + 'static {
    /// This key was or is being written.
    fn invalidate(&self, key: &Key);
    /// Anything may have been written.
    fn invalidate_all(&self);
    /// Invalidations are not heard any more: nothing in this process counts as current, and what it knows is gone.
    fn channel_lost(&self);
    /// Invalidations are heard, so that what is in this process may count as current until then and no longer, unless
    /// this is said again. It is a time and not a sign, so that a process that was stopped knows by itself that it
    /// has missed something; where the clock stood still too, as in a machine that slept, it takes that long to know.
    fn channel_heard(&self, until: Instant);
}
