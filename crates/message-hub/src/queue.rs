//! What one subscription has not settled: which event comes next, and when.

use crate::Settlement;
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

/// The receipt is of a delivery that was settled, or another subscriber has got it since.
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
    held: HashMap<u64, (Lane, Instant)>,
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

    /// The next event that can be delivered, with the receipt to settle it with. It is held until `now + settle_within`.
    /// `None`: nothing can be delivered now, or `max_in_flight` events are held.
    pub fn take(&mut self, now: Instant, settle_within: Duration, max_in_flight: usize) -> Option<(Receipt, T)> {
        self.expire(now);
        if self.held.len() >= max_in_flight {
            return None;
        }
        let (sequence, lane) = self.ready.pop_first()?;
        let first = self.lanes.get_mut(&lane)?.front_mut()?;
        first.attempts += 1;
        let (receipt, item) = (Receipt { sequence, attempt: first.attempts }, first.item.clone());
        let until = now + settle_within;
        self.held.insert(sequence, (lane, until));
        self.timers.insert((until, sequence));
        Some((receipt, item))
    }

    /// Settles a delivery.
    ///
    /// # Errors
    /// [`NotHeld`]: nothing changed.
    pub fn settle(&mut self, receipt: Receipt, settlement: &Settlement, now: Instant) -> Result<(), NotHeld> {
        let lane = self.release(receipt, now)?;
        match settlement {
            Settlement::RetryAfter(pause) => {
                self.timers.insert((now + *pause, receipt.sequence));
                self.delayed.insert(receipt.sequence, lane);
            }
            Settlement::Ack | Settlement::Reject(_) => self.remove_first(lane),
        }
        Ok(())
    }

    /// Begins the time for settling a delivery again.
    ///
    /// # Errors
    /// [`NotHeld`]: nothing changed.
    pub fn prolong(&mut self, receipt: Receipt, settle_within: Duration, now: Instant) -> Result<(), NotHeld> {
        let lane = self.release(receipt, now)?;
        let until = now + settle_within;
        self.held.insert(receipt.sequence, (lane, until));
        self.timers.insert((until, receipt.sequence));
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

    /// Takes a delivery back from its subscriber.
    fn release(&mut self, receipt: Receipt, now: Instant) -> Result<Lane, NotHeld> {
        self.expire(now);
        let (lane, until) = self.held.get(&receipt.sequence).ok_or(NotHeld)?;
        let first = self.lanes.get(lane).and_then(VecDeque::front).ok_or(NotHeld)?;
        if first.attempts != receipt.attempt {
            return Err(NotHeld);
        }
        let (lane, until) = (lane.clone(), *until);
        self.timers.remove(&(until, receipt.sequence));
        self.held.remove(&receipt.sequence);
        Ok(lane)
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
            let lane = self.held.remove(&sequence).map(|(lane, _)| lane).or_else(|| self.delayed.remove(&sequence));
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
        let now = Instant::now();
        let (first, _) = queue.take(now, WITHIN, 9).unwrap();
        let rest: Vec<_> = std::iter::from_fn(|| queue.take(now, WITHIN, 9)).map(|(_, item)| item).collect();
        assert_eq!((first.sequence, rest), (1, vec![3, 4, 5]));
        queue.settle(first, &Settlement::Ack, now).unwrap();
        assert_eq!(queue.take(now, WITHIN, 9).unwrap().1, 2);
    }

    #[test]
    fn a_delayed_event_delays_its_subject_and_nothing_else() {
        let mut queue = queue(&[(1, Some("a")), (2, Some("a")), (3, Some("b"))]);
        let now = Instant::now();
        let (first, _) = queue.take(now, WITHIN, 9).unwrap();
        queue.settle(first, &Settlement::RetryAfter(WITHIN), now).unwrap();
        assert_eq!(queue.take(now, WITHIN, 9).unwrap().1, 3);
        assert_eq!(queue.take(now + WITHIN / 2, WITHIN, 9), None);
        assert_eq!(queue.wakes_at(), Some(now + WITHIN));
        let (again, item) = queue.take(now + WITHIN, WITHIN, 9).unwrap();
        assert_eq!((item, again.attempt), (1, 2));
    }

    #[test]
    fn a_delivery_that_is_not_settled_in_time_is_delivered_again_and_its_receipt_is_worthless() {
        let mut queue = queue(&[(1, Some("a"))]);
        let now = Instant::now();
        let (late, _) = queue.take(now, WITHIN, 9).unwrap();
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN), Err(NotHeld));
        let (again, _) = queue.take(now + WITHIN, WITHIN, 9).unwrap();
        assert_eq!(queue.settle(late, &Settlement::Ack, now + WITHIN), Err(NotHeld));
        queue.prolong(again, WITHIN, now + WITHIN * 2 - Duration::from_secs(1)).unwrap();
        assert_eq!(queue.settle(again, &Settlement::Ack, now + WITHIN * 2), Ok(()));
        assert!(queue.is_empty() && queue.wakes_at().is_none());
        assert_eq!(queue.settle(again, &Settlement::Ack, now + WITHIN * 2), Err(NotHeld));
    }

    #[test]
    fn no_more_than_the_maximum_are_in_flight() {
        let mut queue = queue(&[(1, None), (2, None), (3, None)]);
        let now = Instant::now();
        let (first, _) = queue.take(now, WITHIN, 2).unwrap();
        queue.take(now, WITHIN, 2).unwrap();
        assert_eq!((queue.take(now, WITHIN, 2), queue.in_flight()), (None, 2));
        queue.settle(first, &Settlement::Reject("no".into()), now).unwrap();
        assert_eq!(queue.take(now, WITHIN, 2).unwrap().1, 3);
        assert_eq!(queue.len(), 2);
    }
}
