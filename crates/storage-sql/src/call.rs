//! What the thread that runs an operation and the caller who waits for it know of each other.

use std::{
    sync::atomic::{AtomicU8, Ordering::SeqCst},
    time::Duration,
};
use tokio::time::Instant;

const BEGUN: u8 = 1;
const LEFT: u8 = 2;

/// Whether an operation may still be ended by its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A read: it ends when its caller has gone or its time is over.
    WhileAwaited,
    /// A change: it is not begun for a caller who has gone. Once begun it ends when its time is over.
    OnceBegun,
    /// A change of the schema: it takes as long as it takes.
    Unbounded,
}

/// One operation that waits for a thread or runs on it.
#[derive(Debug)]
pub(crate) struct Call {
    patience: Patience,
    /// `None`: it may take as long as it takes.
    deadline: Option<Instant>,
    state: AtomicU8,
}

impl Call {
    pub(crate) fn new(patience: Patience, timeout: Duration) -> Self {
        let deadline = (patience != Patience::Unbounded).then(|| Instant::now() + timeout);
        Self { patience, deadline, state: AtomicU8::new(0) }
    }

    /// The thread begins, unless no caller waits any more.
    pub(crate) fn begin(&self) -> bool {
        self.state.fetch_or(BEGUN, SeqCst) & LEFT == 0
    }

    /// The caller leaves. Returns whether the operation had begun; if not, it never will.
    pub(crate) fn leave(&self) -> bool {
        self.state.fetch_or(LEFT, SeqCst) & BEGUN != 0
    }

    /// Whether the statement that runs should be interrupted.
    pub(crate) fn should_end(&self) -> bool {
        let is_abandoned = self.patience == Patience::WhileAwaited && self.state.load(SeqCst) & LEFT != 0;
        is_abandoned || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// When the caller stops waiting; `None`: never.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_caller_who_leaves_first_knows_that_nothing_will_begin() {
        for patience in [Patience::WhileAwaited, Patience::OnceBegun, Patience::Unbounded] {
            let call = Call::new(patience, MINUTE);
            assert!(!call.leave() && !call.begin(), "{patience:?}");
            let call = Call::new(patience, MINUTE);
            assert!(call.begin() && call.leave(), "{patience:?}");
        }
    }

    #[test]
    fn a_read_ends_with_its_caller_and_a_change_with_its_time() {
        for (patience, after_leaving, after_its_time) in [
            (Patience::WhileAwaited, true, true),
            (Patience::OnceBegun, false, true),
            (Patience::Unbounded, false, false),
        ] {
            let call = Call::new(patience, MINUTE);
            assert!(call.begin() && !call.should_end());
            call.leave();
            assert_eq!(call.should_end(), after_leaving, "{patience:?}");
            assert_eq!(Call::new(patience, Duration::ZERO).should_end(), after_its_time, "{patience:?}");
        }
    }
}
