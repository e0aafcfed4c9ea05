//! The feeds of a hub: one for each name, which all subscribers of the name in this process share.
//!
//! Two feeds of one name would share the events of a subject, and neither could keep their order.

use crate::{feed::Feed, subscribe::NatsDeliveries};
use character_message_hub::{ErrorKind, HubError, Result, SUBSCRIBE, Subscription, SubscriptionName};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

/// How long a new feed waits for the end of the one before it.
const LIMIT: Duration = Duration::from_secs(5);

/// A feed that receives as long as it has subscribers.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) feed: Arc<Feed>,
    /// Dropped, it stops the pump.
    _stop: oneshot::Sender<()>,
}

/// The last feed of a name.
#[derive(Debug)]
struct Last {
    running: Weak<Running>,
    /// After its last subscriber it returns to JetStream what it held.
    pump: JoinHandle<()>,
}

impl Last {
    fn running(&self) -> Option<Arc<Running>> {
        self.running.upgrade().filter(|_| !self.pump.is_finished())
    }
}

/// Subscribers of a name enter one after the other.
type Entrance = Arc<tokio::sync::Mutex<Option<Last>>>;

/// The feeds of a hub. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    /// Of the hub, which outlives the callers.
    runtime: Handle,
    entrances: Arc<Mutex<HashMap<SubscriptionName, Entrance>>>,
}

impl Feeds {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, entrances: Arc::default() }
    }

    fn entrance(&self, name: &SubscriptionName) -> Entrance {
        let mut entrances = self.entrances.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used = |entrance: &Entrance| {
            let last = entrance.try_lock();
            last.map_or(true, |last| last.as_ref().is_some_and(|last| !last.pump.is_finished()))
        };
        entrances.retain(|_, entrance| Arc::strong_count(entrance) > 1 || is_used(entrance));
        Arc::clone(entrances.entry(name.clone()).or_default())
    }

    /// One more subscriber of the feed of a name, or the first one of a feed that `feed` makes.
    pub(crate) async fn subscribe(
        &self,
        subscription: &Subscription,
        feed: impl FnOnce() -> Feed,
        deadline: Instant,
    ) -> Result<NatsDeliveries> {
        let entrance = self.entrance(&subscription.name);
        let late = |_| HubError::new(ErrorKind::Timeout, SUBSCRIBE).with_detail("another subscriber is being opened");
        let mut last = timeout_at(deadline, entrance.lock()).await.map_err(late)?;
        if let Some(running) = last.as_ref().and_then(Last::running) {
            running.feed.join(subscription, SUBSCRIBE, deadline).await?;
            return Ok(NatsDeliveries::new(running, subscription));
        }
        if let Some(ending) = &mut *last {
            drop(timeout(LIMIT, &mut ending.pump).await);
        }
        *last = None;
        let feed = Arc::new(feed());
        feed.open(SUBSCRIBE, deadline).await?;
        let (stop, stopped) = oneshot::channel();
        let pump = self.runtime.spawn(Arc::clone(&feed).run(stopped));
        let running = Arc::new(Running { feed, _stop: stop });
        *last = Some(Last { running: Arc::downgrade(&running), pump });
        Ok(NatsDeliveries::new(running, subscription))
    }
}
