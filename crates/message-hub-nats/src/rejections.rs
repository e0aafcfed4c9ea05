//! What subscriptions have rejected, as operators read it.

use crate::{
    NatsHub,
    api::{self, Done, OPERATOR_LIMIT, as_operator, is_absent},
    codec, consumer, percent,
    stream::api_error,
};
use async_nats::{
    HeaderMap, Message,
    jetstream::consumer::{AckPolicy, DeliverPolicy, pull},
};
use character_message_hub::{CloudEvent, ErrorKind, HubError, RejectedEvent, Result, SubscriptionName};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::time::{Instant, timeout_at};

const REJECTED: &str = "hub.rejected";
/// How long NATS keeps the reader of rejected events when its end does not arrive.
const READER: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct StreamInfo {
    state: StreamState,
}

#[derive(Deserialize)]
pub(crate) struct StreamState {
    first_seq: u64,
    last_seq: u64,
    /// The number of messages by subject.
    #[serde(default)]
    pub(crate) subjects: Option<HashMap<String, u64>>,
}

/// The header with the reason of the subscriber.
pub(crate) const REASON: &str = "Hub-Rejected-Reason";

/// Where rejected events of a subscription are kept.
pub(crate) fn subject_of(prefix: &str, name: &SubscriptionName) -> String {
    format!("{prefix}hub.rejected.{name}")
}

impl NatsHub {
    /// See [`HubOperations::rejected`](character_message_hub::HubOperations::rejected).
    pub(crate) async fn rejected_events(
        &self,
        name: &SubscriptionName,
        limit: usize,
    ) -> Result<Option<Vec<RejectedEvent>>> {
        as_operator(async {
            let deadline = Instant::now() + OPERATOR_LIMIT;
            self.link().ready(REJECTED, deadline).await?;
            let subject = format!("CONSUMER.INFO.{}.{name}", self.events().name());
            match api::call::<Done>(self.link(), REJECTED, &subject, None, deadline).await? {
                Ok(Done {}) => {}
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(api_error(REJECTED, &error)),
            }
            let subject = subject_of(self.prefix(), name);
            let Some(state) = self.rejected_state(REJECTED, &subject, deadline).await? else {
                return Ok(Some(Vec::new()));
            };
            let total = state.subjects.as_ref().and_then(|subjects| subjects.get(&subject)).copied().unwrap_or(0);
            if total == 0 || limit == 0 {
                return Ok(Some(Vec::new()));
            }
            let reading = self.read_rejected(&subject, &state, total, limit);
            let late = || HubError::new(ErrorKind::Timeout, REJECTED).with_detail("JetStream does not answer");
            let messages = timeout_at(deadline, reading).await.unwrap_or_else(|_| Err(late()))?;
            Ok(Some(messages.iter().rev().take(limit).map(rejected).collect()))
        })
        .await
    }

    /// The state of the stream of rejected events, with the number of those below `subjects`. `None`: nothing was rejected yet.
    pub(crate) async fn rejected_state(
        &self,
        operation: &'static str,
        subjects: &str,
        deadline: Instant,
    ) -> Result<Option<StreamState>> {
        let subject = format!("STREAM.INFO.{}", self.rejections().name());
        let body = Some(json!({ "subjects_filter": subjects }));
        match api::call::<StreamInfo>(self.link(), operation, &subject, body, deadline).await? {
            Ok(info) => Ok(Some(info.state)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(api_error(operation, &error)),
        }
    }

    /// The last `limit` messages of a subject, the oldest first.
    async fn read_rejected(
        &self,
        subject: &str,
        state: &StreamState,
        total: u64,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            HubError::new(ErrorKind::Unavailable { retry_after: None }, REJECTED)
                .with_detail(format!("JetStream: {error}"))
        };
        let stream = self.rejections().context().get_stream(self.rejections().name());
        let stream = stream.await.map_err(|error| failed(error.into()))?;
        let reader = async |start_sequence: u64| {
            let config = pull::Config {
                deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
                ack_policy: AckPolicy::None,
                filter_subject: subject.to_owned(),
                inactive_threshold: READER,
                memory_storage: true,
                num_replicas: 1,
                ..pull::Config::default()
            };
            stream.create_consumer(config).await.map_err(|error| failed(error.into()))
        };
        let most = limit as u64;
        // From `low` on there are at least `limit`, or all of them; from `high` on there are fewer.
        let (mut low, mut high) = (state.first_seq, state.last_seq + 1);
        let mut found = reader(low).await?;
        while total > most && high - low > 1 && found.cached_info().num_pending != most {
            let middle = low + (high - low) / 2;
            let other = reader(middle).await?;
            let unused = match other.cached_info().num_pending < most {
                true => {
                    high = middle;
                    other
                }
                false => {
                    low = middle;
                    std::mem::replace(&mut found, other)
                }
            };
            // NATS drops it by itself after a while.
            drop(stream.delete_consumer(&unused.cached_info().name).await);
        }
        let count = usize::try_from(found.cached_info().num_pending).unwrap_or(usize::MAX);
        let messages =
            found.fetch().max_messages(count.max(1)).messages().await.map_err(|error| failed(error.into()))?;
        let messages: Vec<_> = messages.map(|message| message.map(|message| message.message)).collect().await;
        drop(stream.delete_consumer(&found.cached_info().name).await);
        messages.into_iter().collect::<std::result::Result<_, _>>().map_err(failed)
    }
}

/// What was kept of a rejected event.
fn rejected(message: &Message) -> RejectedEvent {
    let none = HeaderMap::new();
    let headers = message.headers.as_ref().unwrap_or(&none);
    let text = |name: &str| headers.get(name).and_then(|value| percent::decode(value.as_str())).unwrap_or_default();
    let event = codec::decode(message.headers.as_ref(), &message.payload).ok();
    let attribute = |of: fn(&CloudEvent) -> &str, name: &str| match &event {
        Some(event) => of(event).to_owned(),
        None => text(name),
    };
    let kept_at = message.reply.as_deref().and_then(consumer::kept_at);
    RejectedEvent {
        rejected_at: kept_at.and_then(|since| Timestamp::try_from(UNIX_EPOCH + since).ok()).unwrap_or_default(),
        reason: text(REASON),
        id: attribute(CloudEvent::id, "ce-id"),
        source: attribute(CloudEvent::source, "ce-source"),
        event_type: attribute(CloudEvent::event_type, "ce-type"),
        event: event.map(Arc::new),
    }
}
