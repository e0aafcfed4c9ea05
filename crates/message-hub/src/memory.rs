//! A hub in the memory of one process.

use crate::{
    CloudEvent, Deliveries, Delivery, DeliveryLimits, DeliveryQueue, ErrorKind, Filter, HubError, MAX_BATCH, Message,
    MessageHub, NEXT, PUBLISH, Published, REQUEST, Receipt, Reply, Result, SETTLE, ServiceName, ServiceRequest, Settle,
    Settlement, Subscription, SubscriptionName,
};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

type Replying = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Responder = Arc<dyn Fn(ServiceRequest) -> Replying + Send + Sync>;

/// A [`MessageHub`] that keeps everything in the memory of this process, for tests and examples. It keeps every event as
/// long as it lives, up to a number that can be set.
#[derive(Clone, Default)]
pub struct MemoryHub {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    events: Vec<Arc<CloudEvent>>,
    message_ids: HashSet<Arc<str>>,
    subscriptions: HashMap<SubscriptionName, Subscribed>,
    services: BTreeMap<ServiceName, Vec<Responder>>,
    capacity: Option<usize>,
    /// Counts requests, to spread them over the instances.
    requests: usize,
}

struct Subscribed {
    filter: Filter,
    queue: DeliveryQueue<Arc<CloudEvent>>,
}

impl MemoryHub {
    /// An empty hub.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes at most `events` events from now on; more are refused with [`ErrorKind::Full`].
    pub fn set_capacity(&self, events: usize) {
        self.shared.lock().capacity = Some(events);
    }

    /// Adds an instance of a service. Requests are spread over the instances in turn.
    pub fn respond<F: Future<Output = Reply> + Send + 'static>(
        &self,
        service: ServiceName,
        handler: impl Fn(ServiceRequest) -> F + Send + Sync + 'static,
    ) {
        let responder: Responder = Arc::new(move |request| Box::pin(handler(request)));
        self.shared.lock().services.entry(service).or_default().push(responder);
    }

    /// Every event that was published, in order.
    #[must_use]
    pub fn published(&self) -> Vec<Arc<CloudEvent>> {
        self.shared.lock().events.clone()
    }
}

impl fmt::Debug for MemoryHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHub").field("events", &self.shared.lock().events.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn publish(&mut self, message: &Message) -> Result<Published> {
        message.check()?;
        if self.message_ids.contains(&message.message_id) {
            return Ok(Published { duplicate: true });
        }
        if self.capacity.is_some_and(|capacity| self.events.len() >= capacity) {
            return Err(HubError::new(ErrorKind::Full, PUBLISH));
        }
        self.message_ids.insert(Arc::clone(&message.message_id));
        self.events.push(Arc::clone(&message.event));
        let sequence = self.events.len() as u64;
        for subscribed in self.subscriptions.values_mut() {
            subscribed.offer(sequence, &message.event);
        }
        Ok(Published { duplicate: false })
    }
}

impl Subscribed {
    fn offer(&mut self, sequence: u64, event: &Arc<CloudEvent>) {
        if self.filter.accepts(event) {
            self.queue.push(sequence, 0, event.subject.as_ref(), Arc::clone(event));
        }
    }
}

#[async_trait]
impl MessageHub for MemoryHub {
    async fn publish(&self, messages: &[Message], _timeout: Duration) -> Vec<Result<Published>> {
        if messages.len() > MAX_BATCH {
            let error = HubError::new(ErrorKind::Invalid, PUBLISH).with_detail("at most 1000 events in one call");
            return vec![Err(error); messages.len()];
        }
        let results = {
            let mut state = self.shared.lock();
            let mut failed = HashSet::new();
            let mut publish = |message: &Message| {
                let subject = message.event.subject.clone();
                if subject.as_ref().is_some_and(|subject| failed.contains(subject)) {
                    let detail = "an earlier event of its subject was not published";
                    let error = HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH);
                    return Err(error.with_detail(detail).with_applied(crate::Applied::No));
                }
                let result = state.publish(message);
                if result.is_err() {
                    failed.extend(subject);
                }
                result
            };
            messages.iter().map(&mut publish).collect()
        };
        self.shared.changed.notify_waiters();
        results
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        let responder = {
            let mut state = self.shared.lock();
            state.requests += 1;
            let turn = state.requests;
            let instances = state.services.get(&request.to).filter(|instances| !instances.is_empty());
            let instances = instances.ok_or_else(|| request.no_instance())?;
            Arc::clone(&instances[turn % instances.len()])
        };
        let limit = request.timeout;
        let late = || HubError::new(ErrorKind::Timeout, REQUEST).within("the timeout of the request", limit);
        timeout(limit, responder(request)).await.map_err(|_| late())
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        subscription.check()?;
        let mut state = self.shared.lock();
        let State { events, subscriptions, .. } = &mut *state;
        subscriptions
            .entry(subscription.name.clone())
            .and_modify(|subscribed| {
                subscribed.filter = subscription.filter.clone();
            })
            .or_insert_with(|| {
                let mut subscribed =
                    Subscribed { filter: subscription.filter.clone(), queue: DeliveryQueue::default() };
                for (sequence, event) in (1..).zip(&*events) {
                    subscribed.offer(sequence, event);
                }
                subscribed
            });
        let limits = subscription.limits();
        let (shared, subscription) = (Arc::clone(&self.shared), subscription.clone());
        Ok(Box::new(MemoryDeliveries { shared, subscription, limits }))
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

struct MemoryDeliveries {
    shared: Arc<Shared>,
    subscription: Subscription,
    limits: DeliveryLimits,
}

impl fmt::Debug for MemoryDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDeliveries").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

#[async_trait]
impl Deliveries for MemoryDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wakes_at = {
                let Subscription { name, settle_within, .. } = &self.subscription;
                let mut state = self.shared.lock();
                let Some(subscribed) = state.subscriptions.get_mut(name) else {
                    return Err(HubError::new(ErrorKind::Corrupt, NEXT));
                };
                if let Some((receipt, event)) = subscribed.queue.take(Instant::now(), &self.limits) {
                    let settle = MemorySettle {
                        shared: Arc::clone(&self.shared),
                        name: name.clone(),
                        settle_within: *settle_within,
                        receipt,
                    };
                    return Ok(Delivery::new(event, receipt.attempt, Box::new(settle)));
                }
                subscribed.queue.wakes_at()
            };
            match wakes_at {
                // Whichever comes first: the loop sees by itself what can be delivered now.
                Some(at) => drop(timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }
}

struct MemorySettle {
    shared: Arc<Shared>,
    name: SubscriptionName,
    settle_within: Duration,
    receipt: Receipt,
}

impl fmt::Debug for MemorySettle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySettle").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}

impl MemorySettle {
    fn with_queue(
        &self,
        change: impl FnOnce(&mut DeliveryQueue<Arc<CloudEvent>>) -> Result<(), crate::NotHeld>,
    ) -> Result<()> {
        let mut state = self.shared.lock();
        let subscribed = state.subscriptions.get_mut(&self.name);
        let settled = subscribed.map_or(Err(crate::NotHeld), |subscribed| change(&mut subscribed.queue));
        drop(state);
        self.shared.changed.notify_waiters();
        settled.map_err(|crate::NotHeld| HubError::new(ErrorKind::DeliveryLost, SETTLE))
    }
}

#[async_trait]
impl Settle for MemorySettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        self.with_queue(|queue| queue.settle(self.receipt, &settlement, Instant::now()))
    }

    async fn put_back(&self) -> Result<()> {
        self.with_queue(|queue| queue.put_back(self.receipt, Duration::ZERO, Instant::now()))
    }

    async fn in_progress(&self) -> Result<()> {
        self.with_queue(|queue| queue.prolong(self.receipt, self.settle_within, Instant::now()))
    }
}
