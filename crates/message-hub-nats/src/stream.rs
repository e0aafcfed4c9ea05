//! The streams: the one of the events, and the one of what subscribers rejected.

use crate::{config::NatsHubConfig, link::Link};
use async_nats::jetstream::{
    self, Context,
    context::{CreateStreamErrorKind, GetStreamErrorKind},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use character_message_hub::{Applied, ErrorKind, HubError, Result};
use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// What is kept of rejected events: the last 100,000, for 30 days.
const MAX_REJECTED: i64 = 100_000;
const MAX_REJECTED_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// A stream that is created when it is absent.
pub(crate) struct EnsuredStream {
    context: Context,
    config: Config,
    ensured: AtomicBool,
    /// One call creates it; the others wait.
    creating: Mutex<()>,
}

impl fmt::Debug for EnsuredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnsuredStream").field("name", &self.config.name).finish_non_exhaustive()
    }
}

fn limit(value: Option<u64>) -> i64 {
    value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX))
}

impl EnsuredStream {
    /// The stream of the events.
    pub(crate) fn of_events(link: &Link, config: &NatsHubConfig) -> Self {
        Self::new(
            link,
            Config {
                name: config.stream.clone(),
                subjects: config.stream_subjects(),
                // A full stream refuses new events; the default would drop old ones that no subscriber has seen.
                discard: DiscardPolicy::New,
                max_age: config.max_age,
                duplicate_window: config.duplicate_window,
                num_replicas: config.replicas,
                max_messages: limit(config.max_messages),
                max_bytes: limit(config.max_bytes),
                ..Config::default()
            },
        )
    }

    /// The stream of what subscribers rejected.
    pub(crate) fn of_rejected(link: &Link, config: &NatsHubConfig) -> Self {
        Self::new(
            link,
            Config {
                name: format!("{}_REJECTED", config.stream),
                subjects: vec![format!("{}hub.rejected.>", config.prefix)],
                discard: DiscardPolicy::Old,
                max_age: MAX_REJECTED_AGE,
                max_messages: MAX_REJECTED,
                max_bytes: -1,
                num_replicas: config.replicas,
                ..Config::default()
            },
        )
    }

    fn new(link: &Link, config: Config) -> Self {
        let config = Config {
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            max_messages_per_subject: -1,
            max_consumers: -1,
            ..config
        };
        let context = jetstream::new(link.client.clone());
        Self { context, config, ensured: AtomicBool::new(false), creating: Mutex::new(()) }
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
        self.ensured.store(false, Ordering::Release);
    }

    /// Creates the stream if it is absent.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable`, `Full`, `Invalid`, `Forbidden`; certainly not applied.
    pub(crate) async fn ensure(&self, operation: &'static str, deadline: Instant) -> Result<()> {
        if self.ensured.load(Ordering::Acquire) {
            return Ok(());
        }
        let create = async {
            let _creating = self.creating.lock().await;
            if self.ensured.load(Ordering::Acquire) {
                return Ok(());
            }
            self.create(operation).await?;
            self.ensured.store(true, Ordering::Release);
            Ok(())
        };
        let late = || HubError::new(ErrorKind::Timeout, operation).with_detail("JetStream does not answer");
        timeout_at(deadline, create)
            .await
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| error.with_applied(Applied::No))
    }

    async fn create(&self, operation: &'static str) -> Result<()> {
        match self.context.get_stream(self.name()).await {
            Ok(stream) => {
                self.compare(&stream.cached_info().config);
                return Ok(());
            }
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(cause)
                    if cause.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND => {}
                GetStreamErrorKind::JetStream(cause) => return Err(api_error(operation, &cause)),
                _ => return Err(unanswered(operation, error)),
            },
        }
        match self.context.create_stream(self.config.clone()).await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // Another process was faster.
                CreateStreamErrorKind::JetStream(cause)
                    if cause.error_code() == jetstream::ErrorCode::STREAM_NAME_EXIST =>
                {
                    Ok(())
                }
                CreateStreamErrorKind::JetStream(cause) => Err(api_error(operation, &cause)),
                _ => Err(unanswered(operation, error)),
            },
        }
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

fn unanswered(operation: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> HubError {
    let detail = "JetStream does not answer; is it enabled for this account?";
    HubError::new(ErrorKind::Unavailable { retry_after: None }, operation).with_detail(detail).with_source(error)
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
        _ => ErrorKind::Unavailable { retry_after: None },
    };
    HubError::new(kind, operation).with_detail(format!("JetStream: {error}")).with_applied(Applied::No)
}
