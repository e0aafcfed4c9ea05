//! Random numbers that a seed repeats.

use std::hash::{BuildHasher as _, RandomState};

/// SplitMix64: small, and the same numbers on every machine and in every release.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero when `end` is zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or_default()
    }
}

/// The seed that the environment variable `FAULT_SEED` holds, or a new one. Says on the standard error output which
/// one it is, so that a run that failed can be repeated.
#[must_use]
pub fn seed() -> u64 {
    let given = std::env::var("FAULT_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(fresh);
    eprintln!("FAULT_SEED={seed}");
    seed
}

/// Another number each time.
pub(crate) fn fresh() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
