//! The hub over NATS.

use crate::{
    config::{InvalidConfig, NatsHubConfig},
    feed::Feed,
    link::{Link, Sent},
    publish::Publisher,
    request,
    stream::{EnsuredStream, api_error},
    subscribe::{Closing, NatsDeliveries},
};
use async_nats::jetstream;
use bytes::Bytes;
use character_message_hub::{
    Deliveries, ErrorKind, HubError, Message, MessageHub, PROBE, Published, Reply, Result, SUBSCRIBE, ServiceRequest,
    Subscription, async_trait,
};
use serde::Deserialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

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
}

/// A [`MessageHub`] over NATS JetStream. Clones share one connection.
///
/// The connection is made in the background and made again whenever it is lost. A call waits for it at most two seconds, and
/// never longer than its own timeout.
///
/// # Order
/// The events of a subject are delivered in order while one subscriber of the name is connected, or when `max_in_flight` is 1.
/// With `max_in_flight` 1 a retried event delays all others. Up to 10,000 events wait for earlier ones of their subject.
#[derive(Clone)]
pub struct NatsHub {
    link: Arc<Link>,
    events: Arc<EnsuredStream>,
    rejected: Arc<EnsuredStream>,
    prefix: Arc<str>,
    closing: Closing,
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
        Ok(Self {
            link,
            events: Arc::new(events),
            rejected: Arc::new(rejected),
            prefix: config.prefix.into(),
            closing: Closing::default(),
        })
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
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// The part of the answer of JetStream that says whether it works.
#[derive(Deserialize)]
struct AccountInfo {
    error: Option<jetstream::Error>,
}

#[async_trait]
impl MessageHub for NatsHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        let publisher = Publisher { link: &self.link, events: &self.events, prefix: &self.prefix };
        publisher.publish(messages, timeout).await
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        request::request(&self.link, &self.prefix, request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        subscription.check()?;
        self.closing.wait(&subscription.name).await;
        let (link, events, rejected) = (Arc::clone(&self.link), Arc::clone(&self.events), Arc::clone(&self.rejected));
        let feed = Feed::new(link, events, rejected, Arc::clone(&self.prefix), subscription.clone());
        feed.open(SUBSCRIBE, Instant::now() + OPENING).await?;
        Ok(Box::new(NatsDeliveries::start(feed, self.closing.clone())))
    }

    async fn probe(&self) -> Result<()> {
        let deadline = Instant::now() + PROBING;
        self.link.ready(PROBE, deadline).await?;
        let unavailable = |detail: &'static str| {
            HubError::new(ErrorKind::Unavailable { retry_after: None }, PROBE).with_detail(detail)
        };
        match self.link.call(PROBE, "$JS.API.INFO".into(), None, Bytes::new(), deadline).await? {
            Sent::Reply(reply) => {
                let info: AccountInfo = serde_json::from_slice(&reply.payload)
                    .map_err(|error| HubError::new(ErrorKind::Corrupt, PROBE).with_source(error))?;
                info.error.map_or(Ok(()), |error| Err(api_error(PROBE, &error)))
            }
            Sent::NoResponder => Err(unavailable("JetStream is not enabled, or has no leader")),
            Sent::Lost => Err(unavailable("the connection to NATS was lost")),
            Sent::Late => Err(HubError::new(ErrorKind::Timeout, PROBE)),
        }
    }
}
