//! The streams: of the events, of what subscribers rejected, and of which process makes the deliveries of a subscription.

use crate::{
    api::{self, Done, PASSING},
    config::NatsHubConfig,
    link::Link,
    subject,
};
use async_nats::jetstream::{
    self, Context,
    stream::{self, Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use character_error_reporter::redacted_text;
use character_message_hub::{Applied, ErrorKind, HubError, MAX_HOLDER_AGE, Result};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// The limit of one call of the interface of JetStream, after which it is repeated: a cluster does not answer calls that arrive
/// while it elects a leader.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);

/// What is kept of rejected events: the last 100,000, for 30 days.
const MAX_REJECTED: i64 = 100_000;
const MAX_REJECTED_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether a new kind of subject is added to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    Grows,
    /// An operator named the subjects.
    Fixed,
}

/// A stream that is created when it is absent, with the subjects that are needed.
///
/// The subjects are added one kind after the other: NATS permits no stream of `*.event.>`, since `*` includes its own subjects.
pub(crate) struct EnsuredStream {
    link: Arc<Link>,
    context: Context,
    config: Config,
    growth: Growth,
    /// The patterns of subjects that the stream is known to take. None before the stream was found.
    taken: RwLock<HashSet<String>>,
    /// One call creates it; the others wait.
    creating: Mutex<()>,
    /// What NATS refused last.
    refused: RwLock<Option<Refusal>>,
}

/// As much of the state of a stream as shows which one it is.
#[derive(Deserialize)]
struct Created {
    created: String,
}

/// What was asked of NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To say whether the stream is there.
    Look,
    /// To make sure that it is there.
    Ensure,
}

/// A refusal that repetition does not cure.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) wish: Wish,
    /// The pattern whose subjects were refused.
    pub(crate) pattern: String,
    reason: String,
}

impl fmt::Debug for EnsuredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnsuredStream").field("name", &self.config.name).finish_non_exhaustive()
    }
}

/// Whether every subject of `pattern` is one of `subjects`.
fn covers(subjects: &str, pattern: &str) -> bool {
    let mut wide = subjects.split('.');
    let mut narrow = pattern.split('.');
    loop {
        match (wide.next(), narrow.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

fn limit(value: Option<u64>) -> i64 {
    value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX))
}

impl EnsuredStream {
    /// The stream of the events.
    pub(crate) fn of_events(link: &Arc<Link>, config: &NatsHubConfig) -> Self {
        let kinds = config.kinds.iter().map(|kind| subject::kind_of_pattern(&config.prefix, kind));
        let (growth, subjects) = match config.subjects.is_empty() {
            true => (Growth::Grows, kinds.collect()),
            false => (Growth::Fixed, config.subjects.clone()),
        };
        Self::new(
            link,
            growth,
            Config {
                name: config.stream.clone(),
                subjects,
                // A full stream refuses new events; the default would drop old ones that no subscriber has seen.
                discard: DiscardPolicy::New,
                max_age: config.max_age,
                duplicate_window: config.duplicate_window,
                num_replicas: config.replicas,
                max_messages: limit(config.max_messages),
                max_bytes: limit(config.max_bytes),
                max_messages_per_subject: -1,
                ..Config::default()
            },
        )
    }

    /// The stream of what subscribers rejected.
    pub(crate) fn of_rejected(link: &Arc<Link>, config: &NatsHubConfig) -> Self {
        Self::new(
            link,
            Growth::Fixed,
            Config {
                name: format!("{}_REJECTED", config.stream),
                subjects: vec![format!("{}hub.rejected.>", config.prefix)],
                discard: DiscardPolicy::Old,
                max_age: MAX_REJECTED_AGE,
                max_messages: MAX_REJECTED,
                max_bytes: -1,
                max_messages_per_subject: -1,
                num_replicas: config.replicas,
                ..Config::default()
            },
        )
    }

    /// The stream of the records of which process makes the deliveries of a subscription.
    pub(crate) fn of_holders(link: &Arc<Link>, config: &NatsHubConfig) -> Self {
        Self::new(
            link,
            Growth::Fixed,
            Config {
                name: format!("{}_HOLDERS", config.stream),
                subjects: vec![format!("{}hub.holder.>", config.prefix)],
                discard: DiscardPolicy::Old,
                max_messages: -1,
                max_bytes: -1,
                max_messages_per_subject: 1,
                // A record in use is written every second.
                max_age: MAX_HOLDER_AGE,
                num_replicas: config.replicas,
                ..Config::default()
            },
        )
    }

    fn new(link: &Arc<Link>, growth: Growth, config: Config) -> Self {
        let config =
            Config { storage: StorageType::File, retention: RetentionPolicy::Limits, max_consumers: -1, ..config };
        let context = jetstream::new(link.client.clone());
        let (link, taken, refused) = (Arc::clone(link), RwLock::default(), RwLock::default());
        Self { link, context, config, growth, taken, creating: Mutex::new(()), refused }
    }

    /// The name of the stream.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// The interface of JetStream.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Looks for the stream again at the next call: the server says it is absent.
    pub(crate) fn forget(&self) {
        self.taken.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn takes(&self, pattern: &str) -> bool {
        self.taken.read().unwrap_or_else(PoisonError::into_inner).contains(pattern)
    }

    /// The subjects that a new stream takes from its beginning.
    pub(crate) fn subjects(&self) -> &[String] {
        &self.config.subjects
    }

    /// Makes sure that the stream is there and takes the subjects of a pattern, in one attempt.
    ///
    /// # Errors
    /// [Passing](is_passing) ones, `Timeout`, `Unavailable`, `Full`, `Invalid`, `Forbidden`; certainly not applied.
    pub(crate) async fn ensure(&self, operation: &'static str, pattern: &str, deadline: Instant) -> Result<()> {
        if self.takes(pattern) {
            return Ok(());
        }
        let limit = deadline.min(Instant::now() + ATTEMPT);
        let create = async {
            let _creating = self.creating.lock().await;
            if self.takes(pattern) {
                return Ok(());
            }
            let created = self.create(operation, pattern, limit).await;
            self.note(Wish::Ensure, pattern, created.as_ref().err());
            created?;
            self.taken.write().unwrap_or_else(PoisonError::into_inner).insert(pattern.to_owned());
            Ok(())
        };
        let late = || {
            let late = HubError::new(ErrorKind::Timeout, operation).with_detail("JetStream does not answer");
            if limit < deadline { late.within("the limit of one attempt", ATTEMPT) } else { late }
        };
        timeout_at(limit, create).await.unwrap_or_else(|_| Err(late())).map_err(|error| error.with_applied(Applied::No))
    }

    /// What was refused last, unless it was granted since.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a refusal that repetition does not cure, and logs it once for each reason.
    fn note(&self, wish: Wish, pattern: &str, error: Option<&HubError>) {
        if error.is_some_and(is_passing) {
            return;
        }
        // The error itself also names the operation, which may be another one for each call.
        let reason = error.map(|error| redacted_text(error.detail().unwrap_or(error.kind().code())));
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        match (reason, &mut *refused) {
            // That it can be read says nothing about a stream that cannot be created.
            (_, Some(known)) if (wish, known.wish) == (Wish::Look, Wish::Ensure) => {}
            (Some(reason), Some(known)) if reason == known.reason => known.wish = wish,
            (Some(reason), _) => {
                tracing::warn!(stream = self.name(), reason, "the stream in NATS cannot be used");
                *refused = Some(Refusal { wish, pattern: pattern.to_owned(), reason });
            }
            (None, Some(known)) if known.pattern == pattern => {
                tracing::info!(stream = self.name(), "the stream in NATS can be used now");
                *refused = None;
            }
            (None, _) => {}
        }
    }

    /// Asks the interface of JetStream about the stream, such as `CREATE` with its settings.
    async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        verb: &'static str,
        config: Option<&Config>,
        deadline: Instant,
    ) -> Result<std::result::Result<T, jetstream::Error>> {
        let unsendable = |error| HubError::new(ErrorKind::Invalid, operation).with_source(error);
        let body = config.map(serde_json::to_value).transpose().map_err(unsendable)?;
        let subject = format!("STREAM.{verb}.{}", self.name());
        api::call(&self.link, operation, &subject, body, deadline).await.map_err(|error| match error.kind() {
            ErrorKind::Forbidden => error.with_detail(format!("NATS does not permit to publish to $JS.API.{subject}")),
            _ => error,
        })
    }

    /// The settings of the stream; `None`: it is absent.
    async fn found(&self, operation: &'static str, deadline: Instant) -> Result<Option<Config>> {
        match self.ask::<stream::Info>(operation, "INFO", None, deadline).await? {
            Ok(info) => Ok(Some(info.config)),
            Err(error) if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND => Ok(None),
            Err(error) => Err(api_error(operation, &error)),
        }
    }

    async fn create(&self, operation: &'static str, pattern: &str, deadline: Instant) -> Result<()> {
        let Some(mut grown) = self.found(operation, deadline).await? else {
            return self.create_absent(operation, pattern, deadline).await;
        };
        self.compare(&grown);
        if self.growth == Growth::Fixed || grown.subjects.iter().any(|subjects| covers(subjects, pattern)) {
            return Ok(());
        }
        grown.subjects.push(pattern.to_owned());
        let updated = self.ask::<Done>(operation, "UPDATE", Some(&grown), deadline).await?;
        updated.map(drop).map_err(|error| api_error(operation, &error))
    }

    async fn create_absent(&self, operation: &'static str, pattern: &str, deadline: Instant) -> Result<()> {
        let mut config = self.config.clone();
        if self.growth == Growth::Grows && !config.subjects.iter().any(|subjects| covers(subjects, pattern)) {
            config.subjects.push(pattern.to_owned());
        }
        match self.ask::<Done>(operation, "CREATE", Some(&config), deadline).await? {
            Ok(Done {}) => Ok(()),
            // Another process was faster, perhaps with another subject: the next call finds its stream.
            Err(error) if error.error_code() == jetstream::ErrorCode::STREAM_NAME_EXIST => {
                Box::pin(self.create(operation, pattern, deadline)).await
            }
            Err(error) => Err(api_error(operation, &error)),
        }
    }

    /// When the stream was created, as JetStream writes it.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure).
    pub(crate) async fn created(&self, operation: &'static str, deadline: Instant) -> Result<String> {
        match self.ask::<Created>(operation, "INFO", None, deadline).await? {
            Ok(Created { created }) => Ok(created),
            Err(error) => {
                self.forget();
                Err(api_error(operation, &error))
            }
        }
    }

    /// Whether the stream is there. It creates nothing, and notes a refusal.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure).
    pub(crate) async fn is_there(&self, operation: &'static str, deadline: Instant) -> Result<bool> {
        let found = self.found(operation, deadline).await;
        if let Some(pattern) = self.subjects().first() {
            self.note(Wish::Look, pattern, found.as_ref().err());
        }
        found.map(|found| found.is_some())
    }

    /// Warns of settings of an existing stream that break the promises of the hub.
    fn compare(&self, found: &Config) {
        if found.discard != self.config.discard || found.retention != self.config.retention {
            tracing::warn!(
                stream = self.name(),
                "the stream discards old events when it is full, or keeps them for some subscribers only: events can be lost"
            );
        }
        if found.duplicate_window < Duration::from_secs(600) && self.config.discard == DiscardPolicy::New {
            tracing::warn!(
                stream = self.name(),
                window_s = found.duplicate_window.as_secs(),
                "the stream recognises repeats for less than ten minutes: events can be kept twice"
            );
        }
    }
}

/// Whether a call that ended with this error may succeed when it is repeated soon: it was not answered, or refused for now.
pub(crate) fn is_passing(error: &HubError) -> bool {
    *error.kind() == ErrorKind::Timeout || error.retry_after().is_some()
}

/// The error of a refusal by JetStream.
pub(crate) fn api_error(operation: &'static str, error: &jetstream::Error) -> HubError {
    use jetstream::ErrorCode as Code;
    let kind = match error.error_code() {
        Code::STREAM_STORE_FAILED
        | Code::ACCOUNT_RESOURCES_EXCEEDED
        | Code::INSUFFICIENT_RESOURCES
        | Code::STORAGE_RESOURCES_EXCEEDED
        | Code::MEMORY_RESOURCES_EXCEEDED => ErrorKind::Full,
        Code::STREAM_MESSAGE_EXCEEDS_MAXIMUM | Code::STREAM_HEADER_EXCEEDS_MAXIMUM => ErrorKind::Invalid,
        _ if error.code() == 403 => ErrorKind::Forbidden,
        // A cluster that elects a leader, or whose servers do not all know the stream yet.
        Code::CLUSTER_NOT_AVAILABLE | Code::CLUSTER_NO_PEERS | Code::CLUSTER_NOT_LEADER | Code::STREAM_NOT_FOUND => {
            ErrorKind::Unavailable { retry_after: Some(PASSING) }
        }
        _ => ErrorKind::Unavailable { retry_after: None },
    };
    HubError::new(kind, operation).with_detail(format!("JetStream: {error}")).with_applied(Applied::No)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (subjects, pattern, covered) in [
            ("a.event.>", "a.event.>", true),
            (">", "a.event.>", true),
            ("*.event.>", "a.event.>", true),
            ("a.>", "a.event.>", true),
            ("a.event.*", "a.event.>", false),
            ("a.event.b", "a.event.>", false),
            ("b.event.>", "a.event.>", false),
            ("a.event.>.b", "a.event", false),
            ("a.event", "a.event.>", false),
            ("hub.rejected.>", "hub.rejected.>", true),
        ] {
            assert_eq!(covers(subjects, pattern), covered, "{subjects} {pattern}");
        }
    }
}
