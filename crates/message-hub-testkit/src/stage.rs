//! What a clause can do: use the hub, add responders, crash the hub, and wait with a limit.

use crate::Handler;
use character_message_hub::{
    CloudEvent, Deliveries, Delivery, HubError, Message, MessageHub, Published, Reply, ServiceRequest, Subscription,
};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// The limit of every call, and of every wait for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);
/// How long nothing may arrive where nothing must arrive.
pub(crate) const QUIET: Duration = Duration::from_millis(400);

type Respond<'a> = &'a dyn Fn(character_message_hub::ServiceName, Handler) -> LocalBoxFuture<'a, ()>;
type Reopen<'a> = &'a dyn Fn() -> LocalBoxFuture<'a, Arc<dyn MessageHub>>;

/// The hub of one clause, with what surrounds it.
#[derive(Clone)]
pub struct Stage<'a> {
    /// The hub under test.
    pub hub: Arc<dyn MessageHub>,
    respond: Respond<'a>,
    reopen: Option<Reopen<'a>>,
}

impl fmt::Debug for Stage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl<'a> Stage<'a> {
    /// A stage of this hub. `reopen`: for the clauses of durability.
    #[must_use]
    pub fn new(hub: Arc<dyn MessageHub>, respond: Respond<'a>, reopen: Option<Reopen<'a>>) -> Self {
        Self { hub, respond, reopen }
    }

    /// Adds an instance of a service.
    pub(crate) async fn respond<F>(&self, service: &str, handler: impl Fn(ServiceRequest) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| -> BoxFuture<'static, Reply> { Box::pin(handler(request)) });
        (self.respond)(service.parse().expect("a name of a service"), handler).await;
    }

    /// Crashes the hub and opens it again.
    pub(crate) async fn crash(&mut self) {
        let reopen = self.reopen.expect("a clause of durability");
        self.hub = reopen().await;
    }

    /// Publishes messages; every one must be kept.
    pub(crate) async fn publish(&self, messages: &[Message]) -> Vec<Published> {
        let results = self.hub.publish(messages, LIMIT).await;
        assert_eq!(results.len(), messages.len(), "one result for each message");
        results.into_iter().map(|result| result.expect("the message is published")).collect()
    }

    /// Publishes one message and returns the result.
    pub(crate) async fn publish_one(&self, message: Message) -> Result<Published, HubError> {
        let mut results = self.hub.publish(&[message], LIMIT).await;
        assert_eq!(results.len(), 1, "one result for one message");
        results.remove(0)
    }

    /// Opens a subscription.
    pub(crate) async fn subscribe(&self, subscription: &Subscription) -> Box<dyn Deliveries> {
        let opened = timeout(LIMIT, self.hub.subscribe(subscription)).await;
        opened.expect("subscribe ends in time").expect("the subscription is opened")
    }
}

/// The next delivery, which must arrive.
pub(crate) async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    let arrived = timeout(LIMIT, deliveries.next()).await;
    arrived.expect("a delivery arrives").expect("the subscription is in order")
}

/// The next delivery, which must be of this event.
pub(crate) async fn next_is(deliveries: &mut Box<dyn Deliveries>, id: &str) -> Delivery {
    let delivery = next(deliveries).await;
    assert_eq!(delivery.event().id(), id, "the event that is delivered next");
    delivery
}

/// Settles a delivery as handled.
pub(crate) async fn ack(delivery: Delivery) {
    delivery.ack().await.expect("the delivery is settled");
}

/// The next `count` events, each acknowledged.
pub(crate) async fn take(deliveries: &mut Box<dyn Deliveries>, count: usize) -> Vec<Arc<CloudEvent>> {
    let mut events = Vec::new();
    while events.len() < count {
        let delivery = next(deliveries).await;
        events.push(Arc::clone(delivery.event()));
        ack(delivery).await;
    }
    events
}

/// Nothing may arrive for a while.
pub(crate) async fn nothing(deliveries: &mut Box<dyn Deliveries>) {
    if let Ok(arrived) = timeout(QUIET, deliveries.next()).await {
        panic!("nothing must be delivered now: {arrived:?}");
    }
}

/// The ids of events, for comparisons.
pub(crate) fn ids(events: &[Arc<CloudEvent>]) -> Vec<&str> {
    events.iter().map(|event| event.id()).collect()
}

/// What a call returns, and how long it took.
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let returned = timeout(LIMIT, call).await.expect("the call ends in time");
    (returned, begun.elapsed())
}
