//! How soon a subscriber hears of a commit, how many events a second the relay publishes, and what a storage call costs
//! through NATS compared with HTTP.
//!
//! `cargo bench -p character-tests --bench events`
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use character_domain::{Character, CharacterId, UserId, now};
use character_message_hub::{Filter, MessageHub, Subscription};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{HttpForwarder, NatsHub, NatsHubConfig, NatsResponder};
use character_relay::{CONSUMER, Relay, RelayOptions};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::{Change, Commit, Deleted, DomainEvent, MemoryStorage, StoragePort, Store, Transaction};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service, percentile};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashMap},
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
/// Storage calls of each kind.
const CALLS: usize = 3_000;

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (postgres, nats) = (PostgresServer::start(), NatsServer::start(NatsRelease::Current));
            // `-- calls` measures the storage calls alone.
            if !std::env::args().any(|argument| argument == "calls") {
                relayed(&nats).await;
                for hub in ["nats", "message-hub"] {
                    latency(&postgres, &nats, hub).await;
                }
            }
            storage_calls(&postgres, &nats).await;
        });
    }
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

/// Reads of one row, one after another: over HTTP, through NATS with a forwarder to the listener, as a service may use one,
/// through NATS as storage-service answers itself, and through the Message Hub.
async fn storage_calls(postgres: &PostgresServer, nats: &NatsServer) {
    let service = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", postgres.fresh_schema_url())
        .env("MESSAGE_HUB_URL", nats.url())
        .env("LOG_LEVEL", "warn")
        .start();
    let direct = connect(&service.url(""));
    let row = Character::new(UserId::new(), "Torormir", now());
    direct.commit(Transaction::new().with(Change::Create(row.clone()))).await.unwrap();
    let hub = NatsHub::connect(NatsHubConfig::new(nats.url())).await.unwrap();
    let forwarder = Arc::new(HttpForwarder::new(&service.url(""), 1 << 20).unwrap());
    let responder = NatsResponder::serve(&hub, "forwarded".parse().unwrap(), forwarder).await.unwrap();
    let routed = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("HUB_SERVICES", format!("storage-service={}", service.url("")))
        .env("LOG_LEVEL", "warn")
        .start();
    let client = HttpHub::connect(HttpHubConfig::new(routed.url("").parse().unwrap(), TOKEN.to_owned().into()));
    let hub: Arc<dyn MessageHub> = Arc::new(hub);
    let ways = [
        ("HTTP", direct, service.pid()),
        ("NATS and a forwarder", through(Arc::clone(&hub), "forwarded"), nats.pid()),
        ("NATS", through(hub, "storage-service"), nats.pid()),
        ("message-hub", through(Arc::new(client.unwrap()), "storage-service"), routed.pid()),
    ];
    let mut floor = None;
    for (name, storage, between) in ways {
        let processes: BTreeSet<_> = [Some(std::process::id()), service.pid(), between].into_iter().flatten().collect();
        for _ in 0..CALLS / 10 {
            find(&*storage, row.id).await;
        }
        let mut times = Vec::with_capacity(CALLS);
        let before = processor_time(&processes);
        for _ in 0..CALLS {
            let begin = Instant::now();
            find(&*storage, row.id).await;
            times.push(begin.elapsed());
        }
        let each = (processor_time(&processes) - before) / u32::try_from(CALLS).unwrap();
        let [median, p99] = [50, 99].map(|percent| percentile(&times, percent));
        let (floor, floor_of_each) = *floor.get_or_insert((median, each));
        println!(
            "find by {name}: p50 {median:?} p99 {p99:?}, {:.2} of HTTP; processor time of all processes {each:?}, {:.2} of HTTP",
            median.as_secs_f64() / floor.as_secs_f64(),
            each.as_secs_f64() / floor_of_each.as_secs_f64()
        );
    }
    drop(responder);
}

/// What the threads of these processes have used of the processors.
fn processor_time(processes: &BTreeSet<u32>) -> Duration {
    let threads = |id: &u32| std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let used = processes.iter().flat_map(threads).map(|thread| {
        // A thread that has just ended is missing.
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(used.sum())
}

async fn find(storage: &dyn StoragePort, id: CharacterId) {
    let found = Store::<Character>::find(storage, id, Deleted::Exclude).await.unwrap();
    assert!(found.value.is_some());
}

fn through(hub: Arc<dyn MessageHub>, service: &str) -> Arc<dyn StoragePort> {
    let config = HttpStorageConfig::new("http://unused".parse().unwrap(), TOKEN.to_owned().into());
    let transport = HubTransport::new(hub, service.parse().unwrap(), &config).unwrap();
    Arc::new(HttpStorage::over(TransportStack::around(transport, &config)))
}
