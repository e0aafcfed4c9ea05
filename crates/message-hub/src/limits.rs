//! Limits of subscribers, and how many deliveries there are under each.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

/// The limits of subscribers that take the events of a subscription together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryLimits {
    /// The time for settling that they have.
    pub settle_within: Duration,
    /// The maximum number of their deliveries that are not settled.
    pub max_in_flight: usize,
}

impl DeliveryLimits {
    /// This time for settling a delivery, and this maximum number of deliveries that are not settled.
    #[must_use]
    pub fn new(settle_within: Duration, max_in_flight: usize) -> Self {
        Self { settle_within, max_in_flight }
    }
}

/// The number of deliveries that are not settled, by the limits under which they were made.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    by_limits: HashMap<DeliveryLimits, usize>,
    total: usize,
}

impl InFlight {
    /// Whether these limits permit one more delivery.
    #[must_use]
    pub fn permits(&self, limits: &DeliveryLimits) -> bool {
        self.by_limits.get(limits).is_none_or(|number| *number < limits.max_in_flight)
    }

    /// One more was made under these limits.
    pub fn add(&mut self, limits: DeliveryLimits) {
        self.total += 1;
        *self.by_limits.entry(limits).or_default() += 1;
    }

    /// One of those that were made under these limits is not in flight any more.
    pub fn remove(&mut self, limits: DeliveryLimits) {
        if let Entry::Occupied(mut number) = self.by_limits.entry(limits) {
            self.total -= 1;
            *number.get_mut() -= 1;
            if *number.get() == 0 {
                number.remove();
            }
        }
    }

    /// The number of all of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_without_deliveries_are_forgotten() {
        let (one, two) = (DeliveryLimits::new(Duration::ZERO, 1), DeliveryLimits::new(Duration::ZERO, 2));
        let mut in_flight = InFlight::default();
        in_flight.add(one);
        in_flight.add(two);
        assert_eq!((in_flight.permits(&one), in_flight.permits(&two), in_flight.total()), (false, true, 2));
        in_flight.remove(one);
        in_flight.remove(one);
        assert_eq!((in_flight.permits(&one), in_flight.by_limits.len(), in_flight.total()), (true, 1, 1));
    }
}
