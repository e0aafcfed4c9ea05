//! A storage with commits, hubs that fail by a script, and waiting for conditions.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "fixtures fail the test")]

pub(crate) mod faulty;

pub(crate) use async_trait::async_trait;
use character_domain::CharacterId;
use character_message_hub::{
    Applied, CloudEvent, Deliveries, ErrorKind, HubError, MemoryHub, Message, MessageHub, PUBLISH, Published, Reply,
    Result, ServiceRequest, Subscription,
};
use character_relay::{CONSUMER, CommitSource, Relay, RelayHandle, RelayOptions};
use character_storage_port::{
    Commit, ConsumerName, Consumers, DomainEvent, MemoryStorage, ParkedEvent, Transaction, now,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};

pub(crate) const UPDATED: &str = "character.updated";

pub(crate) fn consumer() -> ConsumerName {
    CONSUMER.parse().unwrap()
}

pub(crate) fn options() -> RelayOptions {
    RelayOptions::new(consumer())
}

/// Commits events of these characters, one commit each, and returns them.
pub(crate) async fn commit(storage: &MemoryStorage, subjects: &[CharacterId]) -> Vec<DomainEvent> {
    let mut events = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        let event = DomainEvent::new(UPDATED, *subject, now(), json!({ "number": number }));
        storage.commit(Transaction::new().with_event(event.clone())).await.unwrap();
        events.push(event);
    }
    events
}

/// Waits for a condition, at most a virtual hour.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..360_000 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within an hour: {what}");
}

pub(crate) async fn until_published(hub: &MemoryHub, number: usize) {
    until(&format!("{number} events are published"), async || hub.published().len() >= number).await;
}

/// The ids of the events of a hub, in order.
pub(crate) fn ids(hub: &MemoryHub) -> Vec<String> {
    hub.published().iter().map(|event| event.id().to_owned()).collect()
}

pub(crate) fn event_ids<'a>(events: impl IntoIterator<Item = &'a DomainEvent>) -> Vec<String> {
    events.into_iter().map(|event| event.id.to_string()).collect()
}

/// The ids of events by subject.
pub(crate) fn by_subject(events: &[Arc<CloudEvent>]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<String, Vec<String>>::new();
    for event in events {
        all.entry(event.subject().unwrap().to_owned()).or_default().push(event.id().to_owned());
    }
    all
}

pub(crate) async fn parked(storage: &MemoryStorage) -> Vec<ParkedEvent> {
    storage.parked(&consumer(), None, 1000).await.unwrap()
}

/// Whether the consumer has passed every commit.
pub(crate) async fn is_caught_up(storage: &MemoryStorage) -> bool {
    let all = storage.consumers().await.unwrap();
    all.iter().any(|state| state.name == consumer() && state.behind_since.is_none())
}

/// A relay that runs in a task.
pub(crate) struct Running {
    pub(crate) handle: RelayHandle,
    pub(crate) task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Running {
    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

pub(crate) fn start(storage: impl CommitSource + 'static, hub: Arc<dyn MessageHub>, options: RelayOptions) -> Running {
    start_relay(Relay::new(storage, hub, options).unwrap())
}

pub(crate) fn start_relay(relay: Relay) -> Running {
    let (stop, stopped) = oneshot::channel();
    let handle = relay.handle();
    // A sender that is dropped stops nothing: the test ends.
    let task = tokio::spawn(relay.run(async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    }));
    Running { handle, task, stop }
}

/// What a hub does with one call.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Takes everything.
    Take,
    /// Fails with this error and takes nothing.
    Fail(ErrorKind),
    /// Takes the first events, fails with the next one and the rest.
    TakeOnly(usize),
    /// Takes everything and reports `Timeout`.
    TakeAndTimeout,
    /// Never answers, also after its timeout.
    Hang,
    /// Returns too few results.
    TooFew,
}

type Refusing = dyn Fn(&Message) -> Option<ErrorKind> + Send + Sync;

/// A hub in memory that follows a script. After the script it takes everything.
pub(crate) struct ScriptedHub {
    pub(crate) memory: MemoryHub,
    pub(crate) script: Mutex<VecDeque<Step>>,
    /// What it does when the script is at its end.
    pub(crate) afterwards: Mutex<Step>,
    /// Refuses some messages by themselves.
    pub(crate) refusing: Mutex<Box<Refusing>>,
    /// The message ids of each call.
    pub(crate) calls: Mutex<Vec<Vec<String>>>,
}

impl std::fmt::Debug for ScriptedHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedHub").finish_non_exhaustive()
    }
}

impl ScriptedHub {
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryHub::new(),
            script: Mutex::new(script.into_iter().collect()),
            afterwards: Mutex::new(Step::Take),
            refusing: Mutex::new(Box::new(|_| None)),
            calls: Mutex::default(),
        })
    }

    pub(crate) fn always(step: Step) -> Arc<Self> {
        let hub = Self::new([]);
        hub.then(step);
        hub
    }

    pub(crate) fn then(&self, step: Step) {
        *self.afterwards.lock().unwrap() = step;
    }

    pub(crate) fn refuse(&self, refusing: impl Fn(&Message) -> Option<ErrorKind> + Send + Sync + 'static) {
        *self.refusing.lock().unwrap() = Box::new(refusing);
    }

    /// How often an event was offered under its own message id.
    pub(crate) fn offers_of(&self, event_id: &str) -> usize {
        let message_id = format!("11:/characters{event_id}");
        self.calls.lock().unwrap().iter().flatten().filter(|id| **id == message_id).count()
    }

    fn next(&self) -> Step {
        let step = self.script.lock().unwrap().pop_front();
        step.unwrap_or_else(|| self.afterwards.lock().unwrap().clone())
    }

    /// One call.
    pub(crate) async fn perform(&self, step: Step, messages: &[Message]) -> Vec<Result<Published>> {
        let failed = |kind: &ErrorKind| {
            let cause = std::io::Error::other("connection refused");
            Err(HubError::new(kind.clone(), PUBLISH).with_source(cause))
        };
        let failing = |kind: ErrorKind| messages.iter().map(|_| failed(&kind)).collect();
        match step {
            Step::Take => self.take(messages, usize::MAX).await,
            Step::Fail(kind) => failing(kind),
            Step::TakeOnly(most) => self.take(messages, most).await,
            Step::TakeAndTimeout => {
                self.take(messages, usize::MAX).await;
                sleep(Duration::from_millis(1)).await;
                failing(ErrorKind::Timeout)
            }
            Step::Hang => std::future::pending().await,
            Step::TooFew => Vec::new(),
        }
    }

    /// Takes messages one by one: an event behind a failed one of its subject is not taken.
    async fn take(&self, messages: &[Message], most: usize) -> Vec<Result<Published>> {
        let (mut results, mut failed) = (Vec::new(), Vec::new());
        for (index, message) in messages.iter().enumerate() {
            let subject = message.event.subject().map(str::to_owned);
            let refused = (self.refusing.lock().unwrap())(message);
            let unavailable = || HubError::new(ErrorKind::Unavailable { retry_after: None }, PUBLISH);
            let result = match refused {
                _ if failed.contains(&subject) => Err(unavailable().with_applied(Applied::No)),
                Some(kind) => {
                    Err(HubError::new(kind, PUBLISH).with_source(std::io::Error::other("a name of two characters")))
                }
                None if index >= most => Err(unavailable()),
                None => self.memory.publish(std::slice::from_ref(message), Duration::ZERO).await.remove(0),
            };
            if result.is_err() {
                failed.push(subject);
            }
            results.push(result);
        }
        results
    }
}

#[async_trait]
impl MessageHub for ScriptedHub {
    async fn publish(&self, messages: &[Message], _timeout: Duration) -> Vec<Result<Published>> {
        self.calls.lock().unwrap().push(messages.iter().map(|message| message.message_id.to_string()).collect());
        // The network is a place where a call can be cancelled.
        sleep(Duration::from_millis(1)).await;
        self.perform(self.next(), messages).await
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        self.memory.request(request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        self.memory.subscribe(subscription).await
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}
