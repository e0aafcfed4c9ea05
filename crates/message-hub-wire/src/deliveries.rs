//! Deliveries, and how they are settled.

use crate::Failure;
use character_message_hub::{CloudEvent, HubError, SETTLE};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// The maximum number of deliveries in one response.
pub const MAX_LIMIT: usize = 1_000;
/// The number of deliveries in one response when the request names none.
pub const DEFAULT_LIMIT: usize = 100;
/// The longest wait for a delivery in one request.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The maximum number of settlements in one request.
pub const MAX_SETTLEMENTS: usize = 1_000;

/// One delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryBody {
    /// What it is settled with. It is of one hub process: after a restart of the hub the event is delivered again, with
    /// another receipt.
    pub receipt: String,
    /// Which delivery of this event it is, 1 for the first.
    pub attempt: u64,
    /// The event.
    pub event: Arc<CloudEvent>,
}

/// A batch of deliveries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveriesBody {
    /// The deliveries; empty when none came in time.
    pub deliveries: Vec<DeliveryBody>,
    /// The id of the batch, which a poller reports as `received` with its next request. Absent when the request named no
    /// poller, or when the batch is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

/// What the subscriber did with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleAction {
    /// It was handled.
    Ack,
    /// It is delivered again after `retry_after_ms`.
    Retry,
    /// It is never delivered again, for `reason`.
    Reject,
    /// It is still being handled: the time for settling begins again.
    InProgress,
}

/// One settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementBody {
    /// The receipt of the delivery.
    pub receipt: String,
    /// What the subscriber did.
    pub action: SettleAction,
    /// `retry`: the pause before the next delivery, in milliseconds, at most a day. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// `reject`: why, for operators. Required; at most 1,000 characters are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Several settlements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleBody {
    /// The settlements, 1 to [`MAX_SETTLEMENTS`].
    pub settlements: Vec<SettlementBody>,
}

/// Whether a settlement had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleStatus {
    /// The hub keeps it.
    Settled,
    /// It had no effect, or that is not known.
    Failed,
}

/// The result of one settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleResult {
    /// The receipt of the delivery.
    pub receipt: String,
    /// Whether it had its effect.
    pub status: SettleStatus,
    /// `failed`: the code of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `failed`: a sentence for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `failed`: whether the settlement certainly had no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainly_not_applied: Option<bool>,
}

/// The response to settlements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleResultsBody {
    /// One result per settlement, in their order.
    pub results: Vec<SettleResult>,
}

impl SettleResult {
    /// The result for this receipt.
    #[must_use]
    pub fn of(receipt: String, result: &Result<(), HubError>) -> Self {
        let failure = result.as_ref().err().map(Failure::from).unwrap_or_default();
        let status = if result.is_ok() { SettleStatus::Settled } else { SettleStatus::Failed };
        let Failure { code, detail, certainly_not_applied, .. } = failure;
        Self { receipt, status, code, detail, certainly_not_applied }
    }

    /// The result as the port returns it.
    ///
    /// # Errors
    /// The failure of the settlement.
    pub fn into_result(self) -> Result<(), HubError> {
        match self.status {
            SettleStatus::Settled => Ok(()),
            SettleStatus::Failed => {
                let Self { code, detail, certainly_not_applied, .. } = self;
                let failure = Failure { code, detail, certainly_not_applied, ..Failure::default() };
                Err(failure.of_status(503, SETTLE))
            }
        }
    }
}
