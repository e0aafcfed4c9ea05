//! Operations that take longer than they should.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Counts and logs operations beyond a limit of time.
#[derive(Debug)]
pub(crate) struct Slow {
    limit: Duration,
    count: AtomicU64,
}

impl Slow {
    pub(crate) fn beyond(limit: Duration) -> Self {
        Self { limit, count: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Runs an operation. One that its caller gives up is not counted.
    pub(crate) async fn watch<T>(&self, operation: &'static str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let output = work.await;
        let took = started.elapsed();
        if took >= self.limit {
            self.count.fetch_add(1, Ordering::Relaxed);
            let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(operation, duration_ms, "a database operation was slow");
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_takes_as_long_as_the_limit_is_counted() {
        let (patient, strict) = (Slow::beyond(Duration::from_secs(3600)), Slow::beyond(Duration::ZERO));
        for slow in [&patient, &strict] {
            assert_eq!(slow.watch("test", async { 7 }).await, 7);
        }
        assert_eq!((patient.count(), strict.count()), (0, 1));
    }
}
