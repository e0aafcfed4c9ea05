//! The parts of what a subscriber has received: orders, events in them, and where each event is.

use async_nats::Subject;
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};
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
    /// A subscriber has it until then.
    Delivered { until: Instant },
    /// Its settlement is being sent.
    Settling,
    /// JetStream may deliver it again; forgotten at this time.
    Away(Instant),
}

#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) lane: Lane,
    pub(crate) item: T,
    /// Where its settlement is sent to.
    pub(crate) address: Subject,
    /// When JetStream heard of it last.
    pub(crate) touched: Instant,
    pub(crate) attempts: u64,
    /// The subscriber that took it last, and its time for settling.
    pub(crate) taker: Taker,
    pub(crate) settle_within: Duration,
    pub(crate) place: Place,
}

/// One order: its events by their place in the stream, and the one that a subscriber has.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) sequences: BTreeSet<u64>,
    pub(crate) busy: Option<u64>,
}

/// A subscriber of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Taker {
    /// The one that receives from JetStream.
    Own,
    /// Another one, by a number that this one gives it.
    Other(u64),
}

/// Which delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The place of the event in the stream.
    pub(crate) sequence: u64,
    /// Which delivery of it.
    pub(crate) attempt: u64,
}

impl fmt::Display for Receipt {
    /// As the end of a subject: `SEQUENCE.ATTEMPT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.attempt)
    }
}

impl Receipt {
    /// Of the end of a subject.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sequence, attempt) = text.split_once('.')?;
        Some(Self { sequence: sequence.parse().ok()?, attempt: attempt.parse().ok()? })
    }
}
