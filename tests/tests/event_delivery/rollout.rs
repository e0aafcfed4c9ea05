//! The services and the hub are replaced while clients use them over kept connections, as a rollout of Kubernetes does it: no request
//! fails, and no event is lost.
//!
//! A Service of Kubernetes is a balancer of connections: a new one goes to a process that is ready, and an open one stays where
//! it is. Two processes on one port with `SO_REUSEPORT` would be no such thing: the system still gives connections to a
//! process that is no longer ready.

use super::{HUB_TOKEN, Inbox, TOKEN, consume, is_hunt};
use crate::support::{client, send};
use character_tests::{NatsRelease, NatsServer, PostgresServer, Service, ServiceBuilder};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

/// How often the balancer asks whether a process is ready.
const PROBE: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(60);

/// The load of the clients.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    /// From the start of a request of a client to that of its next one, so that the processes have some time to start.
    pace: Duration,
    /// How long each state of the rollout is under load.
    phase: Duration,
}

impl Load {
    /// 2,000 requests a second in the hunt, which has a release build; some hundreds otherwise.
    fn chosen() -> Self {
        match is_hunt() {
            true => Self { clients: 64, pace: Duration::from_millis(32), phase: Duration::from_secs(4) },
            false => Self { clients: 16, pace: Duration::from_millis(20), phase: Duration::from_millis(700) },
        }
    }
}

/// Gives new connections to the processes that are ready, in turn.
struct Balancer {
    address: SocketAddr,
    processes: Arc<Mutex<Vec<SocketAddr>>>,
    ready: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Balancer {
    async fn over(first: &Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let balancer = Self {
            address: listener.local_addr().unwrap(),
            processes: Arc::new(Mutex::new(vec![first.address()])),
            ready: Arc::new(Mutex::new(vec![first.address()])),
        };
        let ready = Arc::clone(&balancer.ready);
        tokio::spawn(async move {
            for turn in 0.. {
                let (mut incoming, _) = listener.accept().await.unwrap();
                let target = {
                    let ready = ready.lock().unwrap();
                    ready[turn % ready.len()]
                };
                tokio::spawn(async move {
                    // As a Service does, it leaves a connection that cannot be made to its client.
                    if let Ok(mut outgoing) = TcpStream::connect(target).await {
                        drop(copy_bidirectional(&mut incoming, &mut outgoing).await);
                    }
                });
            }
        });
        let (processes, ready) = (Arc::clone(&balancer.processes), Arc::clone(&balancer.ready));
        tokio::spawn(async move {
            let http = client();
            loop {
                let all = processes.lock().unwrap().clone();
                for process in all {
                    let probe = http.get(format!("http://{process}/health/ready")).send().await;
                    let is_ready = probe.is_ok_and(|answer| answer.status() == 200);
                    let mut ready = ready.lock().unwrap();
                    ready.retain(|known| *known != process);
                    if is_ready {
                        ready.push(process);
                    }
                }
                tokio::time::sleep(PROBE).await;
            }
        });
        balancer
    }

    /// Starts a process in the place of the old one, which ends in good order.
    async fn replace(&self, old: Service, new: ServiceBuilder, phase: Duration) -> Service {
        let new = tokio::task::spawn_blocking(move || new.start()).await.unwrap();
        self.processes.lock().unwrap().push(new.address());
        let end = Instant::now() + LIMIT;
        while !self.ready.lock().unwrap().contains(&new.address()) {
            assert!(Instant::now() < end, "the new process is not ready");
            tokio::time::sleep(PROBE).await;
        }
        tokio::time::sleep(phase).await;
        let (address, status) = (old.address(), tokio::task::spawn_blocking(move || old.terminate()).await.unwrap());
        assert_eq!(status, 0);
        self.processes.lock().unwrap().retain(|process| *process != address);
        tokio::time::sleep(phase).await;
        new
    }
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    answers: AtomicUsize,
    connections: AtomicUsize,
    changes: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

/// A connection that is used until an answer says that it ends.
struct Kept<'a> {
    address: SocketAddr,
    stream: Option<TcpStream>,
    seen: &'a Seen,
}

impl Kept<'_> {
    /// Sends a request and returns its answer; no request is sent twice.
    async fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, Value)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.seen.connections.fetch_add(1, Relaxed);
                TcpStream::connect(self.address).await?
            }
        };
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(Value::to_string).unwrap_or_default();
        let (host, length) = (self.address, body.len());
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await?;
        let (mut bytes, mut part) = (Vec::new(), [0; 16 * 1024]);
        loop {
            let read = stream.read(&mut part).await?;
            if read == 0 {
                return Err(std::io::Error::other(format!("the connection ended after {} bytes", bytes.len())));
            }
            bytes.extend_from_slice(&part[..read]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            let length: usize = header("content-length: ").map_or(0, |length| length.parse().unwrap());
            if bytes.len() < end + 4 + length {
                continue;
            }
            if header("connection: ") != Some("close") {
                self.stream = Some(stream);
            }
            let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
            return Ok((status, serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default()));
        }
    }
}

/// Creates a character, and then reads and changes it until `stop`.
async fn play(address: SocketAddr, pace: Duration, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = Kept { address, stream: None, seen: &seen };
    let (mut path, mut turn) = (String::new(), 0_usize);
    while !stop.load(Relaxed) {
        ticks.tick().await;
        let (method, body, expected) = match (path.is_empty(), turn % 3) {
            (true, _) => ("POST", Some(crate::support::sheet("Kept")), 201),
            (false, 0) => ("PATCH", Some(json!({ "name": format!("turn {turn}") })), 200),
            (false, _) => ("GET", None, 200),
        };
        let target = if path.is_empty() { "/api/v2/characters" } else { path.as_str() };
        match kept.ask(method, target, body.as_ref()).await {
            Ok((status, answer)) if status == expected => {
                seen.answers.fetch_add(1, Relaxed);
                seen.changes.fetch_add(usize::from(method != "GET"), Relaxed);
                if path.is_empty() {
                    path = format!("/api/v2/characters/{}", answer["id"].as_str().unwrap());
                }
            }
            failed => seen.failures.lock().unwrap().push(format!("{method} {target}: {failed:?}")),
        }
        turn += 1;
    }
}

/// Clients that play until the test ends them.
struct UnderLoad {
    of: Load,
    begun: Instant,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl UnderLoad {
    fn begin(address: SocketAddr) -> Self {
        let (of, seen, stop) = (Load::chosen(), Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let clients = (0..of.clients).map(|_| play(address, of.pace, Arc::clone(&seen), Arc::clone(&stop)));
        Self { of, begun: Instant::now(), clients: clients.collect(), seen, stop }
    }

    /// The number of changes, when each request was answered as it should be, over this many connections of each client or more.
    async fn end_without_a_failure(self, connections_each: usize) -> usize {
        let Self { of, begun, seen, stop, clients } = self;
        stop.store(true, Relaxed);
        clients.join_all().await;
        let (answers, changes) = (seen.answers.load(Relaxed), seen.changes.load(Relaxed));
        let (connections, rate) = (seen.connections.load(Relaxed), answers as f64 / begun.elapsed().as_secs_f64());
        eprintln!(
            "{answers} answers, {rate:.0} a second, {changes} of them to changes, over {connections} connections"
        );
        assert!(!is_hunt() || rate > 1_800.0, "the clients did not get to 2,000 requests a second");
        let failures = seen.failures.lock().unwrap().clone();
        let first = failures.first();
        assert!(failures.is_empty(), "{} of {answers} requests failed, the first: {first:?}", failures.len());
        assert!(
            answers > 10 * of.clients && connections >= connections_each * of.clients,
            "{answers} answers over {connections} connections"
        );
        changes
    }
}

/// A consumer that handles each event once.
struct Heard {
    inbox: Arc<Inbox>,
    calm: Arc<AtomicBool>,
    consumer: JoinHandle<()>,
}

impl Heard {
    fn over(hub_url: String) -> Self {
        let (inbox, calm) = (Arc::new(Inbox::default()), Arc::new(AtomicBool::new(false)));
        let consumer = tokio::spawn(consume(hub_url, Arc::clone(&inbox), Arc::clone(&calm)));
        Self { inbox, calm, consumer }
    }

    async fn is_every_event_of(self, changes: usize) {
        let end = Instant::now() + LIMIT;
        while self.inbox.len() < changes {
            assert!(Instant::now() < end, "{} of {changes} events were heard", self.inbox.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.calm.store(true, Relaxed);
        self.consumer.await.unwrap();
        assert_eq!(self.inbox.len(), changes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_of_both_services_under_load_fails_no_request_and_loses_no_event() {
    let database = PostgresServer::shared().fresh_schema_url();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", HUB_TOKEN).start();
    let storage = || {
        Service::storage()
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("DATABASE_URL", &database)
            .env("MESSAGE_HUB_URL", hub.url(""))
            .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
            .env("LOG_LEVEL", "warn")
            .env("DRAIN_SECS", "3")
    };
    let first_storage = storage().start();
    let storages = Balancer::over(&first_storage).await;
    let character = || {
        Service::character()
            .env("STORAGE_SERVICE_URL", format!("http://{}", storages.address))
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("LOG_LEVEL", "warn")
            .env("DRAIN_SECS", "3")
    };
    let first_service = character().start();
    let services = Balancer::over(&first_service).await;
    let (heard, load) = (Heard::over(hub.url("")), UnderLoad::begin(services.address));
    tokio::time::sleep(load.of.phase).await;
    let second_service = services.replace(first_service, character(), load.of.phase).await;
    let _second_storage = storages.replace(first_storage, storage(), load.of.phase).await;
    let _third_service = services.replace(second_service, character(), load.of.phase).await;
    let changes = load.end_without_a_failure(3).await;
    heard.is_every_event_of(changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_of_the_hub_under_load_fails_no_request_that_it_routes_and_loses_no_event() {
    let database = PostgresServer::shared().fresh_schema_url();
    let nats = NatsServer::start_with(NatsRelease::Current, "max_payload: 16MB");
    let hub = || {
        Service::message_hub()
            .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
            .env("NATS_URL", nats.url())
            .env("LOG_LEVEL", "warn")
            .env("DRAIN_SECS", "3")
    };
    let first_hub = hub().start();
    let hubs = Balancer::over(&first_hub).await;
    let hub_url = format!("http://{}", hubs.address);
    let storage = || {
        Service::storage()
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("DATABASE_URL", &database)
            .env("MESSAGE_HUB_URL", nats.url())
            .env("LOG_LEVEL", "warn")
            .env("DRAIN_SECS", "3")
    };
    let first_storage = storage().start();
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", "hub:storage")
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("MESSAGE_HUB_URL", &hub_url)
        .env("MESSAGE_HUB_TOKEN", HUB_TOKEN)
        .env("LOG_LEVEL", "warn")
        .start();
    let (heard, load) = (Heard::over(hub_url), UnderLoad::begin(service.address()));
    tokio::time::sleep(load.of.phase).await;
    let second_hub = hubs.replace(first_hub, hub(), load.of.phase).await;
    // There is no balancer before it: NATS gives each request to one that listens.
    let second_storage = storage();
    let _second_storage = tokio::task::spawn_blocking(|| second_storage.start()).await.unwrap();
    assert_eq!(tokio::task::spawn_blocking(move || first_storage.terminate()).await.unwrap(), 0);
    let _third_hub = hubs.replace(second_hub, hub(), load.of.phase).await;
    let changes = load.end_without_a_failure(1).await;
    heard.is_every_event_of(changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_drains_is_not_ready_answers_and_ends_each_connection_with_its_answer() {
    let service = Service::character().env("DRAIN_SECS", "30").start();
    let (address, seen) = (service.address(), Seen::default());
    let mut kept = Kept { address, stream: None, seen: &seen };
    assert_eq!(kept.ask("GET", "/health/ready", None).await.unwrap().0, 200);
    assert!(kept.stream.is_some(), "a connection is kept");
    service.signal("-TERM");
    service.await_output("shutting down");
    // An idle connection is not cut: its next request is answered, and ends it.
    let end = Instant::now() + LIMIT;
    loop {
        let (status, answer) = kept.ask("GET", "/health/ready", None).await.unwrap();
        if status == 503 {
            assert_eq!(answer["code"], "stopping");
            break;
        }
        assert!(Instant::now() < end, "still ready");
    }
    assert!(kept.stream.is_none(), "the answer did not end the connection");
    // New connections are accepted, since others may not know yet.
    let made = send(client().post(service.url("/api/v2/characters")).json(&crate::support::sheet("Late"))).await;
    assert_eq!((made.status, made.header("connection")), (201, "close"), "{made:?}");
    // With no connection left, it does not wait for the end of its time; a second signal ends it at once in any case.
    assert!(service.ends_within(Duration::from_secs(20)), "it still waits");
    assert_eq!(service.terminate(), 0);
}
