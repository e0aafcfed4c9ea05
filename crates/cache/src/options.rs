//! How long values are kept, their maximum size, and how long they count as current.

use std::time::Duration;

/// The largest change table: 2^26 slots, which take 1.5 GiB.
const MOST_SLOTS: usize = 1 << 26;

/// How long values are kept, and their maximum size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// How long an unchanged value counts as current. 3600 s.
    pub fresh: Duration,
    /// How long the absence of a row is cached. 5 s. Zero: it is not cached.
    pub absent: Duration,
    /// Maximum age of a last known value that is served while the storage is unreachable. 24 h. Zero: none is served.
    pub stale_max: Duration,
    /// How long cached values count as current after the log was last read. 1 s. Zero: no value counts, and each read asks the
    /// storage.
    pub trust: Duration,
    /// How long one read of the log waits for commits: at least 1 ms, and at most a quarter of `trust` unless that is zero, because
    /// the last successful read is up to two waits old when the next response arrives. 200 ms.
    pub log_wait: Duration,
    /// How long to wait for the load of another process before this one loads too. 500 ms. Zero: it does not wait.
    pub follow: Duration,
    /// Maximum size of the tier in this process, in bytes of JSON, a quarter of it for pages of lists. 64 MiB. Zero: this process
    /// keeps none.
    pub max_bytes: u64,
    /// The number of slots of the change table, 1 to 67,108,864, rounded up to a power of two. 65,536, which take up to 1.5 MiB.
    pub slots: usize,
}

/// An option that a cache cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cache option {setting} is {found}: it must be {range}")]
#[non_exhaustive]
pub struct InvalidCacheOptions {
    /// The field of [`CacheOptions`].
    pub setting: &'static str,
    /// Its value.
    pub found: String,
    /// The values that it may have.
    pub range: &'static str,
}

impl CacheOptions {
    /// Refuses options that a cache cannot work with. [`Cached::new`](crate::Cached::new) does it first.
    ///
    /// # Errors
    /// The first such option, with its value.
    pub fn check(&self) -> Result<(), InvalidCacheOptions> {
        let refuse = |setting, found: &dyn std::fmt::Debug, range| {
            Err(InvalidCacheOptions { setting, found: format!("{found:?}"), range })
        };
        if self.fresh.is_zero() {
            return refuse("fresh", &self.fresh, "more than zero");
        }
        if self.log_wait < Duration::from_millis(1) {
            return refuse("log_wait", &self.log_wait, "at least 1 ms");
        }
        if !self.trust.is_zero() && self.log_wait > self.trust / 4 {
            return refuse("log_wait", &self.log_wait, "at most a quarter of trust");
        }
        if !(1..=MOST_SLOTS).contains(&self.slots) {
            return refuse("slots", &self.slots, "from 1 to 67108864");
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_a_cache_cannot_work_with_is_refused_with_its_value() {
        let default = CacheOptions::default();
        for (wrong, expected) in [
            (CacheOptions { fresh: Duration::ZERO, ..default }, "fresh is 0ns: it must be more than zero"),
            (CacheOptions { log_wait: Duration::ZERO, ..default }, "log_wait is 0ns: it must be at least 1 ms"),
            (
                CacheOptions { trust: Duration::from_millis(700), ..default },
                "log_wait is 200ms: it must be at most a quarter of trust",
            ),
            (CacheOptions { slots: 0, ..default }, "slots is 0: it must be from 1 to 67108864"),
            (CacheOptions { slots: MOST_SLOTS + 1, ..default }, "slots is 67108865: it must be from 1 to 67108864"),
        ] {
            assert_eq!(wrong.check().unwrap_err().to_string(), format!("the cache option {expected}"));
        }
    }

    #[test]
    fn a_zero_that_switches_something_off_is_taken() {
        let (default, zero) = (CacheOptions::default(), Duration::ZERO);
        for off in [
            default,
            CacheOptions { absent: zero, ..default },
            CacheOptions { stale_max: zero, ..default },
            CacheOptions { trust: zero, ..default },
            CacheOptions { follow: zero, ..default },
            CacheOptions { max_bytes: 0, ..default },
        ] {
            assert_eq!(off.check(), Ok(()), "{off:?}");
        }
    }
}
