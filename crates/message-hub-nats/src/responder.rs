//! The side of a service: it takes requests from NATS, each to one instance, and sends the replies.

use crate::{NatsBudget, NatsHub, request};
use async_nats::{Client, Message, Subject, Subscriber};
use character_error_reporter::redacted;
use character_message_hub::{
    Applied, ErrorKind, HubError, REQUEST, Reply, Result, ServiceName, ServiceRequest, async_trait,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout, timeout_at},
};

/// The maximum number of requests that are handled at the same time, unless another one is chosen. Polls of the log wait long.
const MAX_HANDLED: usize = 2_048;
/// The maximum number of requests that are handled or wait. Further ones get the reply 503.
const MAX_WAITING: usize = 4_096;
/// When a caller may try again that met a full responder, or a budget that is used up.
pub(crate) const USED_UP: Duration = Duration::from_secs(1);
/// The limit for the subscription to reach the server.
const OPENING: Duration = Duration::from_secs(10);

/// What replies to the requests of a service.
#[async_trait]
pub trait ServiceHandler: Send + Sync + 'static {
    /// The reply to a request. It is dropped when the deadline of the request has passed.
    async fn reply(&self, request: ServiceRequest) -> Reply;
}

/// An instance of a service. Instances share the requests. [`drain`](Self::drain) ends it in an orderly way; when it is
/// dropped, requests that are handled get no reply.
pub struct NatsResponder {
    service: ServiceName,
    stop: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<usize>,
}

impl fmt::Debug for NatsResponder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsResponder").field("service", &self.service).finish_non_exhaustive()
    }
}

impl NatsResponder {
    /// Takes requests of `service` from now on: when this returns, the server knows of the instance. Large requests and replies have the
    /// room of the hub's [`NatsBudget`]; what does not fit gets the reply 503 with `Retry-After`.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`, `Unauthorized`, `Forbidden`.
    pub async fn serve(hub: &NatsHub, service: ServiceName, handler: Arc<dyn ServiceHandler>) -> Result<Self> {
        Self::serve_at_most(MAX_HANDLED, hub, service, handler).await
    }

    /// As [`serve`](Self::serve), with at most this number of requests, from 1 on, handled at the same time; more wait, at most 4,096.
    ///
    /// # Errors
    /// As [`serve`](Self::serve); `Invalid`: `handled` is 0.
    pub async fn serve_at_most(
        handled: usize,
        hub: &NatsHub,
        service: ServiceName,
        handler: Arc<dyn ServiceHandler>,
    ) -> Result<Self> {
        if handled == 0 {
            let detail = "handled must be at least 1, not 0: no request would be handled";
            return Err(HubError::new(ErrorKind::Invalid, REQUEST).with_detail(detail));
        }
        let deadline = Instant::now() + OPENING;
        let limit = |error: HubError| error.within("the limit of opening", OPENING);
        hub.link().ready(REQUEST, deadline).await?;
        let subject = request::subject(hub.prefix(), &service);
        let client = hub.link().client.clone();
        let subscribe = client.queue_subscribe(subject, "instances".to_owned());
        let late = || limit(HubError::new(ErrorKind::Timeout, REQUEST).with_applied(Applied::No));
        let requests = timeout_at(deadline, subscribe)
            .await
            .map_err(|_| late())?
            .map_err(|error| HubError::new(ErrorKind::Unavailable { retry_after: None }, REQUEST).with_source(error))?;
        // The server takes commands in their order: when it answers, it has the subscription.
        hub.link().round_trip(REQUEST, deadline).await.map_err(limit)?;
        let (stop, stopped) = oneshot::channel();
        let (places, budget) = (Arc::new(Semaphore::new(handled)), hub.budget().clone());
        let serving = Serving { client, service: service.clone(), handler, places, budget };
        let task = tokio::spawn(serving.run(requests, stopped));
        Ok(Self { service, stop: Some(stop), task })
    }

    /// Takes no more requests, replies to those that it has, and returns how many it gave up after `within`.
    pub async fn drain(mut self, within: Duration) -> usize {
        if let Some(stop) = self.stop.take() {
            // A task that has ended already has nothing to stop.
            let _ = stop.send(within);
        }
        // The task has its own limit; a little more is for the last replies.
        match timeout(within + Duration::from_secs(1), &mut self.task).await {
            Ok(Ok(abandoned)) => abandoned,
            Ok(Err(_)) | Err(_) => 0,
        }
    }
}

impl Drop for NatsResponder {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.task.abort();
        }
    }
}

#[derive(Clone)]
struct Serving {
    client: Client,
    service: ServiceName,
    handler: Arc<dyn ServiceHandler>,
    places: Arc<Semaphore>,
    budget: NatsBudget,
}

impl Serving {
    async fn run(self, mut requests: Subscriber, mut stopped: oneshot::Receiver<Duration>) -> usize {
        let mut handled = JoinSet::new();
        let within = loop {
            tokio::select! {
                biased;
                within = &mut stopped => break within.unwrap_or_default(),
                Some(_) = handled.join_next(), if !handled.is_empty() => {}
                message = requests.next() => match message {
                    Some(message) => self.begin(message, &mut handled),
                    None => break Duration::ZERO,
                },
            }
        };
        let deadline = Instant::now() + within;
        // What the server has sent before it takes the subscription off is still answered.
        if timeout_at(deadline, requests.drain()).await.is_ok_and(|drained| drained.is_ok()) {
            while let Ok(Some(message)) = timeout_at(deadline, requests.next()).await {
                self.begin(message, &mut handled);
            }
        }
        while let Ok(Some(_)) = timeout_at(deadline, handled.join_next()).await {}
        let abandoned = handled.len();
        if abandoned > 0 {
            tracing::warn!(service = %self.service, abandoned, "requests were given up at the end of the service");
        }
        drop(timeout(Duration::from_millis(500), self.client.flush()).await);
        abandoned
    }

    fn begin(&self, message: Message, handled: &mut JoinSet<()>) {
        let Some(address) = message.reply.clone() else {
            tracing::debug!(service = %self.service, "a message without an address for its reply was dropped");
            return;
        };
        let serving = self.clone();
        let (received, largest) = (Instant::now(), request::largest_reply(&message));
        let busy = |detail: &str| no_room(detail, Applied::No);
        let admitted = match self.budget.requests.reserve(message.payload.len()) {
            Some(place) if handled.len() < MAX_WAITING => Ok(place),
            Some(_) => Err(busy("too many requests wait")),
            None => Err(busy(&format!(
                "the large requests that wait have no room left in their {} bytes",
                self.budget.requests.capacity()
            ))),
        };
        let room = match admitted {
            Ok(room) => room,
            Err(busy) => {
                handled.spawn(async move { serving.send(address, busy, largest).await });
                return;
            }
        };
        handled.spawn(async move {
            let decoded = request::decode(&serving.service, &message);
            drop(message);
            let Some(request) = decoded else {
                let detail = "the headers Hub-Method, Hub-Path and Hub-Timeout-Ms must be present and in order";
                return serving.send(address, problem(400, detail), largest).await;
            };
            let deadline = received + request.timeout;
            // Kept until the reply is on its way: replies that NATS does not take use memory, too.
            let Ok(Ok(_place)) = timeout_at(deadline, serving.places.acquire()).await else {
                tracing::debug!(service = %serving.service, "a request was dropped: its deadline passed while it waited");
                return;
            };
            let reply = serving.handle(request, deadline).await;
            drop(room);
            if let Some(reply) = reply {
                serving.send(address, reply, largest).await;
            }
        });
    }

    /// The reply. `None`: the caller no longer waits.
    async fn handle(&self, mut request: ServiceRequest, deadline: Instant) -> Option<Reply> {
        request.timeout = deadline.saturating_duration_since(Instant::now());
        if request.timeout.is_zero() {
            return None;
        }
        timeout_at(deadline, self.handler.reply(request)).await.ok()
    }

    /// Sends a reply, which holds its place among the large ones until NATS has taken its last message.
    async fn send(&self, address: Subject, mut reply: Reply, largest: usize) {
        let size = reply.body.len();
        reply = match self.budget.replies.hold(std::mem::take(&mut reply.body)) {
            Some(body) => Reply { body, ..reply },
            None => {
                let most = self.budget.replies.capacity();
                tracing::warn!(service = %self.service, size, most, "a reply was refused: the large replies that wait for NATS have no room left");
                let detail = format!(
                    "the request may have been applied: its reply of {size} bytes has no room in the {most} bytes of large replies \
                     that wait for NATS"
                );
                no_room(&detail, Applied::Unknown)
            }
        };
        for (headers, body) in request::encode_reply(reply, self.client.max_payload(), largest) {
            if let Err(error) = self.client.publish_with_headers(address.clone(), headers, body).await {
                return tracing::warn!(service = %self.service, error = %redacted(&error), "a reply could not be sent");
            }
        }
    }
}

/// A reply of this status as a problem document of RFC 9457, with the type `about:blank`.
#[must_use]
pub fn problem(status: u16, detail: &str) -> Reply {
    document(status, json!({ "type": "about:blank", "status": status, "detail": detail }))
}

/// The reply when a process has no room for a request, or for the reply of the service.
pub(crate) fn no_room(detail: &str, applied: Applied) -> Reply {
    let certainly_not_applied = applied == Applied::No;
    let body = json!({
        "type": "about:blank", "status": 503, "detail": detail, "code": "no-room",
        "certainly_not_applied": certainly_not_applied
    });
    Reply { retry_after: Some(USED_UP), ..document(503, body) }
}

fn document(status: u16, body: Value) -> Reply {
    Reply { content_type: Some("application/problem+json".into()), ..Reply::new(status, body.to_string()) }
}
