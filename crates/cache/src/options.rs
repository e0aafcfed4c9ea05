//! How long values are kept, their maximum size, and how long they count as current.

use std::time::Duration;

/// How long values are kept, and their maximum size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// How long an unchanged value counts as current. 3600 s.
    pub fresh: Duration,
    /// How long the absence of a row is cached. 5 s.
    pub absent: Duration,
    /// Maximum age of a last known value that is served while the storage is unreachable. 24 h.
    pub stale_max: Duration,
    /// How long cached values count as current after the log was last read. 1 s. Zero: no value counts, and each read asks the
    /// storage.
    pub trust: Duration,
    /// How long one read of the log waits for commits: at most a quarter of `trust`, because the last successful read
    /// is up to two waits old when the next response arrives. 200 ms.
    pub log_wait: Duration,
    /// How long to wait for the load of another process before this one loads too. 500 ms.
    pub follow: Duration,
    /// Maximum size of the tier in this process, in bytes of JSON. 64 MiB. Zero: this process keeps none.
    pub max_bytes: u64,
    /// The number of slots of the change table, rounded up to a power of two, at least 1. 65,536, which take 1.5 MiB.
    pub slots: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(3_600),
            absent: Duration::from_secs(5),
            stale_max: Duration::from_secs(24 * 3_600),
            trust: Duration::from_secs(1),
            log_wait: Duration::from_millis(200),
            follow: Duration::from_millis(500),
            max_bytes: 64 * 1024 * 1024,
            slots: 65_536,
        }
    }
}
