//! The port.

use crate::{
    Deliveries, DeliveryLimits, ErrorKind, Filter, HubError, Message, Published, Reply, Result, ServiceRequest,
    SubscriptionName,
};
use async_trait::async_trait;
use std::{fmt, time::Duration};

/// A durable subscription. The hub remembers by its name which events it has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The name. Subscribers of one name share the events; each event goes to one of them.
    pub name: SubscriptionName,
    /// Which events it receives. A changed filter counts from the next event on.
    pub filter: Filter,
    /// The maximum number of deliveries of this subscriber that are not settled, 1 to 1,000. Default: 64.
    pub max_in_flight: usize,
    /// The time for settling a delivery: after it, the event is delivered again. 1 s to 1 h. Default: 30 s.
    pub settle_within: Duration,
}

impl Subscription {
    /// With the defaults that each field names.
    #[must_use]
    pub fn new(name: SubscriptionName, filter: Filter) -> Self {
        Self { name, filter, max_in_flight: 64, settle_within: Duration::from_secs(30) }
    }

    /// Those under which the deliveries of this subscriber are made.
    #[must_use]
    pub fn limits(&self) -> DeliveryLimits {
        DeliveryLimits::new(self.settle_within, self.max_in_flight)
    }

    /// Refuses limits outside of their ranges.
    ///
    /// # Errors
    /// `Invalid`, with the field, its range and its value.
    pub fn check(&self) -> Result<()> {
        let invalid = |detail: String| Err(HubError::new(ErrorKind::Invalid, SUBSCRIBE).with_detail(detail));
        if !(1..=1_000).contains(&self.max_in_flight) {
            return invalid(format!("max_in_flight must be from 1 to 1000, not {}", self.max_in_flight));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&self.settle_within) {
            return invalid(format!("settle_within must be from 1 second to 1 hour, not {:?}", self.settle_within));
        }
        Ok(())
    }
}

/// The Message Hub: it keeps events for their subscribers, and passes requests to named services.
///
/// # Cancel safety
/// Every method may be dropped at any point. A dropped `publish` or `request` may have had its effect.
#[async_trait]
pub trait MessageHub: Send + Sync + fmt::Debug {
    /// Publishes events, at most [`MAX_BATCH`](crate::MAX_BATCH), and returns one result each, in their order. `Ok`: the
    /// hub keeps the event, also over a crash. The results are independent: one may fail while the others are kept. Events of one
    /// subject are kept in the order of `messages`; when one of them fails, later ones of its subject are not published
    /// (`Unavailable`, certainly not applied).
    ///
    /// Ends within `timeout`, whatever the state of the hub.
    ///
    /// # Errors
    /// Per event. `TooLarge`, `Invalid`: never to be taken. `Full`, `NoResponder`, `Unauthorized`, `Forbidden`: certainly
    /// not kept. `Unavailable`, `Timeout`: see [`HubError::certainly_not_applied`](crate::HubError::certainly_not_applied);
    /// when unknown, publish it again: a repeat with the same message id is kept once for at least ten minutes.
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>>;

    /// Sends a request to an instance of a service and returns its reply. Ends within the timeout of the request. A reply that
    /// comes later is dropped; it never answers another request. The hub repeats nothing that is not
    /// [idempotent](ServiceRequest::idempotent), unless the service certainly did not receive it.
    ///
    /// # Errors
    /// `NoResponder`: there is no instance; certainly not applied. `TooLarge`: certainly not applied. `Timeout`,
    /// `Unavailable`: see [`HubError::certainly_not_applied`](crate::HubError::certainly_not_applied). A failure that the
    /// service reports is no error but a [`Reply`].
    async fn request(&self, request: ServiceRequest) -> Result<Reply>;

    /// Opens a durable subscription. A new name begins with the oldest event that the hub keeps.
    ///
    /// Events of one subject are delivered in the order in which they were published, one at a time; an event that is to be
    /// retried delays its subject and nothing else. A hub may promise this order only while one subscriber of the name is
    /// connected; its adapter says so. Each event is delivered at least once: use its source and id to handle it once.
    ///
    /// # Errors
    /// `Unauthorized`, `Forbidden`, `Unavailable`, `Timeout`; `Invalid`: a limit outside its range.
    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>>;

    /// Whether the hub answers now and accepts the credentials. Ends within a second.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    async fn probe(&self) -> Result<()>;
}

/// The operation name of publishing.
pub const PUBLISH: &str = "hub.publish";
/// The operation name of a request.
pub const REQUEST: &str = "hub.request";
/// The operation name of opening a subscription.
pub const SUBSCRIBE: &str = "hub.subscribe";
/// The operation name of waiting for a delivery.
pub const NEXT: &str = "hub.next";
/// The operation name of settling a delivery.
pub const SETTLE: &str = "hub.settle";
/// The operation name of a probe.
pub const PROBE: &str = "hub.probe";
