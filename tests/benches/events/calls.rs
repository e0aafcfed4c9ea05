//! What a storage call costs through NATS and through the Message Hub, compared with HTTP, and with the floors of both.

use crate::{
    TOKEN, connect,
    floor::{Floor, HTTP, NATS, SUBJECT},
};
use async_trait::async_trait;
use character_domain::{Character, CharacterId, UserId, now};
use character_message_hub::MessageHub;
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_message_hub_nats::{NatsHub, NatsHubConfig};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::{Change, Commit as _, Deleted, DomainEvent, Expect, StoragePort, Store, Transaction};
use character_tests::{NatsServer, PostgresServer, Service, percentile};
use serde_json::json;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// The ways are measured in turn, so that all have the same share of what else the machine does.
const ROUNDS: usize = 10;
/// Calls of each way in a round, one after another and by several callers at once.
const CALLS: usize = 500;
/// Callers of the calls that are made at once.
const CALLERS: usize = 32;

/// One way of a call.
struct Way {
    name: &'static str,
    call: Arc<dyn Call>,
    /// The processes that take part: the caller first.
    processes: Vec<(u32, Used)>,
    times: Vec<Duration>,
    /// How long each round of several callers took.
    at_once: Vec<Duration>,
}

#[async_trait]
trait Call: Send + Sync {
    async fn call(&self);
}

/// A read of one row.
struct Find(Arc<dyn StoragePort>, CharacterId);

#[async_trait]
impl Call for Find {
    async fn call(&self) {
        let found = Store::<Character>::find(&*self.0, self.1, Deleted::Exclude).await.unwrap();
        assert!(found.value.is_some());
    }
}

/// A change of one row, with an event. Callers that call at the same time change different rows.
struct Replace {
    storage: Arc<dyn StoragePort>,
    rows: Vec<Character>,
    next: AtomicUsize,
}

impl Replace {
    async fn new(storage: Arc<dyn StoragePort>) -> Self {
        let rows: Vec<_> = (0..CALLERS).map(|_| Character::new(UserId::new(), "Torormir", now())).collect();
        let created = rows.iter().cloned().map(Change::Create);
        storage.commit(created.fold(Transaction::new(), Transaction::with)).await.unwrap();
        Self { storage, rows, next: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Call for Replace {
    async fn call(&self) {
        let row = &self.rows[self.next.fetch_add(1, Ordering::Relaxed) % self.rows.len()];
        let event = DomainEvent::new("character.updated", row.id, now(), json!({ "fields": ["name"] }));
        let change = Change::Replace { entity: row.clone(), expect: Expect::Any };
        self.storage.commit(Transaction::new().with(change).with_event(event)).await.unwrap();
    }
}

/// A request over HTTP to a process that only waits.
struct BareHttp(reqwest::Client, String);

#[async_trait]
impl Call for BareHttp {
    async fn call(&self) {
        let response = self.0.get(&self.1).send().await.unwrap();
        assert!(!response.bytes().await.unwrap().is_empty());
    }
}

/// A request through NATS to a process that only waits.
struct BareNats(async_nats::Client);

#[async_trait]
impl Call for BareNats {
    async fn call(&self) {
        let reply = self.0.request(SUBJECT, "".into()).await.unwrap();
        assert!(!reply.payload.is_empty());
    }
}

/// What processes have used.
#[derive(Clone, Copy, Default)]
struct Used {
    processor: Duration,
    /// How often a thread waited.
    waits: u64,
}

impl Used {
    /// So far, by all threads of this process.
    fn by(process: u32) -> Self {
        fs::read_dir(format!("/proc/{process}/task")).unwrap().fold(Self::default(), |sum, thread| {
            let path = thread.unwrap().path();
            // A thread that has just ended is missing.
            let text = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
            let nanoseconds = text("schedstat").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
            let status = text("status");
            let waits =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok());
            Self {
                processor: sum.processor + Duration::from_nanos(nanoseconds),
                waits: sum.waits + waits.unwrap_or(0_u64),
            }
        })
    }
}

impl Way {
    fn new(name: &'static str, call: impl Call + 'static, processes: &[Option<u32>]) -> Self {
        let processes = [Some(std::process::id())].into_iter().chain(processes.iter().copied()).flatten();
        let processes = processes.map(|process| (process, Used::default())).collect();
        Self { name, call: Arc::new(call), processes, times: Vec::new(), at_once: Vec::new() }
    }

    async fn round(&mut self) {
        for _ in 0..CALLS / 10 {
            self.call.call().await;
        }
        let before: Vec<_> = self.processes.iter().map(|(process, _)| Used::by(*process)).collect();
        for _ in 0..CALLS {
            let begin = Instant::now();
            self.call.call().await;
            self.times.push(begin.elapsed());
        }
        for ((process, used), before) in self.processes.iter_mut().zip(before) {
            let after = Used::by(*process);
            used.processor += after.processor.saturating_sub(before.processor);
            used.waits += after.waits.saturating_sub(before.waits);
        }
        let (begin, mut callers) = (Instant::now(), JoinSet::new());
        for _ in 0..CALLERS {
            let call = Arc::clone(&self.call);
            callers.spawn(async move {
                for _ in 0..CALLS / CALLERS {
                    call.call().await;
                }
            });
        }
        callers.join_all().await;
        self.at_once.push(begin.elapsed());
    }

    /// How long a call of one of several callers took from the end of the one before it, of any caller.
    fn at_once(&self) -> Duration {
        percentile(&self.at_once, 50) / u32::try_from(CALLS / CALLERS * CALLERS).unwrap()
    }

    fn median(&self) -> Duration {
        percentile(&self.times, 50)
    }

    /// Processor time of a call, of all processes together.
    fn processor(&self) -> Duration {
        self.of_processes().sum()
    }

    /// Processor time of a call, of each process.
    fn of_processes(&self) -> impl Iterator<Item = Duration> {
        let calls = u32::try_from(self.times.len()).unwrap();
        self.processes.iter().map(move |(_, used)| used.processor / calls)
    }
}

/// Reads and changes of one row, and calls that only wait.
pub(crate) async fn measure(postgres: &PostgresServer, nats: &NatsServer) {
    let service = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("DATABASE_URL", postgres.fresh_schema_url())
        .env("MESSAGE_HUB_URL", nats.url())
        .env("LOG_LEVEL", "warn")
        .start();
    let direct = connect(&service.url(""));
    let row = Character::new(UserId::new(), "Torormir", now());
    direct.commit(Transaction::new().with(Change::Create(row.clone()))).await.unwrap();
    let routed = Service::message_hub()
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("HUB_SERVICES", format!("storage-service={}", service.url("")))
        .env("LOG_LEVEL", "warn")
        .start();
    let (bare_http, bare_nats) = (Floor::start(HTTP, "127.0.0.1:0"), Floor::start(NATS, &nats.url()));
    let hub = NatsHub::connect(NatsHubConfig::new(nats.url())).await.unwrap();
    let client = HttpHub::connect(HttpHubConfig::new(routed.url("").parse().unwrap(), TOKEN.to_owned().into()));
    let by_nats = through(Arc::new(hub), "storage-service");
    let by_hub = through(Arc::new(client.unwrap()), "storage-service");
    let limit = Duration::from_secs(10);
    let bare = (reqwest::Client::builder().timeout(limit).build(), async_nats::connect(nats.url()).await);
    let address = format!("http://{}/", bare_http.address);
    let (storage, broker) = (service.pid(), nats.pid());
    let change = Replace::new(Arc::clone(&direct)).await;
    let change_by_nats = Replace::new(Arc::clone(&by_nats)).await;
    let change_by_hub = Replace::new(Arc::clone(&by_hub)).await;
    let mut ways = [
        Way::new("a bare call over HTTP", BareHttp(bare.0.unwrap(), address), &[Some(bare_http.pid())]),
        Way::new("a bare call through NATS", BareNats(bare.1.unwrap()), &[Some(bare_nats.pid()), broker]),
        Way::new("find over HTTP", Find(direct, row.id), &[storage]),
        Way::new("find through NATS", Find(by_nats, row.id), &[storage, broker]),
        Way::new("find through the Message Hub", Find(by_hub, row.id), &[storage, routed.pid()]),
        Way::new("change over HTTP", change, &[storage]),
        Way::new("change through NATS", change_by_nats, &[storage, broker]),
        Way::new("change through the Message Hub", change_by_hub, &[storage, routed.pid()]),
    ];
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.round().await;
        }
    }
    let [http, nats, find, through_nats, _, change, ..] = &ways;
    for (way, floor) in ways.iter().zip([http, http, find, find, find, change, change, change]) {
        println!(
            "{}: p50 {:?} p99 {:?}, {:.2} of HTTP; {CALLERS} callers: {:?} a call, {:.2} of HTTP; processor time {:?}, {:.2} of HTTP \
             {:?}; {:.1} waits of threads",
            way.name,
            way.median(),
            percentile(&way.times, 99),
            ratio(way.median(), floor.median()),
            way.at_once(),
            ratio(way.at_once(), floor.at_once()),
            way.processor(),
            ratio(way.processor(), floor.processor()),
            way.of_processes().collect::<Vec<_>>(),
            way.processes.iter().map(|(_, used)| used.waits).sum::<u64>() as f64 / way.times.len() as f64,
        );
    }
    let least = find.median() + nats.median().saturating_sub(http.median());
    println!(
        "the least for a find through NATS is find over HTTP and the difference of the bare calls: {least:?}, {:.2} of HTTP; it took \
         {:.2} of that",
        ratio(least, find.median()),
        ratio(through_nats.median(), least),
    );
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn through(hub: Arc<dyn MessageHub>, service: &str) -> Arc<dyn StoragePort> {
    let config = HttpStorageConfig::new("http://unused".parse().unwrap(), TOKEN.to_owned().into());
    let transport = HubTransport::new(hub, service.parse().unwrap(), &config).unwrap();
    Arc::new(HttpStorage::over(TransportStack::around(transport, &config)))
}
