//! A hub over a NATS server of its own, or over one that the clauses share under prefixes of their own.

#![allow(dead_code, clippy::allow_attributes, reason = "each file of tests uses a part of this")]

use character_message_hub::{Message, MessageHub, Reply, ServiceName, ServiceRequest, async_trait};
use character_message_hub_nats::{NatsHub, NatsHubConfig, NatsResponder, ServiceHandler};
use character_message_hub_testkit::{DurableHubHarness, Handler, HubHarness, sample};
use character_tests::{NatsCluster, NatsRelease, NatsServer};
use futures_util::StreamExt as _;
use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Every wait of these tests ends by then.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Handlers that are functions.
pub(crate) struct Answering(pub(crate) Handler);

#[async_trait]
impl ServiceHandler for Answering {
    async fn reply(&self, request: ServiceRequest) -> Reply {
        (self.0)(request).await
    }
}

/// The servers that the clauses share.
static OLDEST: LazyLock<NatsServer> = LazyLock::new(|| NatsServer::start(NatsRelease::Oldest));
static CURRENT: LazyLock<NatsServer> = LazyLock::new(|| NatsServer::start(NatsRelease::Current));

/// Settings for streams and subjects that no other test uses.
pub(crate) fn separate(url: &str) -> NatsHubConfig {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let config = NatsHubConfig::new(url);
    NatsHubConfig { prefix: format!("t{number}."), stream: format!("EVENTS_{number}"), ..config }
}

/// A hub that is connected.
pub(crate) async fn connected(config: NatsHubConfig) -> NatsHub {
    let hub = NatsHub::connect(config).await.unwrap();
    works(&hub).await;
    hub
}

/// Waits until a hub works.
pub(crate) async fn works(hub: &NatsHub) {
    let limit = Instant::now() + LIMIT;
    while let Err(error) = hub.probe().await {
        assert!(Instant::now() < limit, "the hub does not work: {error}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A client of NATS that answers the requests to the service `storage` itself. The server knows its subscription: what was sent behind
/// it has come back. A flush would end when it was sent.
pub(crate) async fn raw_responder(server: &NatsServer) -> (async_nats::Client, async_nats::Subscriber) {
    let raw = async_nats::connect(server.url()).await.unwrap();
    let requests = raw.subscribe("service.storage").await.unwrap();
    let mut back = raw.subscribe("behind").await.unwrap();
    raw.publish("behind", "".into()).await.unwrap();
    tokio::time::timeout(LIMIT, back.next()).await.unwrap().unwrap();
    (raw, requests)
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < limit, "it never comes: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Publishes again and again until every message is kept.
pub(crate) async fn publish_all(hub: &NatsHub, messages: &[Message]) {
    until("every message is published", async || {
        hub.publish(messages, Duration::from_secs(5)).await.iter().all(Result::is_ok)
    })
    .await;
}

pub(crate) struct Guard {
    hub: NatsHub,
    responders: Mutex<Vec<NatsResponder>>,
}

impl Guard {
    pub(crate) async fn of(config: NatsHubConfig) -> (Self, Arc<dyn MessageHub>) {
        let hub = connected(config).await;
        (Self { hub: hub.clone(), responders: Mutex::default() }, Arc::new(hub))
    }

    pub(crate) async fn respond(&self, service: ServiceName, handler: Handler) {
        let responder = NatsResponder::serve(&self.hub, service, Arc::new(Answering(handler))).await.unwrap();
        self.responders.lock().unwrap().push(responder);
    }
}

/// The oldest server that is supported.
pub(crate) struct Oldest;
/// The current server.
pub(crate) struct Current;

macro_rules! harness {
    ($name:ident, $server:ident, $release:expr, $crashing:ident) => {
        impl HubHarness for $name {
            type Guard = Guard;

            async fn fresh() -> (Guard, Arc<dyn MessageHub>) {
                Guard::of(separate(&$server.url())).await
            }

            async fn respond(guard: &Guard, service: ServiceName, handler: Handler) {
                guard.respond(service, handler).await;
            }
        }

        /// The same with a server for each clause, which the clause crashes.
        pub(crate) struct $crashing;

        impl HubHarness for $crashing {
            type Guard = (Guard, NatsServer);

            async fn fresh() -> (Self::Guard, Arc<dyn MessageHub>) {
                let server = NatsServer::start($release);
                let (guard, hub) = Guard::of(separate(&server.url())).await;
                ((guard, server), hub)
            }

            async fn respond(guard: &Self::Guard, service: ServiceName, handler: Handler) {
                guard.0.respond(service, handler).await;
            }
        }

        impl DurableHubHarness for $crashing {
            async fn reopen((guard, server): &Self::Guard) -> Arc<dyn MessageHub> {
                server.restart();
                works(&guard.hub).await;
                Arc::new(guard.hub.clone())
            }
        }
    };
}

harness!(Oldest, OLDEST, NatsRelease::Oldest, CrashingOldest);
harness!(Current, CURRENT, NatsRelease::Current, CrashingCurrent);

/// Three servers that keep each event together.
pub(crate) struct Clustered;

static CLUSTER: LazyLock<NatsCluster> = LazyLock::new(|| NatsCluster::start(NatsRelease::Current));

impl HubHarness for Clustered {
    type Guard = Guard;

    async fn fresh() -> (Guard, Arc<dyn MessageHub>) {
        Guard::of(NatsHubConfig { replicas: 3, ..separate(&CLUSTER.url()) }).await
    }

    async fn respond(guard: &Guard, service: ServiceName, handler: Handler) {
        guard.respond(service, handler).await;
    }
}

/// Messages of different subjects.
pub(crate) fn spread(prefix: &str, count: usize) -> Vec<Message> {
    (0..count).map(|number| sample::message(&format!("{prefix}-{number}"), &format!("{prefix}-s{number}"))).collect()
}
