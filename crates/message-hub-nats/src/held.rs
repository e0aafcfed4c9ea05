//! What a subscriber has received and not settled: which event comes next, in the order of its subject.
//!
//! JetStream delivers many events of a subject at the same time; here they wait for each other. It knows no clock and sends
//! nothing: each call gets the time. A caller may have read its time before another one that came first; time never goes back here.

use crate::lane::{Entry, Lane, Order, Place, Receipt};
use async_nats::Subject;
use character_message_hub::NotHeld;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// What a subscriber has received.
#[derive(Debug)]
pub(crate) struct Held<T> {
    settle_within: Duration,
    /// The latest time of a call.
    latest: Option<Instant>,
    entries: BTreeMap<u64, Entry<T>>,
    orders: HashMap<Lane, Order>,
    ready: BTreeSet<u64>,
    timers: BTreeSet<(Instant, u64)>,
    in_flight: usize,
    /// Addresses of events whose time for settling began before they were delivered.
    to_touch: Vec<Subject>,
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
            in_flight: 0,
            to_touch: Vec::new(),
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
            match &mut entry.place {
                Place::Delivered { renewed, .. } => *renewed = true,
                Place::Away(_) => self.place(sequence, Place::Waiting(now), now),
                Place::Waiting(_) | Place::Settling => {}
            }
            return;
        }
        let lane = subject.map_or(Lane::Alone(sequence), |subject| Lane::Subject(subject.into()));
        self.orders.entry(lane.clone()).or_default().sequences.insert(sequence);
        let (attempts, place) = (delivered.saturating_sub(1), Place::Waiting(now));
        self.entries.insert(sequence, Entry { lane: lane.clone(), item, address, touched: now, attempts, place });
        self.refresh(&lane, now);
    }

    /// The next event that can be delivered. A subscriber has it for the time for settling.
    pub(crate) fn take(&mut self, now: Instant, max_in_flight: usize) -> Option<(Receipt, T)> {
        let now = self.time(now);
        self.expire(now);
        if self.in_flight >= max_in_flight {
            return None;
        }
        let sequence = self.first_fresh(now)?;
        let entry = self.entries.get_mut(&sequence)?;
        entry.attempts += 1;
        let taken = (Receipt { sequence, attempt: entry.attempts }, entry.item.clone());
        if now > entry.touched + self.settle_within / 10 {
            entry.touched = now;
            self.to_touch.push(entry.address.clone());
        }
        self.place(sequence, Place::Delivered { until: now + self.settle_within, renewed: false }, now);
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

    /// Restarts the time for settling.
    pub(crate) fn prolong(&mut self, receipt: Receipt, now: Instant) -> Result<Subject, NotHeld> {
        let now = self.time(now);
        self.expire(now);
        let entry = self.delivered(receipt)?;
        entry.touched = now;
        let address = entry.address.clone();
        self.place(receipt.sequence, Place::Delivered { until: now + self.settle_within, renewed: false }, now);
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

    /// Gives up every event that no subscriber has, and returns their addresses in the order of the stream.
    pub(crate) fn release(&mut self, now: Instant) -> Vec<Subject> {
        let now = self.time(now);
        let waiting: Vec<u64> = self
            .entries
            .iter()
            .filter_map(|(sequence, entry)| matches!(entry.place, Place::Waiting(_)).then_some(*sequence))
            .collect();
        let addresses =
            waiting.iter().filter_map(|sequence| Some(self.entries.get(sequence)?.address.clone())).collect();
        for sequence in waiting {
            self.remove(sequence, now);
        }
        addresses
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
        self.in_flight
    }

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
                Place::Delivered { until, renewed: true } if until <= now => {
                    self.place(sequence, Place::Waiting(now), now);
                }
                Place::Delivered { until, renewed: false } if until <= now => {
                    self.place(sequence, Place::Away(self.forgotten_at(now)), now);
                }
                Place::Away(until) if until <= now => self.remove(sequence, now),
                // A timer of an earlier place.
                _ => {}
            }
        }
    }

    /// JetStream delivers within the time for settling; after twice that, another subscriber has it.
    fn forgotten_at(&self, now: Instant) -> Instant {
        now + self.settle_within * 2 + Duration::from_secs(5)
    }

    fn delivered(&mut self, receipt: Receipt) -> Result<&mut Entry<T>, NotHeld> {
        let entry = self.entries.get_mut(&receipt.sequence).ok_or(NotHeld)?;
        let is_his = entry.attempts == receipt.attempt && matches!(entry.place, Place::Delivered { .. });
        if is_his { Ok(entry) } else { Err(NotHeld) }
    }

    /// Moves an event to another place.
    fn place(&mut self, sequence: u64, place: Place, now: Instant) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let is_out = |place| matches!(place, Place::Delivered { .. } | Place::Settling);
        match (is_out(entry.place), is_out(place)) {
            (false, true) => self.in_flight += 1,
            (true, false) => self.in_flight -= 1,
            _ => {}
        }
        entry.place = place;
        let lane = entry.lane.clone();
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

    fn remove(&mut self, sequence: u64, now: Instant) {
        let Some(entry) = self.entries.remove(&sequence) else { return };
        if matches!(entry.place, Place::Delivered { .. } | Place::Settling) {
            self.in_flight -= 1;
        }
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
    fn refresh(&mut self, lane: &Lane, now: Instant) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    struct Stage {
        held: Held<u64>,
        now: Instant,
    }

    impl Stage {
        fn new() -> Self {
            Self { held: Held::new(WITHIN), now: Instant::now() }
        }

        fn arrive(&mut self, sequence: u64, delivered: u64, subject: &str) {
            let subject = Some(subject).filter(|subject| !subject.is_empty());
            let address = format!("{sequence}/{delivered}").into();
            self.held.arrive(sequence, delivered, subject, sequence, address, self.now);
        }

        fn take(&mut self) -> Option<Receipt> {
            self.held.take(self.now, 100).map(|(receipt, _)| receipt)
        }
    }

    #[test]
    fn an_order_is_that_of_the_stream_whatever_arrives_first() {
        let mut stage = Stage::new();
        for sequence in [3, 1, 2] {
            stage.arrive(sequence, 1, "a");
        }
        for expected in 1..=3 {
            let receipt = stage.take().unwrap();
            assert_eq!((receipt.sequence, stage.take()), (expected, None));
            stage.held.begin(receipt, stage.now).unwrap();
            stage.held.settled(receipt, stage.now);
        }
        assert_eq!((stage.held.len(), stage.held.in_flight(), stage.held.orders.len()), (0, 0, 0));
    }

    #[test]
    fn an_event_that_may_be_delivered_stays_so_when_the_time_of_another_call_was_read_before() {
        let mut stage = Stage::new();
        let before = stage.now;
        stage.arrive(1, 1, "a");
        let first = stage.take().unwrap();
        stage.now += Duration::from_millis(1);
        stage.held.delay(first, Duration::ZERO, stage.now).unwrap();
        // The next event of the subject arrives on another thread, which read the clock before the delay.
        stage.held.arrive(2, 1, Some("a"), 2, "2/1".into(), before);
        assert_eq!(stage.take(), Some(Receipt { sequence: 1, attempt: 2 }));
    }

    #[test]
    fn an_older_event_that_arrives_late_waits_for_the_one_that_is_out() {
        let mut stage = Stage::new();
        stage.arrive(2, 1, "a");
        let second = stage.take().unwrap();
        stage.arrive(1, 2, "a");
        assert_eq!(stage.take(), None);
        stage.held.begin(second, stage.now).unwrap();
        stage.held.settled(second, stage.now);
        assert_eq!(stage.take(), Some(Receipt { sequence: 1, attempt: 2 }));
    }

    #[test]
    fn an_expired_delivery_comes_back_when_the_server_delivers_it_again() {
        let mut stage = Stage::new();
        stage.arrive(1, 1, "a");
        stage.arrive(2, 1, "a");
        let late = stage.take().unwrap();
        stage.now += WITHIN;
        assert_eq!(stage.take(), None, "its later ones wait for it");
        assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld));
        stage.arrive(1, 2, "a");
        let again = stage.take().unwrap();
        assert_eq!(again, Receipt { sequence: 1, attempt: 2 });
        assert_eq!(stage.held.begin(late, stage.now), Err(NotHeld));
        assert_eq!(stage.held.begin(again, stage.now).unwrap().0, "1/2".into());
    }

    #[test]
    fn an_event_that_the_server_delivers_early_stays_with_its_subscriber_until_its_time() {
        let mut stage = Stage::new();
        stage.arrive(1, 1, "a");
        let first = stage.take().unwrap();
        stage.now += WITHIN / 2;
        stage.arrive(1, 2, "a");
        assert_eq!(stage.take(), None);
        stage.now += WITHIN / 2;
        let again = stage.take().unwrap();
        assert_eq!((again.attempt, stage.held.begin(first, stage.now)), (2, Err(NotHeld)));
    }

    #[test]
    fn an_event_that_another_subscriber_got_frees_its_order() {
        let mut stage = Stage::new();
        stage.arrive(1, 1, "a");
        stage.arrive(2, 1, "a");
        stage.take().unwrap();
        for _ in 0..6 {
            stage.now += WITHIN / 2;
            stage.held.touch(stage.now);
            assert_eq!(stage.take(), None);
        }
        stage.now += Duration::from_secs(5);
        assert_eq!(stage.take().unwrap().sequence, 2);
    }

    #[test]
    fn a_delayed_event_delays_its_order_alone_and_the_server_hears_of_it() {
        let mut stage = Stage::new();
        for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b"), (4, "")] {
            stage.arrive(sequence, 1, subject);
        }
        let first = stage.take().unwrap();
        stage.held.delay(first, WITHIN * 2, stage.now).unwrap();
        assert_eq!([stage.take(), stage.take()].map(|receipt| receipt.unwrap().sequence), [3, 4]);
        assert_eq!(stage.take(), None);
        assert!(stage.held.touch(stage.now).is_empty());
        stage.now += WITHIN / 3;
        assert_eq!(stage.held.touch(stage.now).len(), 2, "the delayed event and the one behind it");
        assert_eq!(stage.held.wakes_at().map(|at| at > stage.now), Some(true));
        for _ in 0..4 {
            stage.now += WITHIN / 2;
            stage.held.touch(stage.now);
        }
        assert_eq!(stage.take(), Some(Receipt { sequence: 1, attempt: 2 }));
    }

    #[test]
    fn an_event_that_waited_while_the_process_stood_still_is_left_to_the_server() {
        let mut stage = Stage::new();
        for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b")] {
            stage.arrive(sequence, 1, subject);
        }
        stage.now += WITHIN;
        assert!(stage.held.touch(stage.now).is_empty());
        assert_eq!(stage.take(), None);
        stage.arrive(3, 2, "b");
        assert_eq!(stage.take(), Some(Receipt { sequence: 3, attempt: 1 }));
        stage.arrive(1, 2, "a");
        assert_eq!(stage.take().map(|receipt| receipt.sequence), Some(1));
    }

    #[test]
    fn progress_keeps_a_delivery_and_released_events_are_those_that_nobody_has() {
        let mut stage = Stage::new();
        for (sequence, subject) in [(1, "a"), (2, "a"), (3, "b")] {
            stage.arrive(sequence, 1, subject);
        }
        let first = stage.take().unwrap();
        stage.now += WITHIN - Duration::from_secs(1);
        stage.held.prolong(first, stage.now).unwrap();
        stage.now += WITHIN - Duration::from_secs(1);
        assert_eq!(stage.held.release(stage.now), ["2/1".into(), "3/1".into()]);
        stage.held.begin(first, stage.now).unwrap();
        stage.held.unsettled(first, stage.now);
        assert_eq!((stage.held.in_flight(), stage.held.len()), (0, 1));
        stage.arrive(1, 2, "a");
        assert_eq!(stage.take().unwrap().attempt, 2);
    }

    #[test]
    fn an_event_that_waited_long_begins_its_time_for_settling_when_it_is_delivered() {
        let mut stage = Stage::new();
        stage.arrive(1, 1, "a");
        stage.now += WITHIN / 5;
        stage.take().unwrap();
        assert_eq!(stage.held.touch_delivered(), ["1/1".into()]);
    }
}
