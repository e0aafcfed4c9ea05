//! The response to published events.

use crate::Failure;
use character_message_hub::{PUBLISH, Published, Result};
use serde::{Deserialize, Serialize};

/// The maximum size of the body of one request that publishes events, in bytes. 16 MiB.
pub const MAX_PUBLISH_BYTES: usize = 16 * 1024 * 1024;

/// What happened to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// The hub keeps it.
    Published,
    /// The hub had it already, and keeps it once.
    Duplicate,
    /// It was not published, or that is not known.
    Failed,
}

/// The result of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventResult {
    /// The id of the event.
    pub id: String,
    /// What happened to it.
    pub status: EventStatus,
    /// `failed`: the code of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `failed`: a sentence for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `failed`: whether the event is certainly not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainly_not_applied: Option<bool>,
    /// `failed`: how long to wait before a repeat, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// `too-large`: the maximum size, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// `too-large`: the size of the event, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The response to published events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishResultsBody {
    /// One result per event, in the order of the events.
    pub results: Vec<EventResult>,
}

impl EventResult {
    /// The result of the event with this id.
    #[must_use]
    pub fn of(id: &str, result: &Result<Published>) -> Self {
        let failure = result.as_ref().err().map(Failure::from);
        let status = match result {
            Ok(Published { duplicate: false }) => EventStatus::Published,
            Ok(Published { duplicate: true }) => EventStatus::Duplicate,
            Err(_) => EventStatus::Failed,
        };
        let Failure { code, detail, certainly_not_applied, retry_after_ms, limit, size } = failure.unwrap_or_default();
        Self { id: id.to_owned(), status, code, detail, certainly_not_applied, retry_after_ms, limit, size }
    }

    /// The result as the port returns it.
    ///
    /// # Errors
    /// The failure of the event.
    pub fn into_result(self) -> Result<Published> {
        let Self { status, code, detail, certainly_not_applied, retry_after_ms, limit, size, .. } = self;
        match status {
            EventStatus::Published => Ok(Published { duplicate: false }),
            EventStatus::Duplicate => Ok(Published { duplicate: true }),
            EventStatus::Failed => {
                let failure = Failure { code, detail, certainly_not_applied, retry_after_ms, limit, size };
                Err(failure.of_status(503, PUBLISH))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_message_hub::{Applied, ErrorKind, HubError};
    use std::time::Duration;

    #[test]
    fn every_result_travels_without_loss() {
        let errors = [
            ErrorKind::Unavailable { retry_after: Some(Duration::from_millis(1500)) },
            ErrorKind::Timeout,
            ErrorKind::NoResponder,
            ErrorKind::Full,
            ErrorKind::TooLarge { limit: 1, size: 2 },
            ErrorKind::Unauthorized,
            ErrorKind::Forbidden,
            ErrorKind::Invalid,
            ErrorKind::Corrupt,
            ErrorKind::DeliveryLost,
            ErrorKind::NotFound,
        ];
        assert_eq!(errors.each_ref().map(ErrorKind::code), ErrorKind::CODES);
        for kind in errors {
            for applied in [Applied::No, Applied::Unknown] {
                let error = HubError::new(kind.clone(), PUBLISH).with_applied(applied).with_detail("why");
                let text = serde_json::to_string(&EventResult::of("7", &Err(error.clone()))).expect("serializable");
                let read: EventResult = serde_json::from_str(&text).expect("readable");
                let back = read.into_result().expect_err("a failure");
                assert_eq!(back.kind(), error.kind(), "{text}");
                assert_eq!(back.certainly_not_applied(), error.certainly_not_applied(), "{text}");
                assert_eq!(back.detail(), error.detail(), "{text}");
            }
        }
        for duplicate in [false, true] {
            let published = Published { duplicate };
            assert_eq!(EventResult::of("7", &Ok(published)).into_result().expect("a success"), published);
        }
    }
}
