//! What the cache needs of a tier that several processes share: bytes under names.

use async_trait::async_trait;
use bytes::Bytes;
use std::fmt::Debug;

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A value.
    Found(Bytes),
    /// None.
    Absent,
    /// Something that cannot be a value of ours, such as one that is too large. The tier has removed it.
    Rejected,
    /// The tier cannot answer. It has said so in the log, once; the caller goes on without it.
    Down,
}

/// The outcome of asking for the right to load a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The caller loads it.
    Taken,
    /// Another process loads it.
    Busy,
    /// The tier cannot answer.
    Down,
}

/// A tier shared by several processes. It holds bytes under names and is not trusted: a value that it lost, kept too long,
/// brought back from an old snapshot or got from somebody else does no harm, because each value says how old it is and the
/// reader judges it. So whatever goes wrong is [`Lookup::Down`] or nothing at all.
///
/// Every method returns within a bound that the tier documents, and may be dropped at any point.
#[async_trait]
pub trait SharedTier: Debug + Send + Sync + 'static {
    /// The value under `name`.
    async fn get(&self, name: &str) -> Lookup;

    /// Puts a value, for the time that the tier keeps values, and gives up the lock of its name. Returns whether the tier
    /// took it. A value that is larger than the tier takes is not put.
    async fn put(&self, name: &str, value: Bytes) -> bool;

    /// Asks for the right to load the value of `name`, which ends by itself after a second or so. Nothing depends on it: it
    /// only spares the storage the same load from several processes.
    async fn lock(&self, name: &str) -> Lock;

    /// Gives the lock of a name up without a value.
    async fn unlock(&self, name: &str);

    /// Removes values.
    async fn remove(&self, names: &[String]);

    /// Removes every value of this tier.
    async fn clear(&self);
}
