//! Exponential back-off with full jitter.

use std::time::Duration;

/// The pauses between failed attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure. At least `asked_for`, as far as that is not longer than the longest pause times
    /// six.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let pause = self.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause.max(asked_for.unwrap_or_default().min(self.longest * 6))
    }

    /// The pause after this number of earlier failures. Never shorter than a tenth of the first pause, so that no series of
    /// short pauses turns into a busy loop.
    pub(crate) fn after(&self, failures: u32) -> Duration {
        let ceiling = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest);
        ceiling.mul_f64(rand::random::<f64>()).max(self.first / 10)
    }
}
