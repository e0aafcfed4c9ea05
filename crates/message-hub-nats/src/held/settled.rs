//! Events that were settled while another delivery of them may be on its way.

use std::collections::HashSet;

/// The settled events that may still arrive. JetStream sends what it delivers and what it answers in one order, but here they come
/// to different tasks: a delivery that was sent before the answer to the settlement may arrive after it.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Until everything that is on its way now has arrived.
    before: HashSet<u64>,
    /// Settled since that was asked for.
    since: HashSet<u64>,
}

impl Settled {
    pub(super) fn add(&mut self, sequence: u64) {
        self.since.insert(sequence);
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        self.before.contains(&sequence) || self.since.contains(&sequence)
    }

    /// Everything that is on its way begins to arrive. Returns whether an event was settled.
    pub(super) fn begin(&mut self) -> bool {
        self.before.extend(self.since.drain());
        !self.before.is_empty()
    }

    /// Everything that was on its way has arrived.
    pub(super) fn end(&mut self) {
        self.before.clear();
    }
}
