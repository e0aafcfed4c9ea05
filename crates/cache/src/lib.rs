//! One cache decorator for the whole storage port, over a tier in this process and a tier that several processes share.
//!
//! Why a cached value cannot stay stale: **a change that was committed before the value was loaded is part of it, and
//! the log of commits reports every other change, which drops the value.** When the log was not read for a second,
//! nothing counts as current.
//!
//! - [`Follower`] reads the log, on a separate thread.
//! - A table remembers for each key, by its hash, how often it was changed and the tick of the last change. A collision
//!   costs a miss.
//! - A value in this process carries the count of its key from before its load began, and is valid while that is
//!   unchanged.
//! - A value in the shared tier carries `as_of`, the tick up to which every commit was received before its load began,
//!   and is valid while the last change of its key has a smaller tick. The shared tier is not trusted to be fresh,
//!   complete or alive.
//! - A commit of this process is applied like a commit of the log, before it is acknowledged.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod apply;
mod cacheable;
mod cached;
mod change_table;
mod follower;
mod frame;
mod key;
mod local;
mod memory_tier;
mod metrics;
mod options;
mod recent;
mod shared;
mod tiers;
mod uncached;
mod weight;
mod witness;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Writes the methods of a [`SharedTier`].
pub use async_trait::async_trait;
/// A value in a [`SharedTier`].
pub use bytes::Bytes;
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;
/// The bits of every id.
pub use uuid::Uuid;

pub use cached::Cached;
pub use change_table::Heard;
pub use follower::Follower;
pub use key::Key;
pub use memory_tier::MemorySharedTier;
pub use metrics::CacheMetrics;
pub use options::{CacheOptions, InvalidCacheOptions};
pub use recent::Recent;
pub use shared::{Lock, Lookup, SharedTier};
pub use uncached::Uncached;
