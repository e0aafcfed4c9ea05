//! Open subscriptions, and the deliveries that clients have not settled.

use super::holding::Holding;
use crate::config::is_peer;
use character_error_reporter::redacted;
use character_message_hub::{
    Deliveries, Delivery, ErrorKind, Filter, HubError, MessageHub, Result, SETTLE, ServiceName, Settlement,
    Subscription, SubscriptionName,
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OwnedMutexGuard, task::JoinHandle, time::Instant};
use uuid::Uuid;

/// How long a subscription stays open without a request for it.
const IDLE: Duration = Duration::from_secs(60);
/// The maximum number of open subscriptions; the one that was idle for longest is closed for a new one.
const MAX_OPEN: usize = 2_000;
/// How long a receipt is remembered after the hub has given the delivery up.
const GRACE: Duration = Duration::from_secs(5);

/// The deliveries of a subscription, which requests take in turn.
pub(crate) struct Session {
    subscription: Subscription,
    /// `None`: this server does not hold the subscription any more.
    pub(super) deliveries: tokio::sync::Mutex<Option<Box<dyn Deliveries>>>,
    used: Mutex<Instant>,
    /// As long as which deliveries are made. `None`: there are no other servers.
    pub(super) holding: Option<Arc<Holding>>,
}

impl Session {
    /// The next delivery, made while this server holds the subscription.
    pub(super) async fn next(
        self: &Arc<Self>,
        deliveries: &mut Option<Box<dyn Deliveries>>,
        sessions: &Sessions,
    ) -> Result<Delivery> {
        let Some(deliveries) = deliveries else { return std::future::pending().await };
        let Some(holding) = &self.holding else { return deliveries.next().await };
        loop {
            holding.held().await;
            let delivery = deliveries.next().await?;
            if holding.is_held() {
                return Ok(delivery);
            }
            sessions.releasing(vec![sessions.hold(self, delivery)], Received::Never, &Handle::current());
        }
    }

    /// Whether it makes deliveries as long as this holding lasts.
    pub(super) fn is_of(&self, holding: Option<&Arc<Holding>>) -> bool {
        match (&self.holding, holding) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// Waits until this server does not hold the subscription any more.
    pub(super) async fn ended(&self) {
        match &self.holding {
            Some(holding) => holding.ended().await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("subscription", &self.subscription).finish_non_exhaustive()
    }
}

/// Whether a client has received deliveries that are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// None has, so they do not count as attempts.
    Never,
    /// The response was sent to one, which perhaps failed because of it.
    Perhaps,
}

/// A delivery that a client has received.
#[derive(Debug)]
struct Held {
    delivery: tokio::sync::Mutex<Option<Delivery>>,
    settle_within: Duration,
    holding: Option<Arc<Holding>>,
    /// Of the holding, whose sessions stay open: the events behind it would wait for it at the next ones.
    _unsettled: Option<Arc<()>>,
    /// When the hub gives it up.
    until: Mutex<Instant>,
}

/// The last failure of opening a session of a name, and when that was.
pub(super) type LastFailure = Option<(Instant, HubError)>;

/// Requests that open sessions of a name enter one after the other.
type Entrance = Arc<tokio::sync::Mutex<LastFailure>>;

/// Open subscriptions, and the deliveries that clients have not settled. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: Arc<Mutex<Vec<Arc<Session>>>>,
    entrances: Arc<Mutex<HashMap<SubscriptionName, Entrance>>>,
    held: Arc<Mutex<HashMap<String, Arc<Held>>>>,
    /// The server that these are of, by which its receipts begin.
    peer: Option<ServiceName>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of the values behind these locks is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> HubError {
    HubError::new(ErrorKind::DeliveryLost, SETTLE)
        .with_detail("the hub holds no such delivery: it was settled or given up")
}

impl Sessions {
    /// Of the server with this name among those over one hub.
    pub(crate) fn of(peer: Option<ServiceName>) -> Self {
        Self { peer, ..Self::default() }
    }

    /// The other server that made the delivery of this receipt. `None`: this one, or none that can be reached.
    pub(super) fn other_of(&self, receipt: &str) -> Option<ServiceName> {
        let own = self.peer.as_ref()?;
        let (peer, _) = receipt.split_once('.')?;
        peer.parse().ok().filter(|peer: &ServiceName| is_peer(peer.as_str()) && peer != own)
    }

    /// Waits for its turn to open a session of this name.
    pub(super) async fn enter(&self, name: &SubscriptionName) -> OwnedMutexGuard<LastFailure> {
        let entrance = {
            let mut entrances = lock(&self.entrances);
            entrances.retain(|_, entrance| Arc::strong_count(entrance) > 1);
            Arc::clone(entrances.entry(name.clone()).or_default())
        };
        entrance.lock_owned().await
    }

    /// The open session of a subscription, or a new one.
    pub(super) async fn open(
        &self,
        hub: &dyn MessageHub,
        subscription: &Subscription,
        holding: Option<Arc<Holding>>,
    ) -> Result<Arc<Session>> {
        if let Some(session) = self.find(subscription, holding.as_ref()) {
            return Ok(session);
        }
        // The filter of a name is the last one that was subscribed with, also when the hub takes it and the request does not wait for that:
        // a session with another one would receive nothing that only its own filter accepts.
        self.close_others(subscription);
        let deliveries = tokio::sync::Mutex::new(Some(hub.subscribe(subscription).await?));
        let (subscription, used) = (subscription.clone(), Mutex::new(Instant::now()));
        let session = Arc::new(Session { subscription, deliveries, used, holding });
        self.add(&session);
        if let Some(holding) = &session.holding {
            holding.add(&session);
            if holding.has_ended() {
                // The end may have come before there was a session.
                self.end(holding).await;
            }
        }
        Ok(session)
    }

    /// Closes the sessions of this name that have another filter.
    fn close_others(&self, subscription: &Subscription) {
        let Subscription { name, filter, .. } = subscription;
        lock(&self.open).retain(|other| other.subscription.name != *name || other.subscription.filter == *filter);
    }

    fn add(&self, session: &Arc<Session>) {
        let mut open = lock(&self.open);
        if open.len() >= MAX_OPEN
            && let Some(oldest) = (0..open.len()).min_by_key(|index| *lock(&open[*index].used))
        {
            open.swap_remove(oldest);
        }
        open.push(Arc::clone(session));
    }

    /// The open session of a subscription.
    pub(super) fn find(&self, subscription: &Subscription, holding: Option<&Arc<Holding>>) -> Option<Arc<Session>> {
        let open = lock(&self.open);
        let is_same = |session: &&Arc<Session>| session.subscription == *subscription && session.is_of(holding);
        let session = open.iter().find(is_same)?;
        *lock(&session.used) = Instant::now();
        Some(Arc::clone(session))
    }

    /// Whether there is a session that this server has by this holding.
    pub(super) fn is_open(&self, holding: &Arc<Holding>) -> bool {
        lock(&self.open).iter().any(|session| session.is_of(Some(holding)))
    }

    /// The filter of an open subscription.
    pub(super) fn filter(&self, name: &SubscriptionName) -> Option<Filter> {
        let open = lock(&self.open);
        let session = open.iter().find(|session| session.subscription.name == *name)?;
        Some(session.subscription.filter.clone())
    }

    /// Closes a session whose subscription has ended.
    pub(super) fn close(&self, session: &Arc<Session>) {
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, session));
    }

    /// Closes the sessions of a subscription that was removed.
    pub(crate) fn forget(&self, name: &SubscriptionName) {
        lock(&self.open).retain(|session| session.subscription.name != *name);
    }

    /// Closes the sessions of a subscription that this server does not hold any more, whichever requests still have them.
    pub(super) async fn end(&self, holding: &Arc<Holding>) {
        lock(&self.open).retain(|session| !session.is_of(Some(holding)));
        for session in holding.sessions() {
            // Those that wait for a delivery leave at the end of the holding.
            session.deliveries.lock().await.take();
        }
    }

    /// The number of deliveries that can still be settled here.
    pub(crate) fn unsettled(&self) -> usize {
        let now = Instant::now();
        lock(&self.held).values().filter(|held| now < *lock(&held.until)).count()
    }

    /// Closes what is idle, and forgets the deliveries that the hub has given up.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        lock(&self.held).retain(|_, held| *lock(&held.until) + GRACE > now);
        lock(&self.open).retain(|session| {
            // One that a request uses has a second owner.
            let is_used = Arc::strong_count(session) > 1;
            let is_unsettled = session.holding.as_ref().is_some_and(|holding| holding.is_unsettled());
            is_used || is_unsettled || *lock(&session.used) + IDLE > now
        });
    }

    /// Keeps a delivery until it is settled, and returns its receipt.
    pub(super) fn hold(&self, session: &Session, delivery: Delivery) -> String {
        let id = Uuid::new_v4().simple();
        let receipt = self.peer.as_ref().map_or_else(|| id.to_string(), |peer| format!("{peer}.{id}"));
        let settle_within = session.subscription.settle_within;
        let until = Mutex::new(Instant::now() + settle_within);
        let (delivery, holding) = (tokio::sync::Mutex::new(Some(delivery)), session.holding.clone());
        let unsettled = holding.as_ref().map(|holding| holding.unsettled());
        let held = Held { delivery, settle_within, holding, _unsettled: unsettled, until };
        lock(&self.held).insert(receipt.clone(), Arc::new(held));
        receipt
    }

    /// Settles a delivery.
    ///
    /// It continues to its end when it is dropped: the receipt is not known any more, so the client could not repeat it.
    pub(super) async fn settle(&self, receipt: &str, settlement: Settlement) -> Result<()> {
        let settle = move |delivery: Delivery| async move {
            match settlement {
                Settlement::Ack => delivery.ack().await,
                Settlement::RetryAfter(pause) => delivery.retry_after(pause).await,
                Settlement::Reject(reason) => delivery.reject(reason).await,
            }
        };
        self.finish(receipt, settle).await
    }

    /// Makes a delivery possible again at once that no client has received.
    ///
    /// It continues to its end when it is dropped, as [`settle`](Self::settle) does.
    pub(super) async fn put_back(&self, receipt: &str) -> Result<()> {
        self.finish(receipt, Delivery::put_back).await
    }

    async fn finish<F: Future<Output = Result<()>> + Send + 'static>(
        &self,
        receipt: &str,
        finish: impl FnOnce(Delivery) -> F + Send + 'static,
    ) -> Result<()> {
        let held = lock(&self.held).remove(receipt).ok_or_else(lost)?;
        let finishing = tokio::spawn(async move {
            let delivery = held.delivery.lock().await.take().ok_or_else(lost)?;
            finish(delivery).await
        });
        finishing.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Makes deliveries possible again at once. Settled ones stay so.
    ///
    /// It continues to its end when it is dropped: it may be the last to know of the receipts.
    pub(super) async fn release(&self, receipts: Vec<String>, received: Received) {
        // A task that has failed has released what it could.
        drop(self.releasing(receipts, received, &Handle::current()).await);
    }

    pub(super) fn releasing(&self, receipts: Vec<String>, received: Received, runtime: &Handle) -> JoinHandle<()> {
        let sessions = self.clone();
        runtime.spawn(async move {
            for receipt in receipts {
                let released = match received {
                    Received::Never => sessions.put_back(&receipt).await,
                    Received::Perhaps => sessions.settle(&receipt, Settlement::RetryAfter(Duration::ZERO)).await,
                };
                match released {
                    Ok(()) => {}
                    Err(error) if *error.kind() == ErrorKind::DeliveryLost => {}
                    Err(error) => {
                        tracing::debug!(error = %redacted(&error), "a delivery waits for its time for settling");
                    }
                }
            }
        })
    }

    /// Begins the time for settling a delivery again.
    pub(super) async fn in_progress(&self, receipt: &str) -> Result<()> {
        let held = lock(&self.held).get(receipt).cloned().ok_or_else(lost)?;
        // Another server waits for the end of the delivery.
        match &held.holding {
            Some(holding) if holding.is_lost() => return Err(lost()),
            Some(holding) if holding.has_ended() => {
                let detail = "another process makes the deliveries now: settle this one within the time that has begun";
                return Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, SETTLE).with_detail(detail));
            }
            _ => {}
        }
        let delivery = held.delivery.lock().await;
        delivery.as_ref().ok_or_else(lost)?.in_progress().await?;
        *lock(&held.until) = Instant::now() + held.settle_within;
        Ok(())
    }
}
