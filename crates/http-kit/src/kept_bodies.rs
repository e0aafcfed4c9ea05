//! Bodies of responses that are kept in order not to be made again.

use bytes::Bytes;
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{fmt, hash::Hash};

/// The most that is kept, in bytes.
const KEPT: u64 = 16 * 1024 * 1024;
/// A longer body is not kept, so that a few do not take the place of all others.
const LARGEST: usize = 1024 * 1024;
/// What an entry takes beside its body, in bytes.
const ENTRY: usize = 256;

/// Bodies by their keys, at most 16 MiB of them and each of at most 1 MiB. The length of a body counts, not that of a longer buffer
/// behind it.
///
/// Clones share what is kept.
pub struct KeptBodies<K>(Cache<K, Bytes>);

impl<K> Clone for KeptBodies<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Default for KeptBodies<K> {
    fn default() -> Self {
        Self::within(KEPT)
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> fmt::Debug for KeptBodies<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptBodies").field("bytes", &self.0.weighted_size()).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> KeptBodies<K> {
    /// Keeps at most this number of bytes.
    #[must_use]
    pub fn within(bytes: u64) -> Self {
        let weight = |_: &K, body: &Bytes| u32::try_from(body.len() + ENTRY).unwrap_or(u32::MAX);
        // The least recently used one goes first: a body that has changed is no longer asked for, however often it was before.
        Self(Cache::builder().weigher(weight).max_capacity(bytes).eviction_policy(EvictionPolicy::lru()).build())
    }

    /// The body that is kept.
    pub fn get(&self, key: &K) -> Option<Bytes> {
        self.0.get(key)
    }

    /// Keeps a body, in the place of what is kept; one that is too long is not kept.
    pub fn replace(&self, key: K, body: Bytes) {
        if body.len() <= LARGEST {
            self.0.insert(key, body);
        }
    }

    /// Keeps a body, unless one is kept or it is too long.
    pub fn add(&self, key: K, body: Bytes) {
        if body.len() <= LARGEST {
            self.0.entry(key).or_insert(body);
        }
    }

    /// How many bodies are kept, and the bytes that they count as.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }
}
