//! What a subscriber has received and not settled: which event comes next, in the order of its subject.
//!
//! JetStream delivers many events of a subject at the same time; here they wait for each other. It knows no clock and sends
//! nothing: each call gets the time. A caller may have read its time before another one that came first; time never goes back here.

mod given_up;
mod places;
mod settled;

use self::settled::Settled;
use crate::{
    consumer::Delivered,
    lane::{Entry, Lane, Order, Place, Receipt},
};
use async_nats::Subject;
use character_message_hub::{DeliveryLimits, InFlight, NotHeld};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// What a subscriber has received.
#[derive(Debug)]
pub(crate) struct Held<T> {
    /// How long JetStream waits for a settlement: at least as long as any subscriber has time for it.
    settle_within: Duration,
    /// The latest time of a call.
    latest: Option<Instant>,
    entries: BTreeMap<u64, Entry<T>>,
    orders: HashMap<Lane, Order>,
    ready: BTreeSet<u64>,
    timers: BTreeSet<(Instant, u64)>,
    in_flight: InFlight,
    away: usize,
    /// The number of deliveries to subscribers so far.
    deliveries: u64,
    /// Addresses of events whose time for settling began before they were delivered.
    to_touch: Vec<Subject>,
    /// Settled events of which another delivery may be on its way.
    settled: Settled,
}

impl<T: Clone> Held<T> {
    /// Nothing is held.
    pub(crate) fn new(settle_within: Duration) -> Self {
        Self {
            settle_within,
            latest: None,
            entries: BTreeMap::new(),
            orders: HashMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            in_flight: InFlight::default(),
            away: 0,
            deliveries: 0,
            to_touch: Vec::new(),
            settled: Settled::default(),
        }
    }

    /// JetStream waits for this time from now on.
    pub(crate) fn set_settle_within(&mut self, settle_within: Duration) {
        self.settle_within = settle_within;
    }

    /// The time of a call, which is not before that of an earlier one: an event that may be delivered stays so.
    fn time(&mut self, now: Instant) -> Instant {
        *self.latest.insert(self.latest.map_or(now, |latest| latest.max(now)))
    }

    /// JetStream has delivered an event.
    pub(crate) fn arrive(
        &mut self,
        delivered: Delivered,
        subject: Option<&str>,
        item: T,
        address: Subject,
        now: Instant,
    ) {
        let now = self.time(now);
        let Delivered { sequence, attempt, kept_at, .. } = delivered;
        // A first delivery is none that was sent again: its consumer was created again.
        if attempt > 1 && self.settled.contains((sequence, kept_at)) {
            return;
        }
        if self.entries.get(&sequence).is_some_and(|entry| entry.kept_at != kept_at) {
            // The event of a stream that was deleted: what is said about it would count for the one that has its place now.
            self.remove(sequence, now);
        }
        if let Some(entry) = self.entries.get_mut(&sequence) {
            (entry.address, entry.touched) = (address, now);
            match &mut entry.place {
                Place::Delivered { renewed, .. } => *renewed = true,
                Place::Away(_) => self.place(sequence, Place::Waiting(now), now),
                Place::Waiting(_) | Place::Settling => {}
            }
            return;
        }
        let lane = subject.map_or(Lane::Alone(sequence), |subject| Lane::Subject(subject.into()));
        self.orders.entry(lane.clone()).or_default().sequences.insert(sequence);
        let (attempts, delivery, place) = (attempt.saturating_sub(1), 0, Place::Waiting(now));
        let limits = DeliveryLimits::new(self.settle_within, 0);
        let entry =
            Entry { lane: lane.clone(), item, kept_at, address, touched: now, attempts, delivery, limits, place };
        self.entries.insert(sequence, entry);
        self.refresh(&lane, now);
    }

    /// The next event that can be delivered. A subscriber has it for its time for settling.
    pub(crate) fn take(&mut self, now: Instant, limits: &DeliveryLimits) -> Option<(Receipt, T)> {
        let now = self.time(now);
        self.expire(now);
        if !self.in_flight.permits(limits) {
            return None;
        }
        let sequence = self.first_fresh(now)?;
        let entry = self.entries.get_mut(&sequence)?;
        self.deliveries += 1;
        entry.attempts += 1;
        (entry.delivery, entry.limits) = (self.deliveries, *limits);
        let taken = (Receipt { sequence, attempt: entry.attempts, delivery: entry.delivery }, entry.item.clone());
        if now > entry.touched + self.settle_within / 10 {
            entry.touched = now;
            self.to_touch.push(entry.address.clone());
        }
        self.place(sequence, Place::Delivered { until: now + limits.settle_within, renewed: false }, now);
        Some(taken)
    }

    /// The first event that can be delivered, and of which JetStream has heard within the time for settling. Others may have gone
    /// to another subscriber while this process, or the connection, stood still.
    fn first_fresh(&mut self, now: Instant) -> Option<u64> {
        loop {
            let sequence = *self.ready.first()?;
            if now < self.entries.get(&sequence)?.touched + self.settle_within {
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
        if let Some(entry) = self.entry(receipt) {
            self.settled.add((receipt.sequence, entry.kept_at));
            self.remove(receipt.sequence, now);
        }
    }

    /// Whether the settlement of a delivery has begun, and can still be sent.
    pub(crate) fn is_settling(&self, receipt: Receipt) -> bool {
        self.entry(receipt).is_some_and(|entry| entry.place == Place::Settling)
    }

    /// Whether everything that is on its way must arrive before [`all_arrived`](Self::all_arrived): an event was settled of which
    /// JetStream may have sent another delivery before it had the settlement. What is settled from now on counts for the next time.
    pub(crate) fn must_all_arrive(&mut self) -> bool {
        self.settled.begin()
    }

    /// What was on its way at the last [`must_all_arrive`](Self::must_all_arrive) has arrived.
    pub(crate) fn all_arrived(&mut self) {
        self.settled.end();
    }

    /// Whether the settlement was kept is unknown: when it was not, JetStream delivers the event again.
    pub(crate) fn unsettled(&mut self, receipt: Receipt, now: Instant) {
        let now = self.time(now);
        if self.entry(receipt).is_some() {
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

    /// Takes back a delivery that no client has received: it does not count as an attempt, and can be made again now.
    pub(crate) fn put_back(&mut self, receipt: Receipt, now: Instant) -> Result<Subject, NotHeld> {
        let address = self.delay(receipt, Duration::ZERO, now)?;
        if let Some(entry) = self.entries.get_mut(&receipt.sequence) {
            entry.attempts -= 1;
        }
        Ok(address)
    }

    /// Restarts the time for settling.
    pub(crate) fn prolong(&mut self, receipt: Receipt, now: Instant) -> Result<Subject, NotHeld> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt)?;
        entry.touched = now;
        let (address, settle_within) = (entry.address.clone(), entry.limits.settle_within);
        self.place(receipt.sequence, Place::Delivered { until: now + settle_within, renewed: false }, now);
        Ok(address)
    }

    /// The addresses of the events that wait here, and of which JetStream must hear so that it does not deliver them again.
    pub(crate) fn touch(&mut self, now: Instant) -> Vec<Subject> {
        let now = self.time(now);
        let mut addresses = std::mem::take(&mut self.to_touch);
        for entry in self.entries.values_mut() {
            // Of one that could be delivered and was forgotten too long, JetStream need not hear: it comes again.
            let is_due = |from| from > now || now < entry.touched + self.settle_within;
            if matches!(entry.place, Place::Waiting(from) if is_due(from))
                && now >= entry.touched + self.settle_within / 3
            {
                entry.touched = now;
                addresses.push(entry.address.clone());
            }
        }
        addresses
    }

    /// The addresses of the events whose time for settling began before they were delivered.
    pub(crate) fn touch_delivered(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.to_touch)
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
        self.in_flight.total()
    }

    /// The number of events that JetStream is to deliver again.
    pub(crate) fn away(&self) -> usize {
        self.away
    }

    /// The number of events for whose settlement JetStream certainly waits.
    pub(crate) fn present(&self) -> usize {
        let is_present = |entry: &&Entry<T>| matches!(entry.place, Place::Waiting(_) | Place::Delivered { .. });
        self.entries.values().filter(is_present).count()
    }

    /// The event of a delivery that is its last one.
    fn entry(&self, receipt: Receipt) -> Option<&Entry<T>> {
        self.entries.get(&receipt.sequence).filter(|entry| entry.delivery == receipt.delivery)
    }

    fn delivered(&mut self, receipt: Receipt) -> Result<&mut Entry<T>, NotHeld> {
        let entry = self.entries.get_mut(&receipt.sequence).ok_or(NotHeld)?;
        let is_his = entry.delivery == receipt.delivery && matches!(entry.place, Place::Delivered { .. });
        if is_his { Ok(entry) } else { Err(NotHeld) }
    }
}

#[cfg(test)]
mod tests;
