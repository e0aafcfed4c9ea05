//! What the subscribers of one name send to the one that receives from JetStream, and what it returns.

use crate::lease::ChosenFilter;
use character_message_hub::{ErrorKind, HubError, Result, SETTLE, Settlement};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What another subscriber sends to the holder of the subscription.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToHolder {
    /// It takes events, on the subject of the reply.
    Asks(Ask),
    /// It settles a delivery.
    Settles(SettleCall),
    /// It takes no more events.
    Leaves,
}

/// Which events another subscriber takes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// The number of events that the holder may have sent in all.
    pub(crate) allowance: u64,
    /// The number of events that have arrived.
    pub(crate) received: u64,
    pub(crate) max_in_flight: usize,
    pub(crate) settle_within_ms: u64,
    pub(crate) filter: ChosenFilter,
}

/// A settlement of a delivery that another subscriber has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SettleCall {
    pub(crate) sequence: u64,
    pub(crate) attempt: u64,
    pub(crate) action: Action,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Ack,
    RetryAfterMs(u64),
    Reject(String),
    InProgress,
}

/// The result of a settlement.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Settled {
    Kept,
    /// The delivery was settled or given up before.
    Lost,
    /// Whether it was kept is unknown.
    Unknown(String),
}

/// Milliseconds of a duration.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<Settlement> for Action {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Ack => Self::Ack,
            // Rounded up: a retry is not before its pause.
            Settlement::RetryAfter(pause) => Self::RetryAfterMs(milliseconds(pause + Duration::from_micros(999))),
            Settlement::Reject(reason) => Self::Reject(reason),
        }
    }
}

impl Action {
    /// The settlement. `None`: it begins the time for settling again.
    pub(crate) fn settlement(self) -> Option<Settlement> {
        match self {
            Self::Ack => Some(Settlement::Ack),
            Self::RetryAfterMs(pause) => Some(Settlement::RetryAfter(Duration::from_millis(pause))),
            Self::Reject(reason) => Some(Settlement::Reject(reason)),
            Self::InProgress => None,
        }
    }
}

impl Settled {
    pub(crate) fn of(result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::Kept,
            Err(error) if *error.kind() == ErrorKind::DeliveryLost => Self::Lost,
            Err(error) => Self::Unknown(error.detail().unwrap_or(error.kind().code()).to_owned()),
        }
    }

    pub(crate) fn result(self) -> Result<()> {
        match self {
            Self::Kept => Ok(()),
            Self::Lost => Err(HubError::new(ErrorKind::DeliveryLost, SETTLE)),
            Self::Unknown(detail) => {
                Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, SETTLE).with_detail(detail))
            }
        }
    }
}
