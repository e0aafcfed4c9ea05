//! Events that are given up: JetStream delivers them again, or their stream is gone.

use super::{Held, settled::Settled};
use crate::lane::{Entry, Place};
use async_nats::Subject;
use tokio::time::Instant;

impl<T: Clone> Held<T> {
    /// Gives up every event that no subscriber has, and returns their addresses in the order of the stream.
    pub(crate) fn release(&mut self, now: Instant) -> Vec<Subject> {
        self.give_up(|_| true, now)
    }

    /// The same, of the events that `is_given_up` is true of. Those of which JetStream has not heard within the time for settling are
    /// left to it: another subscriber may have them, and what is said about them would count for that one.
    pub(crate) fn give_up(&mut self, is_given_up: impl Fn(&T) -> bool, now: Instant) -> Vec<Subject> {
        let now = self.time(now);
        let is_waiting = |entry: &Entry<T>| matches!(entry.place, Place::Waiting(_)) && is_given_up(&entry.item);
        let given_up: Vec<u64> =
            self.entries.iter().filter_map(|(sequence, entry)| is_waiting(entry).then_some(*sequence)).collect();
        let settle_within = self.settle_within;
        let fresh = |sequence: &u64| self.entries.get(sequence).filter(|entry| now < entry.touched + settle_within);
        let addresses = given_up.iter().filter_map(fresh).map(|entry| entry.address.clone()).collect();
        for sequence in given_up {
            self.remove(sequence, now);
        }
        addresses
    }

    /// Forgets everything: its stream is gone, and the consumer of another one takes what is said about an event for the one that it has at
    /// the same place. Returns the number of events.
    pub(crate) fn forget(&mut self, now: Instant) -> usize {
        let now = self.time(now);
        let sequences: Vec<u64> = self.entries.keys().copied().collect();
        for sequence in &sequences {
            self.remove(*sequence, now);
        }
        self.timers.clear();
        self.to_touch.clear();
        self.settled = Settled::default();
        sequences.len()
    }
}
