//! One cache decorator for the whole storage port, over a tier in this process and a tier shared by all processes.
//!
//! One rule makes it right: **a value lands in a tier only on its own placeholder.** Who loads a value first
//! leaves a placeholder; whoever invalidates the key removes it; a fill that does not find its own placeholder
//! is thrown away. So a load that overlaps a write can never leave an old value behind.
#![warn(missing_debug_implementations)]

mod cached;
mod commit;
mod generation;
mod key;
mod local;
mod memory_tier;
mod metrics;
mod options;
mod rule;
mod shared;
mod tiers;
mod uncached;
mod weight;

#[cfg(test)]
mod hunts;

pub use cached::Cached;
pub use key::Key;
pub use memory_tier::MemorySharedTier;
pub use metrics::CacheMetrics;
pub use options::CacheOptions;
pub use shared::{Fence, Invalidations, LastKnown, Lease, Lookup, Settlement, SharedTier};
pub use uncached::Uncached;
