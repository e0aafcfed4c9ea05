//! The settings of a relay.

use crate::Envelope;
use character_message_hub::{CloudEvent, InvalidAttribute};
use character_storage_port::{ConsumerName, MAX_LEASE};
use std::{sync::Arc, time::Duration};

/// The name of the consumer of the log whose lease all relays share.
pub const CONSUMER: &str = "hub";

/// The settings of a relay.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// The consumer of the log; relays of one storage use the same.
    pub consumer: ConsumerName,
    /// The attributes that every event has. Default: the source `/characters`.
    pub envelope: Envelope,
    /// How long the lease of the consumer is valid; it is prolonged after a third of it. A process that crashes is replaced
    /// after this time at the latest. Default: 30 s.
    pub lease: Duration,
    /// How long before the end of the lease publishing stops: at least 1 s, and less than a third of the lease. Default: 5
    /// s.
    pub headroom: Duration,
    /// The longest pause between two attempts to get the lease while another process has it. Default: 1 s.
    pub standby_pause: Duration,
    /// Maximum time of one call of the hub. Default: 5 s.
    pub publish_timeout: Duration,
    /// The ceiling of the first pause after a failure of the hub or the storage, doubled for each further one. Default: 100
    /// ms.
    pub first_pause: Duration,
    /// The ceiling of every such pause. Default: 10 s.
    pub longest_pause: Duration,
    /// How long the hub may fail before the lease is released, so that another process, which may reach the hub, can take
    /// it. Default: 30 s.
    pub hand_over_after: Duration,
    /// How often the hub may refuse an event before the event is parked. Default: 5.
    pub max_refusals: u32,
    /// The least time between two changes of the durable cursor. Events published since the last one are published again
    /// after a crash. Default: 100 ms. Zero: the cursor is moved after each batch.
    pub advance_every: Duration,
    /// Maximum time to release the lease at a shutdown. Default: 2 s. Zero: the lease is not released, and expires.
    pub stop_within: Duration,
}

/// A setting that a relay cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOptions {
    /// The source is no CloudEvents `source`.
    #[error(transparent)]
    Source(#[from] InvalidAttribute),
    /// A duration or a number is outside of its range.
    #[error("the relay option {setting} is {found}: it must be {range}")]
    Range {
        /// The field of [`RelayOptions`].
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        range: &'static str,
    },
}

impl RelayOptions {
    /// With the defaults that each field names.
    #[must_use]
    pub fn new(consumer: ConsumerName) -> Self {
        Self {
            consumer,
            envelope: Envelope::new("/characters"),
            lease: Duration::from_secs(30),
            headroom: Duration::from_secs(5),
            standby_pause: Duration::from_secs(1),
            publish_timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            hand_over_after: Duration::from_secs(30),
            max_refusals: 5,
            advance_every: Duration::from_millis(100),
            stop_within: Duration::from_secs(2),
        }
    }

    /// Refuses settings that a relay cannot work with.
    ///
    /// # Errors
    /// The first such setting, with its value.
    pub fn check(&self) -> Result<(), InvalidOptions> {
        CloudEvent::new("id", Arc::clone(&self.envelope.source), "type")?.check()?;
        let refuse =
            |setting, time: Duration, range| Err(InvalidOptions::Range { setting, found: format!("{time:?}"), range });
        if !(Duration::from_secs(4)..=MAX_LEASE).contains(&self.lease) {
            return refuse("lease", self.lease, "from 4 seconds to 24 hours");
        }
        if !(Duration::from_secs(1)..self.lease / 3).contains(&self.headroom) {
            return refuse("headroom", self.headroom, "at least 1 second and less than a third of lease");
        }
        for (setting, time) in [
            ("standby_pause", self.standby_pause),
            ("publish_timeout", self.publish_timeout),
            ("first_pause", self.first_pause),
            ("hand_over_after", self.hand_over_after),
        ] {
            if time < Duration::from_millis(1) {
                return refuse(setting, time, "at least 1 millisecond");
            }
        }
        if self.longest_pause < self.first_pause {
            return refuse("longest_pause", self.longest_pause, "at least as long as first_pause");
        }
        if self.max_refusals == 0 {
            let (setting, range) = ("max_refusals", "at least 1");
            return Err(InvalidOptions::Range { setting, found: self.max_refusals.to_string(), range });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_a_relay_cannot_work_with_are_refused() {
        let options = || RelayOptions::new(CONSUMER.parse().unwrap());
        assert_eq!(options().check(), Ok(()));
        let second = Duration::from_secs(1);
        assert!(RelayOptions { envelope: Envelope::new(""), ..options() }.check().is_err());
        let zero = Duration::ZERO;
        for (wrong, expected) in [
            (RelayOptions { lease: second / 2, ..options() }, "lease is 500ms"),
            (RelayOptions { headroom: second * 10, ..options() }, "headroom is 10s"),
            (RelayOptions { headroom: second / 2, ..options() }, "headroom is 500ms"),
            (RelayOptions { standby_pause: zero, ..options() }, "standby_pause is 0ns"),
            (RelayOptions { publish_timeout: zero, ..options() }, "publish_timeout is 0ns"),
            (RelayOptions { first_pause: zero, ..options() }, "first_pause is 0ns"),
            (RelayOptions { hand_over_after: zero, ..options() }, "hand_over_after is 0ns"),
            (RelayOptions { longest_pause: second / 100, ..options() }, "longest_pause is 10ms"),
            (RelayOptions { max_refusals: 0, ..options() }, "max_refusals is 0"),
        ] {
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.starts_with(&format!("the relay option {expected}: ")), "{refused}");
        }
        // Zero is no pause: each cursor is moved at once, and a stop does not wait for the release of the lease.
        assert_eq!(RelayOptions { advance_every: zero, stop_within: zero, ..options() }.check(), Ok(()));
    }
}
