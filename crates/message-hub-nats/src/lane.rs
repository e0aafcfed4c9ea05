//! The parts of what a subscriber has received: orders, events in them, and where each event is.

use async_nats::Subject;
use character_message_hub::DeliveryLimits;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The events of one order. Events without a subject have no order among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Subject(Arc<str>),
    Alone(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It can be delivered from this time on.
    Waiting(Instant),
    /// A subscriber has it until then. `renewed`: JetStream has delivered it again since.
    Delivered { until: Instant, renewed: bool },
    /// Its settlement is being sent.
    Settling,
    /// JetStream delivers it again, to us or to another subscriber; forgotten at this time.
    Away(Instant),
}

#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) lane: Lane,
    pub(crate) item: T,
    /// When its stream kept it.
    pub(crate) kept_at: Duration,
    /// Where its settlement is sent to.
    pub(crate) address: Subject,
    /// When JetStream heard of it last.
    pub(crate) touched: Instant,
    pub(crate) attempts: u64,
    /// The number of its last delivery.
    pub(crate) delivery: u64,
    /// The limits under which it was delivered last.
    pub(crate) limits: DeliveryLimits,
    pub(crate) place: Place,
}

/// One order: its events by their place in the stream, and the one that a subscriber has.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) sequences: BTreeSet<u64>,
    pub(crate) busy: Option<u64>,
}

/// Which delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The place of the event in the stream.
    pub(crate) sequence: u64,
    /// Which delivery of it.
    pub(crate) attempt: u64,
    /// Which delivery of the subscriber: another stream has another event at the same place.
    pub(crate) delivery: u64,
}
