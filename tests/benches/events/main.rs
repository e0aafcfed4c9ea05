//! How soon a subscriber hears of a commit, how many events a second the relay publishes, and what a storage call costs
//! through NATS compared with HTTP.
//!
//! `cargo bench -p character-tests --bench events`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

mod calls;
mod floor;

use character_domain::{Character, UserId, now};
use character_message_hub::{Filter, MessageHub, Subscription};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_relay::{CONSUMER, Relay, RelayOptions};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{Change, Commit, DomainEvent, MemoryStorage, StoragePort, Transaction};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service, percentile};
use serde_json::json;
use std::{
    collections::HashMap,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Events of the measurement of the relay.
const EVENTS: usize = 50_000;
/// Commits a second, and seconds, of the measurement of latency.
const RATE: u64 = 500;
const SECONDS: u64 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, address] = arguments.as_slice()
        && role.starts_with("floor-")
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(floor::serve(role, address));
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let (postgres, nats) = (PostgresServer::start(), NatsServer::start(NatsRelease::Current));
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // `-- calls` measures the storage calls alone.
    if !arguments.iter().any(|argument| argument == "calls") {
        several.block_on(async {
            relayed(&nats).await;
            for hub in ["nats", "message-hub"] {
                latency(&postgres, &nats, hub).await;
            }
        });
    }
    println!("storage calls of a thread whose connections are driven by other threads:");
    several.block_on(calls::measure(&postgres, &nats));
    println!("storage calls of a thread that drives its connections itself:");
    let single = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    single.block_on(calls::measure(&postgres, &nats));
}

fn creation() -> (String, Transaction) {
    let character = Character::new(UserId::new(), "Torormir", now());
    let event = DomainEvent::new("character.created", character.id, now(), json!({ "name": "Torormir" }));
    let id = event.id.to_string();
    (id, Transaction::new().with(Change::Create(character)).with_event(event))
}

/// Events a second from a log in memory to a stream of NATS in files.
async fn relayed(nats: &NatsServer) {
    let storage = MemoryStorage::new();
    for _ in 0..EVENTS {
        storage.commit(creation().1).await.unwrap();
    }
    let hub: Arc<dyn MessageHub> = Arc::new(NatsHub::connect(NatsHubConfig::new(nats.url())).await.unwrap());
    hub.probe().await.unwrap();
    let relay = Relay::new(storage, hub, RelayOptions::new(CONSUMER.parse().unwrap())).unwrap();
    let handle = relay.handle();
    let begin = Instant::now();
    let running = tokio::spawn(relay.run(pending()));
    while handle.status().published < EVENTS as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = begin.elapsed();
    running.abort();
    println!("relay to NATS, file storage: {:.0} events/s", EVENTS as f64 / took.as_secs_f64());
}

/// From the beginning of a commit at a Storage Service on PostgreSQL to its event at a subscriber.
async fn latency(postgres: &PostgresServer, nats: &NatsServer, hub: &str) {
    let service = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).env("LOG_LEVEL", "warn").start();
    let (url, client): (String, Arc<dyn MessageHub>) = match hub {
        "nats" => (nats.url(), Arc::new(NatsHub::connect(NatsHubConfig::new(nats.url())).await.unwrap())),
        _ => {
            let config = HttpHubConfig::new(service.url("").parse().unwrap(), TOKEN.to_owned().into());
            (service.url(""), Arc::new(HttpHub::connect(config).unwrap()))
        }
    };
    let storage = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", postgres.fresh_schema_url())
        .env("MESSAGE_HUB_URL", url)
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("LOG_LEVEL", "warn")
        .start();
    let storage = connect(&storage.url(""));
    let name = format!("bench-{}", uuid::Uuid::now_v7().simple());
    let subscription = Subscription { max_in_flight: 1_000, ..Subscription::new(name.parse().unwrap(), Filter::all()) };
    let mut deliveries = client.subscribe(&subscription).await.unwrap();
    let hearing = tokio::spawn(async move {
        let mut heard: HashMap<String, Instant> = HashMap::new();
        let end = Instant::now() + Duration::from_secs(SECONDS + 15);
        let mut settling = JoinSet::new();
        while let Ok(Ok(delivery)) = tokio::time::timeout_at(end.into(), deliveries.next()).await {
            heard.entry(delivery.event().id().to_owned()).or_insert_with(Instant::now);
            settling.spawn(delivery.ack());
        }
        heard
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let mut commits = JoinSet::new();
    for _ in 0..RATE * SECONDS {
        ticks.tick().await;
        let storage = Arc::clone(&storage);
        commits.spawn(async move {
            let (id, transaction) = creation();
            let begin = Instant::now();
            storage.commit(transaction).await.unwrap();
            (id, begin, begin.elapsed())
        });
    }
    let commits = commits.join_all().await;
    let heard = hearing.await.unwrap();
    let from_begin: Vec<_> =
        commits.iter().filter_map(|(id, begin, _)| Some(heard.get(id)?.duration_since(*begin))).collect();
    let committed: Vec<_> = commits.iter().map(|(_, _, took)| *took).collect();
    assert_eq!(from_begin.len(), commits.len(), "not every event was heard");
    let [commit, commit_99] = [50, 99].map(|percent| percentile(&committed, percent));
    let [event, event_99] = [50, 99].map(|percent| percentile(&from_begin, percent));
    println!(
        "{hub}, {RATE} commits/s: commit p50 {commit:?} p99 {commit_99:?}; from its begin to the subscriber p50 {event:?} \
         p99 {event_99:?}"
    );
}

fn connect(url: &str) -> Arc<dyn StoragePort> {
    Arc::new(HttpStorage::connect(HttpStorageConfig::new(url.parse().unwrap(), TOKEN.to_owned().into())).unwrap())
}
