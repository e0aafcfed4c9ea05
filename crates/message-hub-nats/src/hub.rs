//! The hub over NATS.

use crate::{
    BudgetUse, NatsBudget, api,
    config::{InvalidConfig, NatsHubConfig, Subscribers},
    feed::Feed,
    feeds::Feeds,
    link::Link,
    publish::Publisher,
    request,
    stream::{EnsuredStream, Refusal, Wish, api_error},
};
use character_message_hub::{
    Deliveries, HubError, Message, MessageHub, PROBE, Published, Reply, Result, ServiceRequest, Subscription,
    async_trait,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::Instant};

/// The operation name of creating the stream.
const CREATE: &str = "hub.create_stream";
/// The operation name of looking for the stream.
const LOOK: &str = "hub.find_stream";
/// The limit of opening a subscription.
const OPENING: Duration = Duration::from_secs(10);
/// The limit of a probe.
const PROBING: Duration = Duration::from_millis(900);

/// What the hub counts, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatsStatistics {
    /// Whether there is a connection.
    pub connected: bool,
    /// The number of connections that were made, the first included.
    pub connections: u64,
    /// The number of calls that wait for a reply or an acknowledgement.
    pub waiting: usize,
    /// The number of replies and acknowledgements that came after their calls had ended.
    pub late_replies: u64,
    /// Large requests that are held, of all hubs that share the budget.
    pub large_requests: BudgetUse,
    /// Large replies that are held, of all hubs that share the budget.
    pub large_replies: BudgetUse,
}

/// A [`MessageHub`] over NATS JetStream. Clones share one connection.
///
/// The connection is made in the background and made again whenever it is lost. A call waits for it at most two seconds, and
/// never longer than its own timeout.
///
/// # Order
/// The events of a subject are delivered in order, one at a time, among the subscribers of the name at one hub and its clones, while no
/// other hub has one, or when `max_in_flight` is 1. With [`Subscribers::One`] the order also holds from one hub to the next. A delivery
/// waits for its settlement as long as its subscriber said; the filter is that of the last one.
///
/// With `max_in_flight` 1 a retried event delays all others. Up to 10,000 events wait for earlier ones of their subject.
#[derive(Clone)]
pub struct NatsHub {
    link: Arc<Link>,
    events: Arc<EnsuredStream>,
    rejected: Arc<EnsuredStream>,
    holders: Arc<EnsuredStream>,
    prefix: Arc<str>,
    budget: NatsBudget,
    subscribers: Subscribers,
    feeds: Feeds,
}

impl fmt::Debug for NatsHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsHub").field("link", &self.link).field("events", &self.events).finish_non_exhaustive()
    }
}

impl NatsHub {
    /// A hub with these settings. It returns at once: a server that is down now is connected to when it is up. The runtime of
    /// this call must live as long as the hub.
    ///
    /// A process that has not chosen its provider of cryptography for rustls gets aws-lc-rs.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub async fn connect(config: NatsHubConfig) -> Result<Self, InvalidConfig> {
        config.check()?;
        let link = Arc::new(Link::connect(&config).await?);
        let (events, rejected) = (EnsuredStream::of_events(&link, &config), EnsuredStream::of_rejected(&link, &config));
        let holders = EnsuredStream::of_holders(&link, &config);
        Ok(Self {
            link,
            events: Arc::new(events),
            rejected: Arc::new(rejected),
            holders: Arc::new(holders),
            subscribers: config.subscribers,
            prefix: config.prefix.into(),
            budget: config.budget,
            feeds: Feeds::new(Handle::current()),
        })
    }

    /// Creates the stream of the events when it is absent, and adds the kinds of the settings to one that lacks them, instead of the
    /// first call that needs it; with [`Subscribers::One`] also the stream of which hub has the subscribers. When NATS refuses it, every probe fails until one succeeds in it.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable`, `Unauthorized`, `Full`, `Invalid`, `Forbidden`.
    pub async fn create_stream(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        self.link.ready(CREATE, deadline).await?;
        let holders = match self.subscribers {
            Subscribers::Several => None,
            Subscribers::One => Some(&self.holders),
        };
        for stream in [&self.events].into_iter().chain(holders) {
            for pattern in stream.subjects() {
                let created = stream.ensure(CREATE, pattern, deadline).await;
                created.map_err(|error| error.within("the timeout of the call", timeout))?;
            }
        }
        Ok(())
    }

    /// Whether the stream of the events is there. It creates nothing. When NATS refuses the question, every probe asks it again, and
    /// fails until NATS answers it.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable`, `Unauthorized`, `Forbidden`.
    pub async fn has_stream(&self, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now() + timeout;
        self.link.ready(LOOK, deadline).await?;
        let found = self.events.is_there(LOOK, deadline).await;
        found.map_err(|error| error.within("the timeout of the call", timeout))
    }

    /// What the hub counts.
    #[must_use]
    pub fn statistics(&self) -> NatsStatistics {
        let state = self.link.state().borrow().clone();
        NatsStatistics {
            connected: state.connected,
            connections: state.epoch,
            waiting: self.link.replies.waiting(),
            late_replies: self.link.replies.late(),
            large_requests: self.budget.requests(),
            large_replies: self.budget.replies(),
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// The stream of the events.
    pub(crate) fn events(&self) -> &EnsuredStream {
        &self.events
    }

    /// The stream of what subscribers rejected.
    pub(crate) fn rejections(&self) -> &EnsuredStream {
        &self.rejected
    }

    pub(crate) fn budget(&self) -> &NatsBudget {
        &self.budget
    }

    /// The stream of the records of which process makes the deliveries of a subscription.
    pub(crate) fn holders(&self) -> &EnsuredStream {
        &self.holders
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

#[async_trait]
impl MessageHub for NatsHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let publisher = Publisher { link: &self.link, events: &self.events, prefix: &self.prefix };
        let results = publisher.publish(messages, timeout).await.into_iter();
        results.map(|result| result.map_err(|error| error.within("the timeout of the call", timeout))).collect()
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        let timeout = request.timeout;
        let reply = request::request(&self.link, &self.prefix, request).await;
        reply.map_err(|error| error.within("the timeout of the request", timeout))
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        subscription.check()?;
        let feed = || {
            let (events, rejected) = (Arc::clone(&self.events), Arc::clone(&self.rejected));
            let (link, prefix) = (Arc::clone(&self.link), Arc::clone(&self.prefix));
            Feed::new(link, events, rejected, prefix, subscription.clone(), self.subscribers)
        };
        let opened = self.feeds.subscribe(subscription, feed, Instant::now() + OPENING).await;
        let deliveries = opened.map_err(|error| error.within("the limit of opening a subscription", OPENING))?;
        Ok(Box::new(deliveries))
    }

    async fn probe(&self) -> Result<()> {
        let deadline = Instant::now() + PROBING;
        self.link.ready(PROBE, deadline).await?;
        let info = api::call::<api::Done>(&self.link, PROBE, "INFO", None, deadline).await;
        let late = |error: HubError| error.within("the limit of a probe", PROBING);
        info.map_err(late)?.map_err(|error| api_error(PROBE, &error))?;
        // A server that answers may still refuse the streams, without which nothing can be published, or delivered by one of several
        // processes. A probe does not create what nothing has needed yet.
        for stream in [&self.events, &self.holders] {
            match stream.refused() {
                Some(Refusal { wish: Wish::Ensure, pattern, .. }) => {
                    stream.ensure(PROBE, &pattern, deadline).await.map_err(late)?;
                }
                Some(Refusal { wish: Wish::Look, .. }) => {
                    stream.is_there(PROBE, deadline).await.map_err(late)?;
                }
                None => {}
            }
        }
        Ok(())
    }
}
