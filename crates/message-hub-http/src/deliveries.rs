//! A durable subscription: long polls, one after the other.

use crate::client::{Client, Limit, decoded, place};
use async_trait::async_trait;
use character_error_reporter::redacted;
use character_message_hub::{
    Deliveries, Delivery, ErrorKind, HubError, MAX_REASON, NEXT, Result, SETTLE, SUBSCRIBE, Settle, Settlement,
    Subscription, SubscriptionName,
};
use character_message_hub_wire::{
    self as wire, DeliveriesBody, DeliveryBody, SettleAction, SettleBody, SettleResultsBody, SettlementBody,
};
use rand::RngExt as _;
use reqwest::Method;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// How long one poll waits at the hub.
const WAIT: Duration = Duration::from_secs(20);
/// What a poll may take beside that.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long opening a subscription may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(35);
/// How long opening a subscription waits for a hub that is away. One of several processes that crashes is replaced within 12 s.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum number of deliveries that one poll takes: few, so that the last of them is still held when its turn comes.
const AT_ONCE: usize = 32;
/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 32 * 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One subscriber, as the hub knows it.
#[derive(Clone, Debug)]
struct Poller {
    client: Arc<Client>,
    subscription: Subscription,
    /// The name by which the hub knows this subscriber.
    name: String,
    /// The last batch that arrived.
    received: String,
}

impl Poller {
    async fn ask(
        &self,
        operation: &'static str,
        limit: usize,
        wait: Duration,
        limit_of_time: Limit,
    ) -> Result<DeliveriesBody> {
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let Subscription { name, filter, max_in_flight, settle_within } = &self.subscription;
        let request = self.client.request(Method::GET, wire::EVENTS).query(&[
            ("subscription", name.as_str()),
            ("types", &filter.to_string()),
            ("limit", &limit.to_string()),
            ("wait_ms", &milliseconds(wait)),
            ("max_in_flight", &max_in_flight.to_string()),
            ("settle_within_ms", &milliseconds(*settle_within)),
            ("poller", &self.name),
            ("received", &self.received),
        ]);
        // The types are those of the subscriber that has subscribed last, perhaps another one since.
        let request = if operation == SUBSCRIBE { request } else { request.header(wire::CONTINUES, "true") };
        let body = self.client.call(operation, request, limit_of_time, MAX_RESPONSE).await?;
        decoded(operation, &body)
    }

    async fn leave(&self) -> Result<()> {
        let request = self.client.request(Method::DELETE, wire::EVENTS).query(&[
            ("subscription", self.subscription.name.as_str()),
            ("poller", &self.name),
            ("received", &self.received),
        ]);
        let limit = Limit::of(PATIENCE, "the limit of leaving a subscription");
        self.client.call(NEXT, request, limit, MAX_RESPONSE).await.map(drop)
    }
}

/// The number of requests that failed since the last one that did not.
#[derive(Debug, Default)]
struct Failures(u32);

impl Failures {
    /// Logs the first one, and returns a random part of a pause that grows with each.
    fn pause(&mut self, error: &HubError, subscription: &SubscriptionName) -> Duration {
        if self.0 == 0 {
            tracing::warn!(error = %redacted(error), %subscription, "the hub is away; waiting for it");
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << self.0.min(10)).min(LONGEST_PAUSE);
        self.0 = self.0.saturating_add(1);
        let random = longest.mul_f64(rand::rng().random_range(0.5..1.0));
        random.max(error.retry_after().unwrap_or_default().min(LONGEST_PAUSE))
    }
}

/// Whether the hub may answer a repeated request.
fn is_passing(error: &HubError) -> bool {
    use ErrorKind::{Corrupt, Forbidden, Invalid, Unauthorized};
    !matches!(error.kind(), Unauthorized | Forbidden | Corrupt | Invalid)
}

/// The deliveries of a subscription.
#[derive(Debug)]
pub(crate) struct HttpDeliveries {
    poller: Poller,
    /// Deliveries that arrived with an earlier one, and when.
    ahead: VecDeque<(Instant, DeliveryBody)>,
    failures: Failures,
}

impl HttpDeliveries {
    /// Opens the subscription at the hub, and waits for one that is away for at most [`OPEN_PATIENCE`].
    pub(crate) async fn open(client: &Arc<Client>, subscription: &Subscription) -> Result<Self> {
        let poller = Poller {
            client: Arc::clone(client),
            subscription: subscription.clone(),
            name: Uuid::new_v4().simple().to_string(),
            received: String::new(),
        };
        let (limit, mut failures) =
            (Limit::of(OPEN_TIMEOUT, "the limit of opening a subscription"), Failures::default());
        let end = Instant::now() + OPEN_PATIENCE;
        loop {
            // The hub itself waits when the process that makes the deliveries has crashed.
            let wait = end.saturating_duration_since(Instant::now());
            let Err(error) = poller.ask(SUBSCRIBE, 0, wait, limit).await else { break };
            if !is_passing(&error) || Instant::now() >= end {
                return Err(error);
            }
            sleep(failures.pause(&error, &subscription.name)).await;
        }
        Ok(Self { poller, ahead: VecDeque::new(), failures: Failures::default() })
    }

    async fn poll(&mut self) -> Result<()> {
        let limit = self.poller.subscription.max_in_flight.min(AT_ONCE);
        let token = self.poller.client.token.get();
        let poll = Limit::of(WAIT + PATIENCE, "the limit of one poll");
        let polling = self.poller.ask(NEXT, limit, WAIT, poll);
        // A poll with a token that was replaced ends now: the hub would refuse it when it accepts that token no longer. What it
        // has sent arrives with the next one.
        let Some(batch) = self.poller.client.token.until_replaced(&token, polling).await else { return Ok(()) };
        let batch = batch?;
        let arrived = Instant::now();
        // Without a batch nothing was delivered, so nothing can be lost.
        self.poller.received = batch.batch.unwrap_or_default();
        self.ahead.extend(batch.deliveries.into_iter().map(|delivery| (arrived, delivery)));
        Ok(())
    }
}

#[async_trait]
impl Deliveries for HttpDeliveries {
    async fn next(&mut self) -> Result<Delivery> {
        loop {
            while let Some((arrived, delivery)) = self.ahead.pop_front() {
                // The hub has given up an older one, and delivers its event again.
                if arrived.elapsed() < self.poller.subscription.settle_within {
                    let settle = HttpSettle { client: Arc::clone(&self.poller.client), receipt: delivery.receipt };
                    return Ok(Delivery::new(delivery.event, delivery.attempt, Box::new(settle)));
                }
            }
            let Err(error) = self.poll().await else {
                self.failures = Failures::default();
                continue;
            };
            if !is_passing(&error) {
                return Err(error);
            }
            sleep(self.failures.pause(&error, &self.poller.subscription.name)).await;
        }
    }
}

impl Drop for HttpDeliveries {
    /// Returns what was not handed over, so that the next subscriber receives it at once.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let poller = self.poller.clone();
        let settlements: Vec<_> = self.ahead.drain(..).map(|(_, delivery)| retry_at_once(delivery.receipt)).collect();
        runtime.spawn(async move {
            let settled = settle(&poller.client, settlements).await.map(drop);
            // Ends a poll that the hub still answers.
            let closed = poller.leave().await;
            if let Err(error) = settled.and(closed) {
                tracing::debug!(error = %redacted(&error), "deliveries of a subscriber that left wait for their time for settling");
            }
        });
    }
}

fn retry_at_once(receipt: String) -> SettlementBody {
    SettlementBody { receipt, action: SettleAction::Retry, retry_after_ms: Some(0), reason: None }
}

/// Settles deliveries, and returns one result each.
async fn settle(client: &Client, settlements: Vec<SettlementBody>) -> Result<Vec<Result<()>>> {
    let number = settlements.len();
    if number == 0 {
        return Ok(Vec::new());
    }
    let limit = Limit::of(SETTLE_TIMEOUT, "the limit of settling");
    let _place = place(&client.settling, SETTLE, limit).await?;
    let request = client.request(Method::POST, wire::SETTLE).json(&SettleBody { settlements });
    let body = client.call(SETTLE, request, limit, MAX_RESPONSE).await?;
    let results: SettleResultsBody = decoded(SETTLE, &body)?;
    if results.results.len() != number {
        let detail = format!("{} results for {number} settlements", results.results.len());
        return Err(HubError::new(ErrorKind::Corrupt, SETTLE).with_detail(detail));
    }
    Ok(results.results.into_iter().map(wire::SettleResult::into_result).collect())
}

#[derive(Debug)]
struct HttpSettle {
    client: Arc<Client>,
    receipt: String,
}

impl HttpSettle {
    async fn one(&self, action: SettleAction, retry_after_ms: Option<u64>, reason: Option<String>) -> Result<()> {
        let settlement = SettlementBody { receipt: self.receipt.clone(), action, retry_after_ms, reason };
        let mut results = settle(&self.client, vec![settlement]).await?;
        results.pop().unwrap_or_else(|| Err(HubError::new(ErrorKind::Corrupt, SETTLE)))
    }
}

#[async_trait]
impl Settle for HttpSettle {
    async fn settle(&self, settlement: Settlement) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(24 * 3600);
        match settlement {
            Settlement::Ack => self.one(SettleAction::Ack, None, None).await,
            Settlement::RetryAfter(pause) => {
                let pause = pause.min(LONGEST).as_micros().div_ceil(1_000);
                self.one(SettleAction::Retry, Some(u64::try_from(pause).unwrap_or(u64::MAX)), None).await
            }
            Settlement::Reject(reason) => {
                let reason: String = reason.chars().take(MAX_REASON).collect();
                let reason = if reason.trim().is_empty() { "no reason was named".to_owned() } else { reason };
                self.one(SettleAction::Reject, None, Some(reason)).await
            }
        }
    }

    async fn in_progress(&self) -> Result<()> {
        self.one(SettleAction::InProgress, None, None).await
    }
}
