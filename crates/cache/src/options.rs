use std::time::Duration;

/// How long values are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// How long a value counts as current. 3600 s.
    pub fresh: Duration,
    /// How long it is known that a row does not exist. 5 s.
    pub absent: Duration,
    /// How old a last known value may be that is served while the storage is out of reach. 24 h.
    pub stale_max: Duration,
    /// How long a key is not cached after a write whose outcome is unknown: the write may still be on its way.
    /// 30 s.
    pub doubt: Duration,
    /// How long the load of another process is waited for before the storage is asked here too. 500 ms.
    pub follow: Duration,
    /// The most that the tier in this process holds, in bytes of JSON. 64 MiB.
    pub max_bytes: u64,
    /// The rule that a test breaks.
    #[cfg(test)]
    pub(crate) broken: Option<crate::rule::Rule>,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(3_600),
            absent: Duration::from_secs(5),
            stale_max: Duration::from_secs(24 * 3_600),
            doubt: Duration::from_secs(30),
            follow: Duration::from_millis(500),
            max_bytes: 64 * 1024 * 1024,
            #[cfg(test)]
            broken: None,
        }
    }
}
