//! The durable consumer of a subscription: its settings, and what JetStream says about its messages.

use crate::{
    api,
    link::Link,
    stream::{ATTEMPT, EnsuredStream, api_error},
    subject,
};
use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::ConsumerErrorKind,
};
use character_error_reporter::redacted;
use character_message_hub::{ErrorKind, Filter, HubError, Result, Subscription, SubscriptionName};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The maximum number of unsettled events that JetStream delivers to all subscribers of a name: those that wait for earlier ones
/// of their subject count.
pub(crate) const MAX_HELD: usize = 10_000;

/// What the description of a consumer begins with; the text of the filter follows. The subjects of a consumer do not hold it on
/// every server.
const DESCRIBED: &str = "subscription of the Message Hub, types: ";
/// The longest description that NATS keeps, in bytes.
const MAX_DESCRIPTION: usize = 4_096;

/// Which events JetStream delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// New ones too.
    All,
    /// Only those again that were delivered and are not settled. When there are none, one new event may come.
    Unsettled,
}

/// The filter of a subscription by the description of its consumer. `None`: it was not created by this crate, or its filter is long.
pub(crate) fn described_filter(description: &str) -> Option<Filter> {
    description.strip_prefix(DESCRIBED)?.parse().ok()
}

/// The subjects of the events that a filter accepts, without those that others cover.
fn subjects(prefix: &str, filter: &Filter) -> Vec<String> {
    let patterns: Vec<&str> = filter.patterns().collect();
    let covers = |wide: &str, narrow: &str| {
        wide != narrow && wide.strip_suffix('*').is_some_and(|beginning| narrow.starts_with(beginning))
    };
    let mut subjects: Vec<String> = patterns
        .iter()
        .filter(|pattern| !patterns.iter().any(|other| covers(other, pattern)))
        .map(|pattern| subject::accepted_by(prefix, pattern))
        .collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

fn config(subscription: &Subscription, intake: Intake) -> pull::Config {
    let name = subscription.name.to_string();
    let description = format!("{DESCRIBED}{}", subscription.filter);
    pull::Config {
        durable_name: Some(name.clone()),
        name: Some(name),
        description: Some(description).filter(|text| text.len() <= MAX_DESCRIPTION),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: subscription.settle_within,
        max_deliver: -1,
        // With one delivery in flight JetStream itself keeps the order, for any number of subscribers. What it delivers again does
        // not count.
        max_ack_pending: match intake {
            Intake::All if subscription.max_in_flight > 1 => MAX_HELD as i64,
            Intake::All | Intake::Unsettled => 1,
        },
        ..pull::Config::default()
    }
}

/// Creates the consumer, or changes it to these settings, in one attempt.
///
/// # Errors
/// `Timeout`, `Unavailable`, `Full`, `Forbidden`.
pub(crate) async fn create(
    link: &Link,
    events: &EnsuredStream,
    prefix: &str,
    subscription: &Subscription,
    intake: Intake,
    operation: &'static str,
    deadline: Instant,
) -> Result<()> {
    let mut filtered = config(subscription, intake);
    let subjects = subjects(prefix, &subscription.filter);
    match subjects.as_slice() {
        [] => {}
        [one] => filtered.filter_subject = one.clone(),
        // Servers before 2.10 know one subject only; the subscriber skips the rest.
        several if link.client.is_server_compatible(2, 10, 0) => filtered.filter_subjects = several.to_vec(),
        _ => {}
    }
    let context = events.context();
    let create = async {
        let made = context.create_consumer_on_stream(filtered, events.name()).await;
        match made {
            Ok(_) => Ok(()),
            // Some servers cannot change a filter; the subscriber skips what the filter does not accept.
            Err(error) if !subjects.is_empty() && matches!(error.kind(), ConsumerErrorKind::JetStream(_)) => {
                tracing::debug!(error = %redacted(&error), "the server does not filter for the subscription");
                context.create_consumer_on_stream(config(subscription, intake), events.name()).await.map(drop)
            }
            Err(error) => Err(error),
        }
    };
    let limit = deadline.min(Instant::now() + ATTEMPT);
    let Ok(created) = timeout_at(limit, create).await else {
        let late = HubError::new(ErrorKind::Timeout, operation).with_detail("JetStream does not answer");
        return Err(if limit < deadline { late.within("the limit of one attempt", ATTEMPT) } else { late });
    };
    created.map_err(|error| {
        // The stream may be gone; the next attempt looks for it.
        events.forget();
        match error.kind() {
            ConsumerErrorKind::JetStream(cause) => api_error(operation, &cause),
            _ => HubError::new(ErrorKind::Unavailable { retry_after: None }, operation).with_source(error),
        }
    })
}

/// What JetStream knows of the consumer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Info {
    /// When it was created, as JetStream writes it.
    #[serde(default)]
    pub(crate) created: String,
    /// The number of events that were delivered and not settled.
    #[serde(default)]
    pub(crate) num_ack_pending: usize,
    #[serde(default)]
    config: Settings,
    /// What was delivered last.
    #[serde(default)]
    delivered: Position,
}

#[derive(Debug, Default, Deserialize)]
struct Settings {
    /// In nanoseconds.
    #[serde(default)]
    ack_wait: u64,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Position {
    #[serde(default)]
    consumer_seq: u64,
}

impl Info {
    /// The number of deliveries so far, to any subscriber: the place of the last one in the consumer.
    pub(crate) fn deliveries(&self) -> u64 {
        self.delivered.consumer_seq
    }

    /// The types that the last subscriber has asked for. `None`: they are unknown, as [`described_filter`] says.
    pub(crate) fn filter(&self) -> Option<Filter> {
        described_filter(self.config.description.as_deref()?)
    }

    /// How long JetStream waits for settlements of deliveries that are not settled. `None`: there are none.
    pub(crate) fn waits(&self) -> Option<Duration> {
        (self.num_ack_pending > 0).then(|| Duration::from_nanos(self.config.ack_wait))
    }
}

/// Asks JetStream for the state of the consumer.
///
/// # Errors
/// As [`create`].
pub(crate) async fn info(
    link: &Link,
    events: &EnsuredStream,
    subscription: &SubscriptionName,
    operation: &'static str,
    deadline: Instant,
) -> Result<Info> {
    let info = ask(link, events, subscription, operation, deadline).await?;
    info.map_err(|error| api_error(operation, &error))
}

/// The same, of a consumer that may not exist yet.
///
/// # Errors
/// As [`create`].
pub(crate) async fn find(
    link: &Link,
    events: &EnsuredStream,
    subscription: &SubscriptionName,
    operation: &'static str,
    deadline: Instant,
) -> Result<Option<Info>> {
    match ask(link, events, subscription, operation, deadline).await? {
        Ok(info) => Ok(Some(info)),
        Err(error) if api::is_absent(&error) => Ok(None),
        Err(error) => Err(api_error(operation, &error)),
    }
}

async fn ask(
    link: &Link,
    events: &EnsuredStream,
    subscription: &SubscriptionName,
    operation: &'static str,
    deadline: Instant,
) -> Result<std::result::Result<Info, jetstream::Error>> {
    let subject = format!("CONSUMER.INFO.{}.{}", events.name(), subscription);
    api::call(link, operation, &subject, None, deadline).await
}

/// A message, by the parts of the address of its settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The place in the stream.
    pub(crate) sequence: u64,
    /// Which delivery of this message.
    pub(crate) attempt: u64,
    /// Which delivery of the consumer, to any subscriber.
    pub(crate) place: u64,
    /// When the stream kept it, since the beginning of 1970.
    pub(crate) kept_at: Duration,
}

pub(crate) fn delivery(address: &str) -> Option<Delivered> {
    let [attempt, sequence, place, _] = numbers(address)?;
    let (sequence, attempt, place) = (sequence.parse().ok()?, attempt.parse().ok()?, place.parse().ok()?);
    Some(Delivered { sequence, attempt, place, kept_at: kept_at(address)? })
}

/// When the stream kept a message, since the beginning of 1970: a part of the address of its settlement.
pub(crate) fn kept_at(address: &str) -> Option<Duration> {
    let [.., time] = numbers(address)?;
    time.parse().ok().map(Duration::from_nanos)
}

/// The numbers of the address of a settlement: deliveries, place in the stream, place in the consumer, time.
fn numbers(address: &str) -> Option<[&str; 4]> {
    let parts: Vec<&str> = address.split('.').collect();
    if parts.first() != Some(&"$JS") || parts.get(1) != Some(&"ACK") {
        return None;
    }
    // Addresses of newer servers also name the domain and the account.
    let first = match parts.len() {
        9 => 4,
        11.. => 6,
        _ => return None,
    };
    parts.get(first..first + 4)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_addresses_are_read() {
        let kept_at_17 = Duration::from_secs(1_700_000_000);
        let read = Some(Delivered { sequence: 17, attempt: 3, place: 20, kept_at: kept_at_17 });
        assert_eq!(delivery("$JS.ACK.STREAM.reader.3.17.20.1700000000000000000.5"), read);
        assert_eq!(delivery("$JS.ACK.domain.account.STREAM.reader.3.17.20.1700000000000000000.5.token"), read);
        assert_eq!(delivery("$JS.ACK.domain.account.STREAM.reader.3.17.20.1700000000000000000.5"), read);
        let kept = Some(kept_at_17);
        assert_eq!(kept_at("$JS.ACK.STREAM.reader.3.17.20.1700000000000000000.5"), kept);
        assert_eq!(kept_at("$JS.ACK.domain.account.STREAM.reader.3.17.20.1700000000000000000.5.token"), kept);
        for other in ["_INBOX.1", "$JS.ACK.a.b", "$JS.ACK.STREAM.reader.x.y.20.1.5"] {
            assert_eq!(delivery(other), None);
        }
    }

    #[test]
    fn the_description_of_a_consumer_names_its_filter() {
        let of = |filter: &str| {
            let filter: Filter = filter.parse().unwrap();
            let config = config(&Subscription::new("reader".parse().unwrap(), filter.clone()), Intake::All);
            (config.description.as_deref().and_then(described_filter), filter)
        };
        for filter in ["", "a.*,b.c"] {
            let (described, filter) = of(filter);
            assert_eq!(described, Some(filter));
        }
        assert_eq!(of(&vec!["a".repeat(250); 20].join(",")).0, None, "NATS would refuse it");
        assert_eq!(described_filter("of another program"), None);
    }

    #[test]
    fn subjects_that_others_cover_are_left_out() {
        let of = |filter: &str| subjects("", &filter.parse().unwrap());
        assert!(of("").is_empty());
        assert_eq!(of("a.*,a.b,a.c.*,a.*"), ["a.event.*.a.>"]);
        assert_eq!(of("a.b,c.*"), ["a.event.*.a.b", "c.event.*.c.>"]);
    }
}
