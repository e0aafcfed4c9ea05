//! Where an event is: waiting, delivered, being settled or away; and when it moves on by itself.

use super::Held;
use crate::lane::{Lane, Place};
use std::time::Duration;
use tokio::time::Instant;

impl<T: Clone> Held<T> {
    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// What has become due: pauses that have passed, and deliveries that were not settled in time.
    pub(crate) fn expire(&mut self, now: Instant) {
        let now = self.time(now);
        while let Some((at, sequence)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let Some(entry) = self.entries.get(&sequence) else { continue };
            match entry.place {
                Place::Waiting(from) if from <= now => {
                    let lane = entry.lane.clone();
                    self.refresh(&lane, now);
                }
                Place::Delivered { until, renewed } if until <= now => {
                    // JetStream waits longer than the subscriber had time, and has not given the event up.
                    let is_ours = renewed || now < entry.touched + self.settle_within;
                    let place = if is_ours { Place::Waiting(now) } else { Place::Away(self.forgotten_at(now)) };
                    self.place(sequence, place, now);
                }
                Place::Away(until) if until <= now => self.remove(sequence, now),
                // A timer of an earlier place.
                _ => {}
            }
        }
    }

    /// JetStream delivers within the time for settling; after twice that, another subscriber has it.
    pub(super) fn forgotten_at(&self, now: Instant) -> Instant {
        now + self.settle_within * 2 + Duration::from_secs(5)
    }

    /// Moves an event to another place.
    pub(super) fn place(&mut self, sequence: u64, place: Place, now: Instant) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let is_out = |place| matches!(place, Place::Delivered { .. } | Place::Settling);
        let (limits, was_out) = (entry.limits, is_out(entry.place));
        self.away -= usize::from(matches!(entry.place, Place::Away(_)));
        self.away += usize::from(matches!(place, Place::Away(_)));
        entry.place = place;
        let lane = entry.lane.clone();
        match (was_out, is_out(place)) {
            (false, true) => self.in_flight.add(limits),
            (true, false) => self.in_flight.remove(limits),
            _ => {}
        }
        if let Some(order) = self.orders.get_mut(&lane) {
            match is_out(place) {
                true => order.busy = Some(sequence),
                false if order.busy == Some(sequence) => order.busy = None,
                false => {}
            }
        }
        if let Place::Waiting(at) | Place::Delivered { until: at, .. } | Place::Away(at) = place
            && at > now
        {
            self.timers.insert((at, sequence));
        }
        self.refresh(&lane, now);
    }

    pub(super) fn remove(&mut self, sequence: u64, now: Instant) {
        let Some(entry) = self.entries.remove(&sequence) else { return };
        if matches!(entry.place, Place::Delivered { .. } | Place::Settling) {
            self.in_flight.remove(entry.limits);
        }
        self.away -= usize::from(matches!(entry.place, Place::Away(_)));
        self.ready.remove(&sequence);
        if let Some(order) = self.orders.get_mut(&entry.lane) {
            order.sequences.remove(&sequence);
            if order.busy == Some(sequence) {
                order.busy = None;
            }
            if order.sequences.is_empty() {
                self.orders.remove(&entry.lane);
            }
        }
        self.refresh(&entry.lane, now);
    }

    /// Finds out which event of an order can be delivered now.
    pub(super) fn refresh(&mut self, lane: &Lane, now: Instant) {
        let Some(order) = self.orders.get(lane) else { return };
        for sequence in order.sequences.iter().take(2) {
            self.ready.remove(sequence);
        }
        let Some(first) = order.sequences.first().filter(|_| order.busy.is_none()) else { return };
        let waits =
            self.entries.get(first).is_some_and(|entry| matches!(entry.place, Place::Waiting(from) if from <= now));
        if waits {
            self.ready.insert(*first);
        }
    }
}
