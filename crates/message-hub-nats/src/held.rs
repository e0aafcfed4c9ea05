//! What a subscriber has received and not settled: which event comes next, in the order of its subject.
//!
//! JetStream delivers many events of a subject at the same time; here they wait for each other. It knows no clock and sends
//! nothing: each call gets the time. A caller may have read its time before another one that came first; time never goes back here.

mod places;

use crate::lane::{Entry, Lane, Order, Place, Receipt, Taker};
use async_nats::Subject;
use character_message_hub::NotHeld;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// Which events are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// Those that no subscriber has.
    Waiting,
    /// Those that a subscriber has, too: it cannot settle them any more.
    Everything,
}

/// What a subscriber has received.
#[derive(Debug)]
pub(crate) struct Held<T> {
    /// After this time without a word, JetStream delivers an event again.
    ack_wait: Duration,
    /// The latest time of a call.
    latest: Option<Instant>,
    entries: BTreeMap<u64, Entry<T>>,
    orders: HashMap<Lane, Order>,
    ready: BTreeSet<u64>,
    timers: BTreeSet<(Instant, u64)>,
    /// The deliveries of each subscriber that are not settled.
    in_flight: HashMap<Taker, usize>,
}

impl<T: Clone> Held<T> {
    /// Nothing is held.
    pub(crate) fn new(ack_wait: Duration) -> Self {
        Self {
            ack_wait,
            latest: None,
            entries: BTreeMap::new(),
            orders: HashMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            in_flight: HashMap::new(),
        }
    }

    /// The time of a call, which is not before that of an earlier one: an event that may be delivered stays so.
    fn time(&mut self, now: Instant) -> Instant {
        *self.latest.insert(self.latest.map_or(now, |latest| latest.max(now)))
    }

    /// JetStream has delivered an event, the `delivered`-th time.
    pub(crate) fn arrive(
        &mut self,
        sequence: u64,
        delivered: u64,
        subject: Option<&str>,
        item: T,
        address: Subject,
        now: Instant,
    ) {
        let now = self.time(now);
        if let Some(entry) = self.entries.get_mut(&sequence) {
            (entry.address, entry.touched) = (address, now);
            match entry.place {
                Place::Away(_) => self.place(sequence, Place::Waiting(now), now),
                Place::Waiting(_) | Place::Delivered { .. } | Place::Settling => {}
            }
            return;
        }
        let lane = subject.map_or(Lane::Alone(sequence), |subject| Lane::Subject(subject.into()));
        self.orders.entry(lane.clone()).or_default().sequences.insert(sequence);
        let (attempts, place) = (delivered.saturating_sub(1), Place::Waiting(now));
        let (taker, settle_within) = (Taker::Own, self.ack_wait);
        let entry = Entry { lane: lane.clone(), item, address, touched: now, attempts, taker, settle_within, place };
        self.entries.insert(sequence, entry);
        self.refresh(&lane, now);
    }

    /// The next event that can be delivered to a subscriber with fewer unsettled deliveries than `max_in_flight`. It has the event
    /// for `settle_within`.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        taker: Taker,
        max_in_flight: usize,
        settle_within: Duration,
    ) -> Option<(Receipt, T)> {
        let now = self.time(now);
        self.expire(now);
        if self.in_flight_of(taker) >= max_in_flight {
            return None;
        }
        let sequence = self.first_fresh(now)?;
        let entry = self.entries.get_mut(&sequence)?;
        entry.attempts += 1;
        (entry.taker, entry.settle_within) = (taker, settle_within);
        let taken = (Receipt { sequence, attempt: entry.attempts }, entry.item.clone());
        self.place(sequence, Place::Delivered { until: now + settle_within }, now);
        Some(taken)
    }

    /// The first event that can be delivered, and of which JetStream has heard lately. Others are on their way once more, since this
    /// process, or the connection, stood still.
    fn first_fresh(&mut self, now: Instant) -> Option<u64> {
        loop {
            let sequence = *self.ready.first()?;
            if now < self.entries.get(&sequence)?.touched + self.ack_wait {
                return Some(sequence);
            }
            self.place(sequence, Place::Away(self.forgotten_at(now)), now);
        }
    }

    /// Begins to settle a delivery; returns where to send the settlement to, and the event.
    pub(crate) fn begin(&mut self, receipt: Receipt, now: Instant) -> Result<(Subject, T), NotHeld> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt)?;
        let begun = (entry.address.clone(), entry.item.clone());
        self.place(receipt.sequence, Place::Settling, now);
        Ok(begun)
    }

    /// The settlement was kept.
    pub(crate) fn settled(&mut self, receipt: Receipt, now: Instant) {
        let now = self.time(now);
        if self.entries.get(&receipt.sequence).is_some_and(|entry| entry.attempts == receipt.attempt) {
            self.remove(receipt.sequence, now);
        }
    }

    /// Whether the settlement was kept is unknown: when it was not, JetStream delivers the event again.
    pub(crate) fn unsettled(&mut self, receipt: Receipt, now: Instant) {
        let now = self.time(now);
        if self.entries.get(&receipt.sequence).is_some_and(|entry| entry.attempts == receipt.attempt) {
            self.place(receipt.sequence, Place::Away(self.forgotten_at(now)), now);
        }
    }

    /// Delays an event; it stays ours.
    pub(crate) fn delay(&mut self, receipt: Receipt, pause: Duration, now: Instant) -> Result<Subject, NotHeld> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt)?;
        entry.touched = now;
        let address = entry.address.clone();
        self.place(receipt.sequence, Place::Waiting(now + pause), now);
        Ok(address)
    }

    /// No subscriber has received a delivery: it may be delivered to another one. Returns the one that it was for.
    pub(crate) fn take_back(&mut self, receipt: Receipt, now: Instant) -> Option<Taker> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt).ok()?;
        entry.attempts -= 1;
        let taker = entry.taker;
        self.place(receipt.sequence, Place::Waiting(now), now);
        Some(taker)
    }

    /// Restarts the time for settling.
    pub(crate) fn prolong(&mut self, receipt: Receipt, now: Instant) -> Result<Subject, NotHeld> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt)?;
        entry.touched = now;
        let (address, until) = (entry.address.clone(), now + entry.settle_within);
        self.place(receipt.sequence, Place::Delivered { until }, now);
        Ok(address)
    }

    /// The addresses of the events that are here, and of which JetStream must hear so that it does not deliver them again.
    pub(crate) fn touch(&mut self, now: Instant) -> Vec<Subject> {
        let now = self.time(now);
        let mut addresses = Vec::new();
        for entry in self.entries.values_mut() {
            // Of one that was forgotten too long, JetStream need not hear: it comes again.
            let is_fresh = now < entry.touched + self.ack_wait;
            let is_here = match entry.place {
                Place::Waiting(from) => from > now || is_fresh,
                Place::Delivered { .. } | Place::Settling => is_fresh,
                Place::Away(_) => false,
            };
            if is_here && now >= entry.touched + self.ack_wait / 3 {
                entry.touched = now;
                addresses.push(entry.address.clone());
            }
        }
        addresses
    }

    /// Gives up events, and returns their addresses in the order of the stream.
    pub(crate) fn release(&mut self, now: Instant, which: Released) -> Vec<Subject> {
        let now = self.time(now);
        let is_released = |place| match place {
            Place::Waiting(_) => true,
            Place::Delivered { .. } => which == Released::Everything,
            Place::Settling | Place::Away(_) => false,
        };
        let released = self.entries.iter().filter(|(_, entry)| is_released(entry.place));
        let (released, addresses): (Vec<u64>, _) =
            released.map(|(sequence, entry)| (*sequence, entry.address.clone())).unzip();
        for sequence in released {
            self.remove(sequence, now);
        }
        addresses
    }

    /// Forgets everything: another subscriber receives from JetStream.
    pub(crate) fn clear(&mut self) {
        *self = Self { latest: self.latest, ..Self::new(self.ack_wait) };
    }

    /// The number of events that can be delivered now.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The number of events that are not settled, as far as this subscriber knows.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of deliveries that are not settled.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.values().sum()
    }

    /// The number of those of one subscriber.
    pub(crate) fn in_flight_of(&self, taker: Taker) -> usize {
        self.in_flight.get(&taker).copied().unwrap_or(0)
    }

    fn delivered(&mut self, receipt: Receipt) -> Result<&mut Entry<T>, NotHeld> {
        let entry = self.entries.get_mut(&receipt.sequence).ok_or(NotHeld)?;
        let is_his = entry.attempts == receipt.attempt && matches!(entry.place, Place::Delivered { .. });
        if is_his { Ok(entry) } else { Err(NotHeld) }
    }
}

#[cfg(test)]
mod tests;
