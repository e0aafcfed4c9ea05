//! Deliveries and settlements with one mistake.

use crate::{
    hub::Shared,
    mistake::Mistake::{self as M},
};
use character_message_hub::{
    CloudEvent, Deliveries, Delivery, ErrorKind, HubError, Message, MessageHub as _, NEXT, Result, Settle, Settlement,
    Subscription, async_trait,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

#[derive(Debug)]
pub(crate) struct WrongDeliveries {
    mistake: Option<M>,
    inner: Box<dyn Deliveries>,
    subscription: Subscription,
    skipped: Vec<Arc<CloudEvent>>,
    shared: Arc<Shared>,
    crashes: usize,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    until: Mutex<Option<Instant>>,
    delayed: AtomicUsize,
    closed: AtomicBool,
    again: Mutex<VecDeque<Arc<CloudEvent>>>,
}

/// Settles what a dropped call of next had received.
struct Received(Option<Delivery>);

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(delivery) = self.0.take() {
            tokio::spawn(delivery.ack());
        }
    }
}

impl WrongDeliveries {
    pub(crate) fn new(
        mistake: Option<M>,
        inner: Box<dyn Deliveries>,
        subscription: Subscription,
        skipped: Vec<Arc<CloudEvent>>,
        shared: Arc<Shared>,
    ) -> Self {
        let crashes = shared.crashes.load(Ordering::SeqCst);
        let state = Arc::default();
        Self { mistake, inner, subscription, skipped, shared, crashes, state }
    }

    fn passes(&self, event: &CloudEvent) -> bool {
        let filter = &self.subscription.filter;
        let wide = |pattern: &str| event.event_type().starts_with(pattern.trim_end_matches('*'));
        match self.mistake {
            Some(M::ReadsPatternsAsWholeTypes) => {
                filter.patterns().any(|pattern| pattern.trim_end_matches(".*") == event.event_type())
            }
            Some(M::ReadsTypesAsBeginnings) => filter.patterns().len() == 0 || filter.patterns().any(wide),
            Some(M::LosesEventsThatNobodyWants) => filter.accepts(event),
            _ => true,
        }
    }

    fn wrapped(&self, delivery: Delivery) -> Delivery {
        let mut event = Arc::clone(delivery.event());
        if let Some(subject) = event.extension("realsubject") {
            let mut map = serde_json::to_value(&*event).unwrap();
            let map = map.as_object_mut().unwrap();
            map.insert("subject".into(), subject.into());
            map.remove("realsubject");
            event = Arc::new(CloudEvent::try_from(map.clone()).unwrap());
        }
        let attempt = if self.mistake == Some(M::CountsNoAttempts) { 1 } else { delivery.attempt() };
        let settle = WrongSettle {
            mistake: self.mistake,
            event: Arc::clone(&event),
            delivered: Instant::now(),
            subscription: self.subscription.clone(),
            shared: Arc::clone(&self.shared),
            state: Arc::clone(&self.state),
            inner: tokio::sync::Mutex::new(Some(delivery)),
        };
        Delivery::new(event, attempt, Box::new(settle))
    }
}

impl Drop for WrongDeliveries {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Deliveries for WrongDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        let ended = || HubError::new(ErrorKind::Unavailable { retry_after: None }, NEXT);
        loop {
            let once_more = self.state.again.lock().unwrap().pop_front();
            if let Some(event) = once_more {
                return Ok(Delivery::new(event, 2, Box::new(Settled)));
            }
            if self.mistake == Some(M::DelaysEverything) {
                let until = *self.state.until.lock().unwrap();
                if let Some(until) = until {
                    sleep_until(until).await;
                }
            }
            while self.mistake == Some(M::CountsDelayedEventsAsInFlight)
                && self.state.delayed.load(Ordering::SeqCst) >= self.subscription.max_in_flight
            {
                sleep(Duration::from_secs(1)).await;
            }
            let mut received = match self.mistake {
                Some(M::ReturnsFromNextWithoutAnEvent) => {
                    let soon = timeout(Duration::from_millis(10), self.inner.next()).await;
                    Received(Some(soon.unwrap_or_else(|_| Err(ended()))?))
                }
                Some(M::EndsSubscriptionsInACrash) => loop {
                    if self.shared.crashes.load(Ordering::SeqCst) > self.crashes {
                        return Err(ended());
                    }
                    if let Ok(next) = timeout(Duration::from_millis(10), self.inner.next()).await
                        && self.shared.crashes.load(Ordering::SeqCst) == self.crashes
                    {
                        break Received(Some(next?));
                    }
                },
                _ => Received(Some(self.inner.next().await?)),
            };
            if self.mistake == Some(M::LosesADroppedNext) {
                sleep(Duration::from_millis(5)).await;
            }
            let delivery = received.0.take().unwrap();
            let event = Arc::clone(delivery.event());
            let is_skipped = self.skipped.iter().any(|skipped| skipped.id() == event.id());
            if is_skipped || !self.passes(&event) {
                delivery.ack().await?;
                continue;
            }
            if self.mistake == Some(M::DeliversForEachPattern) {
                let matching = self
                    .subscription
                    .filter
                    .patterns()
                    .filter(|pattern| pattern.parse::<character_message_hub::Filter>().unwrap().accepts(&event));
                for _ in 1..matching.count() {
                    self.state.again.lock().unwrap().push_back(Arc::clone(&event));
                }
            }
            return Ok(self.wrapped(delivery));
        }
    }
}

/// A delivery that is settled already.
#[derive(Debug)]
struct Settled;

#[async_trait]
impl Settle for Settled {
    async fn settle(&self, _: Settlement) -> Result<()> {
        Ok(())
    }

    async fn in_progress(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct WrongSettle {
    mistake: Option<M>,
    event: Arc<CloudEvent>,
    delivered: Instant,
    subscription: Subscription,
    shared: Arc<Shared>,
    state: Arc<State>,
    inner: tokio::sync::Mutex<Option<Delivery>>,
}

impl WrongSettle {
    async fn settle_inner(&self, settlement: Settlement) -> Result<()> {
        let delivery = self.inner.lock().await.take().unwrap();
        match settlement {
            Settlement::Ack => delivery.ack().await,
            Settlement::RetryAfter(pause) => delivery.retry_after(pause).await,
            Settlement::Reject(reason) => delivery.reject(reason).await,
        }
    }

    /// Settles whatever delivery of the event there is now.
    async fn settle_any(&self) {
        let hub = self.shared.hub.lock().unwrap().clone();
        let wide = Subscription { max_in_flight: 1_000, ..self.subscription.clone() };
        let mut deliveries = hub.subscribe(&wide).await.unwrap();
        while let Ok(Ok(delivery)) = timeout(self.subscription.settle_within * 2, deliveries.next()).await {
            if delivery.event().id() == self.event.id() {
                drop(delivery.ack().await);
                return;
            }
        }
    }
}

#[async_trait]
impl Settle for WrongSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        match (self.mistake, settlement) {
            (Some(M::AcknowledgesOnDelivery), _) => Ok(()),
            (Some(M::DeliversAcknowledgedEventsAgain), Settlement::Ack) => {
                self.state.again.lock().unwrap().push_back(Arc::clone(&self.event));
                self.settle_inner(Settlement::Ack).await
            }
            (Some(M::RedeliversAtOnceForEver), Settlement::RetryAfter(_)) => {
                self.settle_inner(Settlement::RetryAfter(Duration::ZERO)).await
            }
            (Some(M::RetriesNever), Settlement::RetryAfter(_)) => self.settle_inner(Settlement::Ack).await,
            (Some(M::RetriesBehindLaterEvents), Settlement::RetryAfter(pause)) => {
                let (hub, event) = (self.shared.hub.lock().unwrap().clone(), Arc::clone(&self.event));
                tokio::spawn(async move {
                    sleep(pause).await;
                    hub.publish(&[Message::replay(event, "again")], pause).await;
                });
                self.settle_inner(Settlement::Ack).await
            }
            (Some(M::DelaysEverything), Settlement::RetryAfter(pause)) => {
                *self.state.until.lock().unwrap() = Some(Instant::now() + pause);
                self.settle_inner(Settlement::RetryAfter(pause)).await
            }
            (Some(M::CountsDelayedEventsAsInFlight), Settlement::RetryAfter(pause)) => {
                self.state.delayed.fetch_add(1, Ordering::SeqCst);
                self.settle_inner(Settlement::RetryAfter(pause)).await
            }
            (Some(M::CutsLongPauses), Settlement::RetryAfter(pause)) => {
                self.settle_inner(Settlement::RetryAfter(pause.min(self.subscription.settle_within))).await
            }
            (Some(M::RetriesRejectedEvents), Settlement::Reject(_)) => {
                self.settle_inner(Settlement::RetryAfter(Duration::ZERO)).await
            }
            (Some(M::SettlesLate), settlement) => {
                drop(self.settle_inner(settlement).await);
                Ok(())
            }
            (Some(M::SettlesForOthers), settlement) => {
                let settled = self.settle_inner(settlement).await;
                if settled.is_err() {
                    self.settle_any().await;
                }
                settled
            }
            (Some(M::SettlesWithTheSubscriptionOnly), settlement) => match self.state.closed.load(Ordering::SeqCst) {
                true => Err(HubError::new(ErrorKind::DeliveryLost, character_message_hub::SETTLE)),
                false => self.settle_inner(settlement).await,
            },
            (Some(M::SettlesSlowly), settlement) => {
                sleep(Duration::from_secs(5)).await;
                self.settle_inner(settlement).await
            }
            (_, settlement) => self.settle_inner(settlement).await,
        }
    }

    async fn in_progress(&self) -> Result<()> {
        let late = self.delivered.elapsed() > self.subscription.settle_within;
        match self.mistake {
            Some(M::IgnoresProgress) => Ok(()),
            Some(M::AcceptsLateProgress) if late => Ok(()),
            _ => self.inner.lock().await.as_ref().unwrap().in_progress().await,
        }
    }
}
