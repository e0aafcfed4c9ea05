//! The bytes that large requests and answers may use at the same time.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget when none is configured, in bytes: room for one bulk of the largest size and what others do meanwhile. 48 MiB.
pub const DEFAULT_BUDGET: u64 = 48 * 1024 * 1024;

/// The budget is counted in units of this many bytes, since the number of permits of a semaphore is limited.
const UNIT: u64 = 1024;
/// How long a read with a long answer waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many reads may wait for each one that fits into the budget. More would wait longer than a new attempt takes.
const WAITING_FOR_ONE: u64 = 16;

/// The budget of one process. Clones share it.
#[derive(Clone)]
pub struct Admission {
    units: Arc<Semaphore>,
    capacity: Arc<AtomicU32>,
    /// Units that are in use and leave the budget when they are released.
    surplus: Arc<AtomicUsize>,
    /// Reads that wait for their turn.
    waiting: Arc<AtomicUsize>,
    used: Gauge,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new(DEFAULT_BUDGET)
    }
}

/// A place among those that wait, for as long as it lives.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// `None`: this number waits already.
    fn among(waiting: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let one_more = |waiting| (waiting < most).then_some(waiting + 1);
        let entered = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        entered.then(|| Self(Arc::clone(waiting)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part of the budget, for as long as it lives.
#[derive(Debug)]
pub(super) struct Reserved {
    units: OwnedSemaphorePermit,
    used: Gauge,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.used.dec_by(count(self.units.num_permits()));
    }
}

impl Reserved {
    pub(super) fn bytes(&self) -> u64 {
        self.units.num_permits() as u64 * UNIT
    }

    /// Returns what is more than `bytes` to the budget.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let surplus =
            self.units.num_permits().saturating_sub(usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX));
        if let Some(surplus) = self.units.split(surplus) {
            self.used.dec_by(count(surplus.num_permits()));
        }
    }

    pub(super) fn merge(&mut self, mut other: Self) {
        if let Some(units) = other.units.split(other.units.num_permits()) {
            self.units.merge(units);
        }
    }
}

fn count(units: usize) -> i64 {
    i64::try_from(units as u64 * UNIT).unwrap_or(i64::MAX)
}

fn capacity_of(bytes: u64) -> u32 {
    u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, 1 << 28)
}

impl Admission {
    /// A budget of this many bytes, of which one large request may use the whole.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let capacity = capacity_of(bytes);
        Self {
            units: Arc::new(Semaphore::new(capacity as usize)),
            capacity: Arc::new(AtomicU32::new(capacity)),
            surplus: Arc::default(),
            waiting: Arc::default(),
            used: Gauge::default(),
            refused: Family::default(),
        }
    }

    /// Changes the budget to this many bytes, in every clone. What is in use beyond a smaller budget stays in use until its
    /// end, and nothing more is admitted meanwhile.
    pub fn resize(&self, bytes: u64) {
        let capacity = capacity_of(bytes);
        let before = self.capacity.swap(capacity, Ordering::Relaxed);
        if let more @ 1.. = capacity.saturating_sub(before) as usize {
            // What was still to leave the budget stays instead.
            let kept = self.take_surplus(more);
            self.units.add_permits(more - kept);
        } else {
            self.surplus.fetch_add(before.saturating_sub(capacity) as usize, Ordering::Relaxed);
            self.settle();
        }
    }

    /// Takes at most this number from the surplus, and returns how many it was.
    fn take_surplus(&self, most: usize) -> usize {
        let taken = |surplus: usize| Some(surplus.saturating_sub(most));
        let before = self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        before.unwrap_or_else(|before| before).min(most)
    }

    /// Lets units of the surplus that are free leave the budget.
    fn settle(&self) {
        if let owed @ 1.. = self.surplus.swap(0, Ordering::Relaxed) {
            let left = owed - self.units.forget_permits(owed);
            self.surplus.fetch_add(left, Ordering::Relaxed);
        }
    }

    /// Registers `http_server_large_bytes_in_flight` and `http_server_requests_refused_total`.
    pub fn register(&self, registry: &mut Registry) {
        // Shown from the start, so that the first refusal is a change.
        for way in ["in", "out"] {
            drop(self.refused.get_or_create(&[("way", way)]));
        }
        registry.register(
            "http_server_large_bytes_in_flight",
            "Bytes of large requests and responses in flight",
            self.used.clone(),
        );
        registry.register(
            "http_server_requests_refused",
            "Large requests rejected because MAX_IN_FLIGHT_BYTES was used up",
            self.refused.clone(),
        );
    }

    /// The units of a request or answer of this length. What is larger than the budget needs the whole of it.
    fn units_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.capacity.load(Ordering::Relaxed))
    }

    /// The whole budget, in bytes.
    pub(super) fn capacity(&self) -> u64 {
        u64::from(self.capacity.load(Ordering::Relaxed)) * UNIT
    }

    /// What is left of the budget, in bytes.
    #[cfg(test)]
    pub(super) fn available(&self) -> u64 {
        self.units.available_permits() as u64 * UNIT
    }

    /// Whether this many bytes could be reserved now.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.settle();
        self.units.available_permits() >= self.units_of(bytes) as usize
    }

    /// Reserves this many bytes, if they are there.
    pub(super) fn try_reserve(&self, bytes: u64) -> Option<Reserved> {
        self.settle();
        let units = Arc::clone(&self.units).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(self.reserved(units))
    }

    /// Reserves this many bytes, in turn, unless that takes too long or too many wait.
    pub(super) async fn reserve(&self, bytes: u64) -> Option<Reserved> {
        if let Some(reserved) = self.try_reserve(bytes) {
            return Some(reserved);
        }
        let fits = (self.capacity() / bytes.max(1)).max(1);
        let most = usize::try_from(fits * WAITING_FOR_ONE).unwrap_or(usize::MAX);
        let _waiting = Waiting::among(&self.waiting, most)?;
        let units = Arc::clone(&self.units).acquire_many_owned(self.units_of(bytes));
        // The semaphore is never closed.
        let units = tokio::time::timeout(PATIENCE, units).await.ok()?.ok()?;
        Some(self.reserved(units))
    }

    fn reserved(&self, units: OwnedSemaphorePermit) -> Reserved {
        self.used.inc_by(count(units.num_permits()));
        Reserved { units, used: self.used.clone() }
    }

    pub(super) fn count_refusal(&self, way: &'static str) {
        self.refused.get_or_create(&[("way", way)]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_changes_while_a_part_of_it_is_in_use() {
        let budget = Admission::new(8 * UNIT);
        let clone = budget.clone();
        let six = clone.try_reserve(6 * UNIT).unwrap();
        budget.resize(4 * UNIT);
        assert_eq!((clone.capacity(), clone.available()), (4 * UNIT, 0));
        assert!(clone.try_reserve(UNIT).is_none(), "six of four are in use");
        drop(six);
        assert!(clone.fits(4 * UNIT));
        assert_eq!(clone.available(), 4 * UNIT);
        let four = clone.try_reserve(4 * UNIT).unwrap();
        budget.resize(2 * UNIT);
        budget.resize(16 * UNIT);
        assert_eq!((clone.capacity(), clone.available()), (16 * UNIT, 12 * UNIT));
        drop(four);
        assert_eq!(clone.available(), 16 * UNIT);
    }
}
