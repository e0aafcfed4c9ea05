//! Bodies and parameters of the durable consumers of the log.

use crate::{DEFAULT_LIMIT, parameters::Parameters};
use character_domain::Violations;
use character_storage_port::{
    ConsumerState, DomainEvent, EventId, HolderId, Leased, LogCursor, MAX_PARKED, ParkedEvent,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A request for the lease of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseBody {
    /// The process that requests the lease.
    pub holder: HolderId,
    /// The duration in milliseconds, at most [`MAX_LEASE`](character_storage_port::MAX_LEASE); a longer time is
    /// shortened to it.
    pub lease_ms: u64,
}

/// A lease, or `null` while another holder has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeasedBody {
    /// The lease, with the oldest of the events to replay. Others may follow with the next call.
    // Named, so that an answer without this member is not taken for `null`.
    #[serde(deserialize_with = "Option::deserialize")]
    pub leased: Option<Leased>,
}

/// The new position of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceBody {
    /// The lease, from the token.
    pub lease: Uuid,
    /// The consumer has handled every commit before this cursor.
    pub to: LogCursor,
}

/// The release of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// The lease, from the token.
    pub lease: Uuid,
}

/// An event to park.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkBody {
    /// The lease, from the token.
    pub lease: Uuid,
    /// The event.
    pub event: DomainEvent,
    /// The reason, in words for an operator.
    pub reason: String,
}

/// Parked events, by their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParkedBody {
    /// At most the requested number.
    pub events: Vec<ParkedEvent>,
    /// Whether there are more events after the last one of this list, because the response would be too large. Absent
    /// when `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// Names parked events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventIdsBody {
    /// At most [`MAX_PARKED`]. Ids that are not parked are ignored.
    pub ids: Vec<EventId>,
}

/// The number of rows of a list, or of affected events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountBody {
    /// The number.
    pub count: u64,
}

/// Every consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumersBody {
    /// The consumers, by name.
    pub consumers: Vec<ConsumerState>,
}

/// The parameters of a list of parked events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedParameters {
    /// Only events with a higher id.
    pub after: Option<EventId>,
    /// Maximum number of events, 1 to [`MAX_PARKED`]. Default: [`DEFAULT_LIMIT`].
    pub limit: usize,
}

impl ParkedParameters {
    /// The query string, without `?`.
    #[must_use]
    pub fn encode(&self) -> String {
        let after = self.after.map(|id| format!("after={id}&")).unwrap_or_default();
        format!("{after}limit={}", self.limit)
    }

    /// Reads the query string.
    ///
    /// # Errors
    /// Every parameter that is unknown, repeated or wrong, by name.
    pub fn decode(query: &str) -> Result<Self, Violations> {
        let mut parameters = Parameters::read(query, &["after", "limit"]);
        let after = match parameters.text("after").map(str::parse) {
            Some(Err(_)) => {
                parameters.fault("after", "must be the id of an event, a UUID");
                None
            }
            Some(Ok(id)) => Some(EventId(id)),
            None => None,
        };
        let limit = parameters.number("limit", 1..=MAX_PARKED, DEFAULT_LIMIT);
        parameters.end()?;
        Ok(Self { after, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_parked_events_come_back_and_wrong_ones_are_named() {
        for after in [None, Some(EventId(Uuid::now_v7()))] {
            for limit in [1, MAX_PARKED] {
                let asked = ParkedParameters { after, limit };
                assert_eq!(ParkedParameters::decode(&asked.encode()), Ok(asked));
            }
        }
        assert_eq!(ParkedParameters::decode(""), Ok(ParkedParameters { after: None, limit: DEFAULT_LIMIT }));
        for (query, field) in
            [("limit=0", "limit"), ("limit=1001", "limit"), ("after=7", "after"), ("wait_ms=1", "wait_ms")]
        {
            assert_eq!(ParkedParameters::decode(query).expect_err("wrong")[0].field, field, "{query}");
        }
    }

    #[test]
    fn an_answer_without_its_lease_is_not_a_refusal() {
        assert!(serde_json::from_str::<LeasedBody>("{}").is_err());
        assert_eq!(serde_json::from_str::<LeasedBody>(r#"{"leased": null}"#).expect("a refusal").leased, None);
    }
}
