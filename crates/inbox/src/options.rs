//! The settings of an inbox.

use character_message_hub::{HubError, Subscription};
use std::time::Duration;

/// The settings of an inbox.
#[derive(Clone, Debug)]
pub struct InboxOptions {
    /// The subscription. Its `max_in_flight` is the maximum number of events that are handled at once.
    pub subscription: Subscription,
    /// How long the hub keeps an event, more than zero; `None`: not known.
    pub stream_max_age: Option<Duration>,
    /// How long the storage remembers the id of a transaction, more than zero; `None`: not known.
    pub ids_kept: Option<Duration>,
    /// Maximum time of one call of the handler, at least 1 ms. Default: 5 min.
    pub handle_within: Duration,
    /// How often a handler may panic on an event before the event is rejected, at least 1. Default: 5.
    pub max_panics: u64,
    /// How long handlers may take to finish at a stop. Default: 2 s. Zero: they are dropped at once.
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
    /// The first such setting, with its value.
    pub fn check(&self) -> Result<(), InboxError> {
        self.subscription.check().map_err(InboxError::Subscription)?;
        let times = [("stream_max_age", self.stream_max_age), ("ids_kept", self.ids_kept)];
        for (setting, time) in times.into_iter().filter_map(|(setting, time)| Some((setting, time?))) {
            if time.is_zero() {
                return Err(InboxError::Setting {
                    setting,
                    found: format!("{time:?}"),
                    range: "more than zero, or not known",
                });
            }
        }
        if self.handle_within < Duration::from_millis(1) {
            let found = format!("{:?}", self.handle_within);
            return Err(InboxError::Setting { setting: "handle_within", found, range: "at least 1 ms" });
        }
        if self.max_panics == 0 {
            return Err(InboxError::Setting { setting: "max_panics", found: "0".into(), range: "at least 1" });
        }
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
    /// An option with which no event could be handled.
    #[error("the inbox option {setting} is {found}: it must be {range}")]
    Setting {
        /// The field of [`InboxOptions`].
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        range: &'static str,
    },
    /// A limit of the subscription is outside its range.
    #[error(transparent)]
    Subscription(HubError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_with_which_no_event_could_be_handled_is_refused_with_its_value() {
        let options = || InboxOptions::new(Subscription::new("sheets".parse().unwrap(), "a.*".parse().unwrap()));
        let zero = Duration::ZERO;
        assert!(options().check().is_ok());
        assert!(InboxOptions { stop_within: zero, ..options() }.check().is_ok());
        for (wrong, expected) in [
            (InboxOptions { stream_max_age: Some(zero), ..options() }, "stream_max_age is 0ns"),
            (InboxOptions { ids_kept: Some(zero), ..options() }, "ids_kept is 0ns"),
            (InboxOptions { handle_within: zero, ..options() }, "handle_within is 0ns"),
            (InboxOptions { max_panics: 0, ..options() }, "max_panics is 0"),
            (
                InboxOptions { subscription: Subscription { max_in_flight: 0, ..options().subscription }, ..options() },
                "max_in_flight must be from 1 to 1000, not 0",
            ),
            (
                InboxOptions {
                    subscription: Subscription { settle_within: zero, ..options().subscription },
                    ..options()
                },
                "settle_within must be from 1 second to 1 hour, not 0ns",
            ),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
