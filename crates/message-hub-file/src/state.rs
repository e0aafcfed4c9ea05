//! What the hub knows of its subscriptions in memory.

use crate::cache::EventCache;
use character_message_hub::{DeliveryLimits, DeliveryQueue, Filter, NotHeld, Receipt, Settlement, SubscriptionName};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of the values behind these locks is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One subscription. The writer alone adds events to it.
#[derive(Debug)]
pub(crate) struct Subscribed {
    /// Its number in the file.
    pub(crate) id: i64,
    pub(crate) name: SubscriptionName,
    pub(crate) filter: Mutex<Filter>,
    /// The events that are not settled, by their sequence alone.
    queue: Mutex<DeliveryQueue<()>>,
    /// Wakes those that wait for a delivery.
    pub(crate) changed: Notify,
    /// An operator has removed it.
    pub(crate) removed: AtomicBool,
}

impl Subscribed {
    pub(crate) fn new(id: i64, name: SubscriptionName, filter: Filter) -> Self {
        Self {
            id,
            name,
            filter: Mutex::new(filter),
            queue: Mutex::default(),
            changed: Notify::new(),
            removed: AtomicBool::new(false),
        }
    }

    pub(crate) fn push(&self, sequence: u64, subject: Option<&Arc<str>>) {
        lock(&self.queue).push(sequence, 0, subject, ());
    }

    /// The next delivery, or when to ask again.
    pub(crate) fn take(&self, limits: &DeliveryLimits) -> Result<Receipt, Option<Instant>> {
        let mut queue = lock(&self.queue);
        match queue.take(Instant::now(), limits) {
            Some((receipt, ())) => Ok(receipt),
            None => Err(queue.wakes_at()),
        }
    }

    pub(crate) fn settle(&self, receipt: Receipt, settlement: &Settlement) -> Result<(), NotHeld> {
        let settled = lock(&self.queue).settle(receipt, settlement, Instant::now());
        self.changed.notify_waiters();
        settled
    }

    /// Takes back a delivery that no subscriber has received. It can be made again after `pause`.
    pub(crate) fn put_back(&self, receipt: Receipt, pause: Duration) -> Result<(), NotHeld> {
        let put_back = lock(&self.queue).put_back(receipt, pause, Instant::now());
        self.changed.notify_waiters();
        put_back
    }

    pub(crate) fn prolong(&self, receipt: Receipt, settle_within: Duration) -> Result<(), NotHeld> {
        lock(&self.queue).prolong(receipt, settle_within, Instant::now())
    }

    /// The number of events that are not settled, and the number of those that are delivered.
    pub(crate) fn size(&self) -> (usize, usize) {
        let queue = lock(&self.queue);
        (queue.len(), queue.in_flight())
    }

    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}

/// The state that the writer and the callers share.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) subscriptions: Mutex<BTreeMap<SubscriptionName, Arc<Subscribed>>>,
    pub(crate) cache: Mutex<EventCache>,
    pub(crate) events: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Events that expired while a subscription had not settled them, counted once per subscription.
    pub(crate) expired_unsettled: AtomicU64,
}

impl State {
    pub(crate) fn all(&self) -> Vec<Arc<Subscribed>> {
        lock(&self.subscriptions).values().cloned().collect()
    }

    pub(crate) fn get(&self, name: &SubscriptionName) -> Option<Arc<Subscribed>> {
        lock(&self.subscriptions).get(name).cloned()
    }
}
