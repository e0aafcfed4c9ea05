//! The interface of a tier that several processes share: it stores bytes under names.

use async_trait::async_trait;
use bytes::Bytes;
use std::fmt::Debug;

/// The result of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A value.
    Found(Bytes),
    /// No value.
    Absent,
    /// A foreign value, such as one that is too large. The tier has removed it.
    Rejected,
    /// The tier cannot respond. It has logged that once; the caller continues without it.
    Down,
}

/// The outcome of asking for the right to load a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The caller loads it.
    Taken,
    /// Another process loads it.
    Busy,
    /// The tier cannot respond.
    Down,
}

/// A tier shared by several processes. It stores bytes under names and is not trusted: a value that it lost, kept too
/// long, restored from an old snapshot or received from another program does no harm, because each value carries its
/// age and the reader checks it. So every failure is [`Lookup::Down`] or no error at all.
///
/// Every method returns within a bound that the tier documents, and may be dropped at any point.
#[async_trait]
pub trait SharedTier: Debug + Send + Sync + 'static {
    /// The value under `name`.
    async fn get(&self, name: &str) -> Lookup;

    /// Stores a value, for the time that the tier keeps values, and releases the lock of its name. Returns whether the
    /// tier accepted it. A value that is too large for the tier is not stored.
    async fn put(&self, name: &str, value: Bytes) -> bool;

    /// Requests the right to load the value of `name`, which expires after about a second. Correctness does not depend
    /// on it: it only avoids the same load in several processes.
    async fn lock(&self, name: &str) -> Lock;

    /// Releases the lock of a name without a value.
    async fn unlock(&self, name: &str);

    /// Removes values.
    async fn remove(&self, names: &[String]);

    /// Removes every value of this tier.
    async fn clear(&self);
}
