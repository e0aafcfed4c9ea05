//! What operators read and change: the durable consumers as subscriptions.

use crate::{
    NatsHub,
    api::{self, Done, OPERATOR_LIMIT, as_operator, is_absent},
    consumer, rejections,
    stream::{ATTEMPT, api_error},
    subject,
};
use async_nats::jetstream;
use async_trait::async_trait;
use character_message_hub::{Filter, HubOperations, RejectedEvent, Result, SubscriptionName, SubscriptionState};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use tokio::time::Instant;

const SUBSCRIPTIONS: &str = "hub.subscriptions";
const REMOVE: &str = "hub.remove_subscription";

#[derive(Deserialize)]
struct ConsumerPage {
    total: usize,
    #[serde(default)]
    consumers: Option<Vec<Consumer>>,
}

#[derive(Deserialize)]
struct Consumer {
    name: String,
    config: ConsumerConfig,
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    num_ack_pending: u64,
}

#[derive(Deserialize)]
struct ConsumerConfig {
    #[serde(default)]
    durable_name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    filter_subject: Option<String>,
    #[serde(default)]
    filter_subjects: Option<Vec<String>>,
}

impl Consumer {
    /// `None`: it is no durable consumer, or has a name that no subscription can have.
    fn subscription(self, prefix: &str, rejected: &HashMap<String, u64>) -> Option<SubscriptionState> {
        let name: SubscriptionName = self.name.parse().ok()?;
        self.config.durable_name.as_ref()?;
        let kept = rejected.get(&rejections::subject_of(prefix, &name)).copied().unwrap_or(0);
        let (in_flight, backlog) = (self.num_ack_pending, self.num_pending + self.num_ack_pending);
        Some(SubscriptionState { types: self.config.filter(prefix), name, backlog, in_flight, rejected: kept })
    }
}

impl ConsumerConfig {
    /// The filter as its subscriber wrote it; of a consumer of another program, what its subjects say.
    fn filter(self, prefix: &str) -> Filter {
        if let Some(filter) = self.description.as_deref().and_then(consumer::described_filter) {
            return filter;
        }
        let subjects = self.filter_subjects.into_iter().flatten().chain(self.filter_subject);
        let patterns: Vec<_> = subjects.filter_map(|subject| subject::pattern_of(prefix, &subject)).collect();
        patterns.join(",").parse().unwrap_or_default()
    }
}

#[async_trait]
impl HubOperations for NatsHub {
    /// Consumers with names that no subscription can have are left out. With a server before 2.10, the backlog of a subscription
    /// to several types counts the events of every type.
    async fn subscriptions(&self) -> Result<Vec<SubscriptionState>> {
        as_operator(async {
            let deadline = Instant::now() + OPERATOR_LIMIT;
            self.link().ready(SUBSCRIPTIONS, deadline).await?;
            let state = self.rejected_state(SUBSCRIPTIONS, ">", deadline).await?;
            let rejected = state.and_then(|state| state.subjects).unwrap_or_default();
            let subject = format!("CONSUMER.LIST.{}", self.events().name());
            let (mut found, mut seen) = (Vec::new(), 0);
            loop {
                let body = Some(json!({ "offset": seen }));
                let page: ConsumerPage = match api::call(self.link(), SUBSCRIPTIONS, &subject, body, deadline).await? {
                    Ok(page) => page,
                    // The stream is created with the first event or subscription.
                    Err(error) if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND => break,
                    Err(error) => return Err(api_error(SUBSCRIPTIONS, &error)),
                };
                let consumers = page.consumers.unwrap_or_default();
                seen += consumers.len();
                let is_last = consumers.is_empty() || seen >= page.total;
                found.extend(consumers.into_iter().filter_map(|one| one.subscription(self.prefix(), &rejected)));
                if is_last {
                    break;
                }
            }
            found.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(found)
        })
        .await
    }

    /// The consumer of the subscription keeps them; a text of more than 4 KiB is unknown.
    async fn types(&self, name: &SubscriptionName) -> Result<Option<Filter>> {
        let deadline = Instant::now() + ATTEMPT;
        self.link().ready(SUBSCRIPTIONS, deadline).await?;
        let consumer = consumer::find(self.link(), self.events(), name, SUBSCRIPTIONS, deadline).await?;
        Ok(consumer.and_then(|consumer| consumer.filter()))
    }

    async fn rejected(&self, name: &SubscriptionName, limit: usize) -> Result<Option<Vec<RejectedEvent>>> {
        self.rejected_events(name, limit).await
    }

    /// A subscriber that is still connected creates it again.
    async fn remove_subscription(&self, name: &SubscriptionName) -> Result<bool> {
        as_operator(async {
            let deadline = Instant::now() + OPERATOR_LIMIT;
            self.link().ready(REMOVE, deadline).await?;
            let subject = format!("CONSUMER.DELETE.{}.{name}", self.events().name());
            let existed = match api::call::<Done>(self.link(), REMOVE, &subject, None, deadline).await? {
                Ok(Done {}) => true,
                Err(error) if is_absent(&error) => false,
                Err(error) => return Err(api_error(REMOVE, &error)),
            };
            let subject = format!("STREAM.PURGE.{}", self.rejections().name());
            let body = Some(json!({ "filter": rejections::subject_of(self.prefix(), name) }));
            match api::call::<Done>(self.link(), REMOVE, &subject, body, deadline).await? {
                Ok(Done {}) => Ok(existed),
                Err(error) if is_absent(&error) => Ok(existed),
                Err(error) => Err(api_error(REMOVE, &error)),
            }
        })
        .await
    }
}
