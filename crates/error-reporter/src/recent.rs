//! The last failures, for operators.

use crate::{Cause, ErrorReporter, Failure};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The clock; [`Timestamp::now`] outside of tests.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Remembers the last failures, each cause once, for operators.
pub struct Recent {
    capacity: usize,
    clock: WallClock,
    causes: Mutex<Vec<(Cause, Remembered)>>,
}

/// The failures of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remembered {
    /// When the first one was reported.
    pub first: Timestamp,
    /// When the last one was reported.
    pub last: Timestamp,
    /// Their number.
    pub count: u64,
    /// The last one.
    pub failure: Failure,
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Recent {
    /// Remembers at most `capacity` causes, and drops the one that was seen longest ago.
    #[must_use]
    pub fn new(capacity: usize, clock: WallClock) -> Self {
        Self { capacity: capacity.max(1), clock, causes: Mutex::default() }
    }

    /// The remembered failures, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Remembered> {
        let causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        causes.iter().rev().map(|(_, remembered)| remembered.clone()).collect()
    }
}

impl ErrorReporter for Recent {
    fn report(&self, failure: &Failure) {
        let (now, cause) = ((self.clock)(), failure.cause());
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = causes.iter().position(|(known, _)| *known == cause).map(|place| causes.remove(place).1);
        if known.is_none() && causes.len() >= self.capacity {
            causes.remove(0);
        }
        let (first, count) = known.map_or((now, 0), |known| (known.first, known.count));
        let count = count + failure.occurrences;
        causes.push((cause, Remembered { first, last: now, count, failure: failure.clone() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::failure;
    use std::sync::atomic::{AtomicI64, Ordering};

    fn recent(capacity: usize) -> Recent {
        let seconds = AtomicI64::new(0);
        Recent::new(
            capacity,
            Arc::new(move || Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap()),
        )
    }

    #[test]
    fn failures_of_one_cause_are_one_entry_with_their_times_and_number() {
        let recent = recent(10);
        for message in ["down 1", "slow", "down 2", "down 3"] {
            recent.report(&failure(message));
        }
        let all = recent.all();
        let seen: Vec<_> = all
            .iter()
            .map(|r| (r.failure.chain.innermost(), r.count, r.first.as_second(), r.last.as_second()))
            .collect();
        assert_eq!(seen, [("down 3", 3, 0, 3), ("slow", 1, 1, 1)]);
    }

    #[test]
    fn the_one_seen_longest_ago_gives_way() {
        let recent = recent(2);
        for message in ["a", "b", "a", "c"] {
            recent.report(&failure(message));
        }
        let messages: Vec<_> = recent.all().iter().map(|r| r.failure.chain.innermost().to_owned()).collect();
        assert_eq!(messages, ["c", "a"]);
    }
}
