//! How long values are kept, how many, and how long they are trusted.

use std::time::Duration;

/// How long values are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// How long a value counts as current when nothing is told of it. 3600 s.
    pub fresh: Duration,
    /// How long it is known that a row does not exist. 5 s.
    pub absent: Duration,
    /// How old a last known value may be that is served while the storage is out of reach. 24 h.
    pub stale_max: Duration,
    /// How long cached values count as current after the log was heard. 1 s.
    pub trust: Duration,
    /// How long one question to the log waits for news: a quarter of `trust` or less, because the last question that was
    /// answered is up to two waits old when the next answer arrives. 200 ms.
    pub log_wait: Duration,
    /// How long the load of another process is waited for before the storage is asked here too. 500 ms.
    pub follow: Duration,
    /// The most that the tier in this process holds, in bytes of JSON. 64 MiB.
    pub max_bytes: u64,
    /// The number of slots of the table of last changes, a power of two. 65,536, which take 1.5 MiB.
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
