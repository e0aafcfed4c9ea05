//! Several reporters as one.

use crate::{ErrorReporter, Failure};
use std::sync::Arc;

/// Reports to several reporters, in their order.
#[derive(Clone, Debug, Default)]
pub struct FanOut(Vec<Arc<dyn ErrorReporter>>);

impl FanOut {
    /// Reports to all of these.
    #[must_use]
    pub fn new(reporters: Vec<Arc<dyn ErrorReporter>>) -> Self {
        Self(reporters)
    }
}

impl ErrorReporter for FanOut {
    fn report(&self, failure: &Failure) {
        for reporter in &self.0 {
            reporter.report(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Kept, failure};

    #[test]
    fn everyone_is_told() {
        let (one, two) = (Arc::new(Kept::default()), Arc::new(Kept::default()));
        let fan_out = FanOut::new(vec![Arc::clone(&one) as _, Arc::clone(&two) as _]);
        fan_out.report(&failure("down"));
        assert_eq!((one.all().len(), two.all().len()), (1, 1));
    }
}
