//! What the receiving of one subscription, its deliveries and their settlements share.

use crate::{
    config::Subscribers,
    consumer::{self, Intake},
    held::Held,
    link::Link,
    stream::{EnsuredStream, is_passing},
    subject,
};
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use character_error_reporter::redacted;
use character_message_hub::{CloudEvent, HubError, Result, Subscription};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The limit of one call of the interface of JetStream.
pub(crate) const CALL: Duration = Duration::from_secs(5);

/// The pause before the next attempt to open a subscription.
const PAUSE: Duration = Duration::from_millis(100);

/// What the consumer delivers.
#[derive(Clone, Copy, Debug)]
struct InPlace {
    intake: Intake,
    /// Whether the consumer has this intake, and the settings of the subscription.
    is_current: bool,
}

/// A stream and a consumer, by the times of their creation as JetStream writes them: others of the same names have other ones. In a
/// cluster each server has another time for the same consumer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) stream: String,
    pub(crate) consumer: String,
}

/// A received event with the message that it came in.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) event: Arc<CloudEvent>,
    pub(crate) sequence: u64,
    pub(crate) subject: Subject,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// What the pump, the subscribers of a name in this process, their deliveries and settlements share.
pub(crate) struct Feed {
    pub(crate) link: Arc<Link>,
    /// The filter of the last subscriber, and the largest limits of any.
    subscription: RwLock<Arc<Subscription>>,
    consumer: tokio::sync::Mutex<InPlace>,
    pub(crate) subscribers: Subscribers,
    pub(crate) events: Arc<EnsuredStream>,
    pub(crate) rejected: Arc<EnsuredStream>,
    pub(crate) prefix: Arc<str>,
    held: Mutex<Held<Arc<Received>>>,
    /// Where what is held comes from. `None`: nothing was received yet.
    origin: Mutex<Option<Origin>>,
    /// Nothing is delivered: events that an earlier subscriber had not settled must arrive first.
    pub(crate) gated: AtomicBool,
    /// The place in the consumer of the last delivery that has arrived here, or that came before the session.
    pub(crate) place: AtomicU64,
    /// Nothing is received any more: an event that is to be retried returns to JetStream.
    pub(crate) ended: AtomicBool,
    fault: Mutex<Option<HubError>>,
    /// Something can be delivered, or a fault is to be reported.
    pub(crate) changed: Notify,
    /// The pump has something to do.
    pub(crate) nudged: Notify,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("subscription", &self.subscription()).finish_non_exhaustive()
    }
}

impl Feed {
    pub(crate) fn new(
        link: Arc<Link>,
        events: Arc<EnsuredStream>,
        rejected: Arc<EnsuredStream>,
        prefix: Arc<str>,
        subscription: Subscription,
        subscribers: Subscribers,
    ) -> Self {
        let held = Mutex::new(Held::new(subscription.settle_within));
        Self {
            link,
            events,
            rejected,
            prefix,
            subscription: RwLock::new(Arc::new(subscription)),
            consumer: tokio::sync::Mutex::new(InPlace { intake: Intake::All, is_current: false }),
            subscribers,
            held,
            origin: Mutex::default(),
            gated: AtomicBool::new(true),
            place: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            fault: Mutex::default(),
            changed: Notify::new(),
            nudged: Notify::new(),
        }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held<Arc<Received>>> {
        // Each change is complete before anything can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_gated(&self) -> bool {
        self.gated.load(Ordering::Acquire)
    }

    /// The failure to report next.
    pub(crate) fn fault(&self) -> Option<HubError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn report(&self, error: HubError) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.changed.notify_waiters();
    }

    /// The filter of the last subscriber, and the largest limits of any.
    pub(crate) fn subscription(&self) -> Arc<Subscription> {
        Arc::clone(&self.subscription.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sure that stream and consumer are there, and that the consumer delivers new events.
    pub(crate) async fn open(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        *self.consumer.lock().await = InPlace { intake: Intake::All, is_current: false };
        self.establish(operation, deadline).await
    }

    /// Takes the filter and the limits of one more subscriber.
    pub(crate) async fn join(&self, joining: &Subscription, operation: &'static str, deadline: Instant) -> Result<()> {
        let mut consumer = self.consumer.lock().await;
        let before = self.subscription();
        let joined = Subscription {
            name: before.name.clone(),
            filter: joining.filter.clone(),
            max_in_flight: joining.max_in_flight.max(before.max_in_flight),
            settle_within: joining.settle_within.max(before.settle_within),
        };
        if joined != *before {
            consumer.is_current = false;
            let joined = Arc::new(joined);
            *self.subscription.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&joined);
            let skipped = {
                let mut held = self.held();
                held.set_settle_within(joined.settle_within);
                held.give_up(|received| !joined.filter.accepts(&received.event), Instant::now())
            };
            for address in skipped {
                self.send(address, "+ACK").await;
            }
            self.changed.notify_waiters();
            self.nudged.notify_one();
        }
        if consumer.is_current {
            return Ok(());
        }
        drop(consumer);
        self.establish(operation, deadline).await
    }

    /// Waits at least this time for settlements.
    fn wait_at_least(&self, waits: Duration) -> Arc<Subscription> {
        let subscription = self.subscription();
        if waits <= subscription.settle_within {
            return subscription;
        }
        let subscription = Arc::new(Subscription { settle_within: waits, ..Subscription::clone(&subscription) });
        *self.subscription.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&subscription);
        self.held().set_settle_within(waits);
        subscription
    }

    /// Makes sure that stream and consumer are there, in as many attempts as a cluster needs that elects a leader.
    async fn establish(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        loop {
            let error = match self.attempt(operation, deadline).await {
                Err(error) if is_passing(&error) => error,
                ended => return ended,
            };
            let next = Instant::now() + PAUSE;
            if next >= deadline {
                return Err(error);
            }
            sleep_until(next).await;
        }
    }

    async fn attempt(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        self.link.ready(operation, deadline).await?;
        let subscription = self.subscription();
        let kinds = subscription.filter.patterns().map(|pattern| subject::kind_of_pattern(&self.prefix, pattern));
        // A subscription to every kind needs the stream itself.
        let any = self.events.subjects().first().filter(|_| kinds.len() == 0).cloned();
        for kind in kinds.chain(any) {
            self.events.ensure(operation, &kind, deadline).await?;
        }
        self.apply(None, operation, deadline).await
    }

    /// Creates the consumer, or changes it to this intake and the settings of the subscription. `None`: the intake stays.
    pub(crate) async fn apply(&self, intake: Option<Intake>, operation: &'static str, deadline: Instant) -> Result<()> {
        let mut consumer = self.consumer.lock().await;
        let intake = intake.unwrap_or(consumer.intake);
        if consumer.is_current && consumer.intake == intake {
            return Ok(());
        }
        *consumer = InPlace { intake, is_current: false };
        let (link, events) = (&self.link, &self.events);
        let found = consumer::find(link, events, &self.subscription().name, operation, deadline).await?;
        // With a shorter time JetStream would deliver again at once what a client of an earlier subscriber has, and may still settle.
        let subscription = match found.and_then(|info| info.waits()) {
            Some(waits) => self.wait_at_least(waits),
            None => self.subscription(),
        };
        consumer::create(link, events, &self.prefix, &subscription, intake, operation, deadline).await?;
        consumer.is_current = true;
        Ok(())
    }

    /// Where what is held comes from.
    pub(crate) fn origin(&self) -> Origin {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
    }

    /// Notes where the next events come from. When it is another stream, everything that is held is given up: the numbers of events
    /// begin again, and a settlement must not count for an event that has the same number now.
    pub(crate) fn receive_from(&self, origin: Origin) {
        let stream = origin.stream.clone();
        let before = self.origin.lock().unwrap_or_else(PoisonError::into_inner).replace(origin);
        if before.is_none_or(|before| before.stream == stream) {
            return;
        }
        let given_up = self.held().forget(Instant::now());
        tracing::warn!(subscription = %self.subscription().name, given_up, "the stream in NATS is another one: its events are delivered from the beginning");
        self.changed.notify_waiters();
    }

    /// Sends a word about a delivery for which no answer is needed.
    pub(crate) async fn send(&self, address: Subject, word: &'static str) {
        if let Err(error) = self.link.client.publish(address, Bytes::from_static(word.as_bytes())).await {
            tracing::debug!(error = %redacted(&error), word, "JetStream does not hear of a delivery");
        }
    }
}
