//! The settings of an inbox.

use character_message_hub::{HubError, Subscription};
use std::time::Duration;

/// The settings of an inbox.
#[derive(Clone, Debug)]
pub struct InboxOptions {
    /// The subscription. Its `max_in_flight` is the maximum number of events that are handled at once.
    pub subscription: Subscription,
    /// How long the hub keeps an event; `None`: not known.
    pub stream_max_age: Option<Duration>,
    /// How long the storage remembers the id of a transaction; `None`: not known.
    pub ids_kept: Option<Duration>,
    /// Maximum time of one call of the handler. Default: 5 min.
    pub handle_within: Duration,
    /// How often a handler may panic on an event before the event is rejected. Default: 5.
    pub max_panics: u64,
    /// How long handlers may take to finish at a stop. Default: 2 s.
    pub stop_within: Duration,
}

impl InboxOptions {
    /// With the defaults that each field names.
    #[must_use]
    pub fn new(subscription: Subscription) -> Self {
        Self {
            subscription,
            stream_max_age: None,
            ids_kept: None,
            handle_within: Duration::from_secs(300),
            max_panics: 5,
            stop_within: Duration::from_secs(2),
        }
    }

    /// Refuses settings with which an event could have two effects, and limits outside of their ranges.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<(), InboxError> {
        self.subscription.check().map_err(InboxError::Subscription)?;
        match (self.ids_kept, self.stream_max_age) {
            (Some(ids_kept), Some(stream_max_age)) if ids_kept < stream_max_age => {
                Err(InboxError::Retention { ids_kept, stream_max_age })
            }
            _ => Ok(()),
        }
    }
}

/// Why an inbox cannot start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// An event that is delivered late could have a second effect.
    #[error(
        "the storage remembers transaction ids for {} s, less than the {} s that the hub keeps events",
        ids_kept.as_secs(),
        stream_max_age.as_secs()
    )]
    Retention {
        /// How long the storage remembers the id of a transaction.
        ids_kept: Duration,
        /// How long the hub keeps an event.
        stream_max_age: Duration,
    },
    /// A limit of the subscription is outside its range.
    #[error(transparent)]
    Subscription(HubError),
}
