//! Events that were settled while another delivery of them may be on its way.

use std::{collections::HashSet, time::Duration};

/// An event: its place in its stream, and when that kept it. Another stream has another event at the same place.
pub(super) type Event = (u64, Duration);

/// The settled events that may still arrive. JetStream sends what it delivers and what it answers in one order, but here they come
/// to different tasks: a delivery that was sent before the answer to the settlement may arrive after it.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Until everything that is on its way now has arrived.
    before: HashSet<Event>,
    /// Settled since that was asked for.
    since: HashSet<Event>,
}

impl Settled {
    pub(super) fn add(&mut self, event: Event) {
        self.since.insert(event);
    }

    pub(super) fn contains(&self, event: Event) -> bool {
        self.before.contains(&event) || self.since.contains(&event)
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
