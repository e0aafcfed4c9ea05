//! An answer, and where it came from.

use std::time::Duration;

/// A value read, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Read<T> {
    /// A value from the storage itself.
    pub fn origin(value: T) -> Self {
        Self { value, source: Source::Origin }
    }

    /// The same answer with its value transformed.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        Read { value: f(self.value), source: self.source }
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The storage itself.
    Origin,
    /// A cache that holds it to be current.
    Cache {
        /// Which tier.
        tier: Tier,
        /// How long ago the storage gave it.
        age: Duration,
    },
    /// The last known value, because the storage is unreachable. It may be out of date.
    Stale {
        /// Which tier.
        tier: Tier,
        /// How long ago the storage gave it.
        age: Duration,
        /// Why the storage was not asked or did not answer.
        reason: StaleReason,
    },
}

/// A cache tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// In the memory of this process.
    Local,
    /// Shared by all processes.
    Shared,
}

impl Tier {
    /// A stable name: `local`, `shared`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
        }
    }
}

/// Why a stale answer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// The storage could not be reached or refused to answer.
    Unavailable,
    /// The circuit breaker is open.
    CircuitOpen,
    /// The storage did not answer in time.
    Timeout,
}

impl StaleReason {
    /// A stable name: `unavailable`, `circuit-open`, `timeout`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::CircuitOpen => "circuit-open",
            Self::Timeout => "timeout",
        }
    }
}
