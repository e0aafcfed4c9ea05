//! The retry budget.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bucket of retries, shared by all calls to one upstream.
///
/// Each request deposits a fraction of a retry. A retry is withdrawn when it is *scheduled*, not when it is sent, so
/// that waiting retries cannot burst out together. When the budget is empty, calls fail at their first failed attempt.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: Mutex<f64>,
    capacity: f64,
    ratio: f64,
}

impl RetryBudget {
    pub(crate) fn new(capacity: u32, ratio: f64) -> Self {
        let capacity = f64::from(capacity);
        Self { tokens: Mutex::new(capacity), capacity, ratio }
    }

    fn tokens(&self) -> MutexGuard<'_, f64> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn offered(&self) {
        let mut tokens = self.tokens();
        *tokens = (*tokens + self.ratio).min(self.capacity);
    }

    pub(crate) fn take(&self) -> bool {
        let mut tokens = self.tokens();
        let affordable = *tokens >= 1.0;
        if affordable {
            *tokens -= 1.0;
        }
        affordable
    }

    pub(crate) fn left(&self) -> f64 {
        *self.tokens()
    }

    pub(crate) fn capacity(&self) -> f64 {
        self.capacity
    }
}
