//! What one subscription has not settled: which event comes next, and when.

use crate::{DeliveryLimits, InFlight, Settlement};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// The events of one order. Events without a subject have no order among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Subject(Arc<str>),
    Alone(u64),
}

#[derive(Debug)]
struct Waiting<T> {
    sequence: u64,
    attempts: u64,
    item: T,
}

/// Shows which delivery of an event is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The place of the event in the hub.
    pub sequence: u64,
    /// Which delivery of it.
    pub attempt: u64,
}

/// A delivery that is not settled.
#[derive(Debug)]
struct Held {
    lane: Lane,
    until: Instant,
    limits: DeliveryLimits,
}

/// The receipt is of a delivery that was settled, or whose event was delivered again since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeld;

/// The unsettled events of one subscription: per subject in their order, one at a time. It knows no clock and waits for
/// nothing, so that every hub can keep it where it likes: each call gets the time.
///
/// All operations take time logarithmic in the number of events.
#[derive(Debug)]
pub struct DeliveryQueue<T> {
    lanes: HashMap<Lane, VecDeque<Waiting<T>>>,
    /// The first events of lanes that can be delivered now.
    ready: BTreeMap<u64, Lane>,
    /// The first events of lanes that are delivered and not settled.
    held: HashMap<u64, Held>,
    /// The same ones, by the limits under which they were delivered.
    in_flight: InFlight,
    /// The first events of lanes that are delayed, and those that are held, by the time at which they become ready.
    timers: BTreeSet<(Instant, u64)>,
    delayed: HashMap<u64, Lane>,
    unsettled: usize,
}

impl<T> Default for DeliveryQueue<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            ready: BTreeMap::new(),
            held: HashMap::new(),
            in_flight: InFlight::default(),
            timers: BTreeSet::new(),
            delayed: HashMap::new(),
            unsettled: 0,
        }
    }
}

impl<T: Clone> DeliveryQueue<T> {
    /// Adds an event behind those of its subject. `sequence` must be higher than every earlier one; `attempts`: how often it
    /// was delivered before, as far as the hub remembers.
    pub fn push(&mut self, sequence: u64, attempts: u64, subject: Option<&Arc<str>>, item: T) {
        let lane = subject.map_or(Lane::Alone(sequence), |subject| Lane::Subject(Arc::clone(subject)));
        let waiting = self.lanes.entry(lane.clone()).or_default();
        waiting.push_back(Waiting { sequence, attempts, item });
        self.unsettled += 1;
        if waiting.len() == 1 {
            self.ready.insert(sequence, lane);
        }
    }

    /// The next event that can be delivered, with the receipt to settle it with. It is held until its time for settling is over.
    /// `None`: nothing can be delivered now, or subscribers with these limits have the maximum number of deliveries.
    pub fn take(&mut self, now: Instant, limits: &DeliveryLimits) -> Option<(Receipt, T)> {
        self.expire(now);
        if !self.in_flight.permits(limits) {
            return None;
        }
        let (sequence, lane) = self.ready.pop_first()?;
        let first = self.lanes.get_mut(&lane)?.front_mut()?;
        first.attempts += 1;
        let (receipt, item) = (Receipt { sequence, attempt: first.attempts }, first.item.clone());
        self.hold(sequence, Held { lane, until: now + limits.settle_within, limits: *limits });
        Some((receipt, item))
    }

    /// Settles a delivery.
    ///
    /// # Errors
    /// [`NotHeld`]: nothing changed.
    pub fn settle(&mut self, receipt: Receipt, settlement: &Settlement, now: Instant) -> Result<(), NotHeld> {
        let Held { lane, .. } = self.release(receipt, now)?;
        match settlement {
            Settlement::RetryAfter(pause) => self.delay(receipt.sequence, lane, now + *pause),
            Settlement::Ack | Settlement::Reject(_) => self.remove_first(lane),
        }
        Ok(())
    }

    /// Takes back a delivery that no client has received: it does not count as an attempt, and can be made again after `pause`.
    ///
    /// # Errors
    /// [`NotHeld`]: nothing changed.
    pub fn put_back(&mut self, receipt: Receipt, pause: Duration, now: Instant) -> Result<(), NotHeld> {
        let Held { lane, .. } = self.release(receipt, now)?;
        if let Some(first) = self.lanes.get_mut(&lane).and_then(VecDeque::front_mut) {
            // Its receipt ends here, so that the next delivery may have the same number.
            first.attempts -= 1;
        }
        self.delay(receipt.sequence, lane, now + pause);
        Ok(())
    }

    /// Restarts the time for settling a delivery.
    ///
    /// # Errors
    /// [`NotHeld`]: nothing changed.
    pub fn prolong(&mut self, receipt: Receipt, settle_within: Duration, now: Instant) -> Result<(), NotHeld> {
        let held = self.release(receipt, now)?;
        self.hold(receipt.sequence, Held { until: now + settle_within, ..held });
        Ok(())
    }

    /// When [`take`](Self::take) should be called again although nothing was pushed or settled.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The number of events that are not settled, delivered ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.unsettled
    }

    /// Whether everything is settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unsettled == 0
    }

    /// The number of deliveries that are not settled.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.held.len()
    }

    fn hold(&mut self, sequence: u64, held: Held) {
        self.timers.insert((held.until, sequence));
        self.in_flight.add(held.limits);
        self.held.insert(sequence, held);
    }

    fn unhold(&mut self, sequence: u64) -> Option<Held> {
        let held = self.held.remove(&sequence)?;
        self.in_flight.remove(held.limits);
        Some(held)
    }

    /// The first event of a lane can be delivered from this time on.
    fn delay(&mut self, sequence: u64, lane: Lane, until: Instant) {
        self.timers.insert((until, sequence));
        self.delayed.insert(sequence, lane);
    }

    /// Takes a delivery back from its subscriber.
    fn release(&mut self, receipt: Receipt, now: Instant) -> Result<Held, NotHeld> {
        self.expire(now);
        let Held { lane, until, .. } = self.held.get(&receipt.sequence).ok_or(NotHeld)?;
        let first = self.lanes.get(lane).and_then(VecDeque::front).ok_or(NotHeld)?;
        if first.attempts != receipt.attempt {
            return Err(NotHeld);
        }
        self.timers.remove(&(*until, receipt.sequence));
        self.unhold(receipt.sequence).ok_or(NotHeld)
    }

    fn remove_first(&mut self, lane: Lane) {
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        waiting.pop_front();
        self.unsettled -= 1;
        match waiting.front() {
            Some(next) => {
                self.ready.insert(next.sequence, lane);
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Deliveries that were not settled in time, and pauses that have passed, become ready.
    fn expire(&mut self, now: Instant) {
        while let Some((at, sequence)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let lane = self.unhold(sequence).map(|held| held.lane).or_else(|| self.delayed.remove(&sequence));
            if let Some(lane) = lane {
                self.ready.insert(sequence, lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    fn queue(events: &[(u64, Option<&str>)]) -> DeliveryQueue<u64> {
        let mut queue = DeliveryQueue::default();
        for (sequence, subject) in events {
            queue.push(*sequence, 0, subject.map(Arc::from).as_ref(), *sequence);
        }
        queue
    }

    #[test]
    fn events_of_a_subject_come_one_at_a_time_and_others_beside() {
        let mut queue = queue(&[(1, Some("a")), (2, Some("a")), (3, Some("b")), (4, None), (5, None)]);
        let (now, nine) = (Instant::now(), DeliveryLimits::new(WITHIN, 9));
        let (first, _) = queue.take(now, &nine).unwrap();
        let rest: Vec<_> = std::iter::from_fn(|| queue.take(now, &nine)).map(|(_, item)| item).collect();
        assert_eq!((first.sequence, rest), (1, vec![3, 4, 5]));
        queue.settle(first, &Settlement::Ack, now).unwrap();
        assert_eq!(queue.take(now, &nine).unwrap().1, 2);
    }

    #[test]
    fn a_delayed_event_delays_its_subject_and_nothing_else() {
        let mut queue = queue(&[(1, Some("a")), (2, Some("a")), (3, Some("b"))]);
        let (now, nine) = (Instant::now(), DeliveryLimits::new(WITHIN, 9));
        let (first, _) = queue.take(now, &nine).unwrap();
        queue.settle(first, &Settlement::RetryAfter(WITHIN), now).unwrap();
        assert_eq!(queue.take(now, &nine).unwrap().1, 3);
        assert_eq!(queue.take(now + WITHIN / 2, &nine), None);
        assert_eq!(queue.wakes_at(), Some(now + WITHIN));
        let (again, item) = queue.take(now + WITHIN, &nine).unwrap();
        assert_eq!((item, again.attempt), (1, 2));
    }

    #[test]
    fn a_delivery_that_is_not_settled_in_time_is_delivered_again_and_its_receipt_is_worthless() {
        let mut queue = queue(&[(1, Some("a"))]);
        let (now, nine) = (Instant::now(), DeliveryLimits::new(WITHIN, 9));
        let (late, _) = queue.take(now, &nine).unwrap();
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN), Err(NotHeld));
        let (again, _) = queue.take(now + WITHIN, &nine).unwrap();
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN), Err(NotHeld));
        queue.prolong(again, WITHIN, now + WITHIN * 2 - Duration::from_secs(1)).unwrap();
        assert_eq!(queue.settle(again, &Settlement::Ack, now + WITHIN * 2), Ok(()));
        assert!(queue.is_empty() && queue.wakes_at().is_none());
        assert_eq!(queue.settle(again, &Settlement::Ack, now + WITHIN * 2), Err(NotHeld));
    }

    #[test]
    fn a_delivery_that_is_put_back_does_not_count_as_an_attempt() {
        let mut queue = queue(&[(1, Some("a")), (2, Some("a"))]);
        let (now, nine) = (Instant::now(), DeliveryLimits::new(WITHIN, 9));
        for _ in 0..3 {
            let (receipt, _) = queue.take(now, &nine).unwrap();
            assert_eq!(receipt, Receipt { sequence: 1, attempt: 1 });
            queue.put_back(receipt, Duration::ZERO, now).unwrap();
            assert_eq!(queue.put_back(receipt, Duration::ZERO, now), Err(NotHeld));
        }
        let (late, _) = queue.take(now, &nine).unwrap();
        assert_eq!(queue.put_back(late, Duration::ZERO, now + WITHIN), Err(NotHeld));
        let (again, _) = queue.take(now + WITHIN, &nine).unwrap();
        queue.put_back(again, WITHIN, now + WITHIN).unwrap();
        assert_eq!(queue.take(now + WITHIN, &nine), None);
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN), Err(NotHeld), "its time was over");
        let (again, _) = queue.take(now + WITHIN * 2, &nine).unwrap();
        assert_eq!((again.attempt, queue.len()), (2, 2));
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN * 2), Err(NotHeld));
    }

    #[test]
    fn no_more_than_the_maximum_are_in_flight() {
        let mut queue = queue(&[(1, None), (2, None), (3, None)]);
        let (now, two) = (Instant::now(), DeliveryLimits::new(WITHIN, 2));
        let (first, _) = queue.take(now, &two).unwrap();
        queue.take(now, &two).unwrap();
        assert_eq!((queue.take(now, &two), queue.in_flight()), (None, 2));
        queue.settle(first, &Settlement::Reject("no".into()), now).unwrap();
        assert_eq!(queue.take(now, &two).unwrap().1, 3);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn subscribers_with_the_same_limits_have_one_maximum_of_deliveries() {
        let mut queue = queue(&[(1, None), (2, None), (3, None), (4, None)]);
        let (now, two, one) = (Instant::now(), DeliveryLimits::new(WITHIN, 2), DeliveryLimits::new(WITHIN * 2, 1));
        let (first, _) = queue.take(now, &two).unwrap();
        queue.take(now, &two).unwrap();
        let (third, _) = queue.take(now, &one).unwrap();
        let same = DeliveryLimits::new(WITHIN * 2, 1);
        assert_eq!((third.sequence, queue.take(now, &same), queue.take(now, &two)), (3, None, None));
        queue.settle(first, &Settlement::Ack, now).unwrap();
        assert_eq!((queue.take(now, &one), queue.take(now, &two).map(|(_, item)| item)), (None, Some(4)));
        assert_eq!(queue.take(now + WITHIN, &two).map(|(_, item)| item), Some(2), "its deliveries are over");
        let mut left = InFlight::default();
        [two, one].into_iter().for_each(|limits| left.add(limits));
        assert_eq!((&queue.in_flight, queue.in_flight()), (&left, 2));
    }
}
