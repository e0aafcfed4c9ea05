//! Processes with several times the load that they can serve: the log is heard all the same, so that an overload does not
//! empty the caches and feed itself.

use super::{
    fleet::{over, storage},
    world::{TOKEN, World, alone},
};
use crate::support::{Answer, client, send, sheet, try_send, until};
use character_fault_proxy::Fault;
use character_tests::{PostgresServer, Service, exchange, free_port};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinSet};
use uuid::Uuid;

/// Enough that a request takes at least three times as long as alone, and few enough for a busy machine.
const CLIENTS: usize = 24;
const OVERLOAD: Duration = Duration::from_secs(7);
const ROUNDS_ALONE: u32 = 8;
const SAMPLE: Duration = Duration::from_millis(100);
/// A sample after a longer pause shows that the machine had no time even for the sampling task.
const STALL: Duration = Duration::from_millis(400);

/// A request as bytes, with what it needs to be one of many on a connection.
fn request(service: &Service, method: &str, path: &str, body: &str) -> Vec<u8> {
    let (host, length) = (service.address(), body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n");
    format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Clients without a pause, each with one request at a time, all on one thread.
struct Crowd {
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the answers were.
#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU64,
    /// Answers to the first of the requests that did not come from memory.
    misses: AtomicU64,
}

impl Crowd {
    fn start(clients: usize, service: &Service, requests: Vec<Vec<u8>>) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Seen::default()));
        let (address, requests) = (service.address(), Arc::new(requests));
        let shared = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut crowd = JoinSet::new();
                for number in 0..clients {
                    let (requests, (stop, seen)) = (Arc::clone(&requests), shared.clone());
                    crowd.spawn(async move {
                        let mut connection = TcpStream::connect(address).await.unwrap();
                        let (mut turn, mut buffer) = (number, Vec::new());
                        while !stop.load(Relaxed) {
                            let kind = turn % requests.len();
                            let head = exchange(&mut connection, &requests[kind], &mut buffer).await.unwrap().head;
                            seen.answers.fetch_add(1, Relaxed);
                            seen.misses.fetch_add(u64::from(kind == 0 && !head.contains("detail=local")), Relaxed);
                            turn += 1;
                        }
                    });
                }
                while let Some(ended) = crowd.join_next().await {
                    ended.unwrap();
                }
            });
        });
        Self { stop, seen, thread: Some(thread) }
    }

    /// The number of answers, and that of the misses.
    fn end(mut self) -> (u64, u64) {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap();
        (self.seen.answers.load(Relaxed), self.seen.misses.load(Relaxed))
    }
}

/// The mean time of each of these requests without other load.
async fn alone_takes(service: &Service, requests: &[Vec<u8>]) -> Duration {
    let (mut connection, mut buffer) = (TcpStream::connect(service.address()).await.unwrap(), Vec::new());
    let begin = Instant::now();
    for _ in 0..ROUNDS_ALONE {
        for request in requests {
            exchange(&mut connection, request, &mut buffer).await.unwrap();
        }
    }
    begin.elapsed() / u32::try_from(requests.len()).unwrap() / ROUNDS_ALONE
}

/// A process with a hot row in its cache, whose state is read from a listener of its own.
struct Watched {
    service: Service,
    admin: String,
    hot: String,
    /// A row that clients write. Its changes do not invalidate the hot row.
    written: String,
}

impl Watched {
    /// A process that trusts its cache for this number of milliseconds after it heard the log.
    async fn start(storage: &Service, trust: &str) -> Self {
        let admin = format!("127.0.0.1:{}", free_port());
        let service = over(storage, None).env("ADMIN_ADDR", &admin).env("CACHE_TRUST_MS", trust).start();
        let characters = service.url("/api/v2/characters");
        let written = send(client().post(&characters).json(&sheet("Written"))).await.id();
        let write = |name| client().put(format!("{characters}/{written}")).json(&sheet(name));
        let is_hit = |answer: &Answer| answer.header("cache-status").contains("detail=local");
        // Two rows can share a slot of the change table: then each write of the one costs the other its place in the cache.
        let hot = loop {
            let hot = send(client().post(&characters).json(&sheet("Hot"))).await.id();
            let read = || client().get(format!("{characters}/{hot}"));
            until(Duration::from_secs(10), "a hit", read, is_hit).await;
            for name in ["Written once", "Written twice"] {
                assert_eq!(send(write(name)).await.status, 200);
            }
            if is_hit(&send(read()).await) {
                break hot;
            }
        };
        let path = |id| format!("/api/v2/characters/{id}");
        Self { service, admin: format!("http://{admin}/admin/storage"), hot: path(hot), written: path(written) }
    }

    /// Samples its trust as long as the overload lasts.
    async fn trusts_its_cache(&self) {
        let (http, end) = (client(), Instant::now() + OVERLOAD);
        let (mut samples, mut oldest, mut last) = (0_u32, 0.0_f64, Instant::now());
        while Instant::now() < end {
            tokio::time::sleep(SAMPLE).await;
            let state = send(http.get(&self.admin)).await;
            let log = &state.body["cache"]["log"];
            if last.elapsed() < STALL {
                assert_eq!(log["trusted"], true, "after {samples} samples: {log}");
                samples += 1;
                oldest = oldest.max(log["seconds_since_heard"].as_f64().unwrap());
            }
            last = Instant::now();
        }
        eprintln!("{samples} samples; in the worst the log had been heard {oldest:.3} s before");
        assert!(samples >= 20, "{samples} samples");
    }
}

/// What clients of a Character Service ask for: the hot row, lists, rows that no client has asked for, and changes of a row.
fn requests(Watched { service, hot, written, .. }: &Watched) -> Vec<Vec<u8>> {
    let get = |path: &str| request(service, "GET", path, "");
    let list = "/api/v2/characters?limit=20";
    let absent: Vec<_> = (0..4).map(|_| get(&format!("/api/v2/characters/{}", Uuid::new_v4()))).collect();
    let changes = ["One", "Other"].map(|name| request(service, "PUT", written, &sheet(name).to_string()));
    [get(hot)].into_iter().chain(absent).chain([get(list)]).chain(changes).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_its_limit_a_service_refuses_at_once_and_works_again_as_soon_as_there_is_room() {
    const MOST: usize = 6;
    let _alone = alone().await;
    let most = MOST.to_string();
    let settings = [
        ("MAX_REQUESTS_IN_FLIGHT", most.as_str()),
        ("STORAGE_BREAKER_FAILURES", "1000"),
        ("STORAGE_DEADLINE_MS", "20000"),
        ("STORAGE_TIMEOUT_MS", "20000"),
        ("STORAGE_RETRY_MAX", "0"),
    ];
    let world = World::new(PostgresServer::shared(), None, &settings);
    let cold = || client().get(world.character(&Uuid::new_v4().to_string()));
    assert_eq!(send(cold()).await.status, 404);
    // Each waits for a storage that is silent.
    world.to_storage.strike(Fault::AcceptAndNeverAnswer);
    let mut waiting = JoinSet::new();
    for _ in 0..MOST {
        waiting.spawn(try_send(cold()));
    }
    let refused = |answer: &Answer| answer.status == 503 && answer.body["code"] == "overloaded";
    let answer = until(Duration::from_secs(10), "a refusal", cold, refused).await;
    assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
    // A body that is not handled does not cost the client its connection.
    let (mut connection, mut buffer) = (TcpStream::connect(world.service.address()).await.unwrap(), Vec::new());
    let creation = request(&world.service, "POST", "/api/v2/characters", &sheet("New").to_string());
    for _ in 0..3 {
        let refusal = exchange(&mut connection, &creation, &mut buffer).await.unwrap();
        assert_eq!(refusal.status, 503, "{}", refusal.head);
        assert!(!refusal.head.contains("connection: close"), "{}", refusal.head);
    }
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(send(client().get(world.service.url(path))).await.status, 200, "{path}");
    }
    assert!(waiting.try_join_next().is_none(), "those that were accepted still wait");
    world.to_storage.strike(Fault::Pass);
    until(Duration::from_secs(30), "room", cold, |answer| answer.status == 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_three_times_its_load_keeps_trusting_its_cache() {
    let _alone = alone().await;
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    let watched = Watched::start(&storage, "1000").await;
    let requests = requests(&watched);
    let alone = alone_takes(&watched.service, &requests).await;
    let (crowd, begin) = (Crowd::start(CLIENTS, &watched.service, requests), Instant::now());
    watched.trusts_its_cache().await;
    let (took, (answers, misses)) = (begin.elapsed(), crowd.end());
    let each = took * u32::try_from(CLIENTS).unwrap() / u32::try_from(answers).unwrap();
    eprintln!("{answers} answers, {each:?} each and {alone:?} alone; {misses} misses of the hot row");
    assert!(each >= 3 * alone, "no overload: a request takes {each:?}, and {alone:?} alone");
    assert_eq!(misses, 0, "misses of a row that no client has changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_service_with_three_times_its_load_by_others_is_still_heard() {
    let _alone = alone().await;
    let storage = storage(&PostgresServer::shared().fresh_schema_url());
    // The load takes the machine from the storage too, and others may use it: an answer can be late by half a second.
    let watched = Watched::start(&storage, "2000").await;
    let get = |path: String| request(&storage, "GET", &path, "");
    let requests: Vec<_> = (0..8).map(|_| get(format!("/storage/v1/characters/{}", Uuid::new_v4()))).collect();
    let requests = [requests, vec![get("/storage/v1/characters?limit=20".to_owned())]].concat();
    let alone = alone_takes(&storage, &requests).await;
    let crowd = Crowd::start(CLIENTS, &storage, requests);
    let hot = Crowd::start(1, &watched.service, vec![request(&watched.service, "GET", &watched.hot, "")]);
    let begin = Instant::now();
    watched.trusts_its_cache().await;
    let (took, (answers, _), (_, misses)) = (begin.elapsed(), crowd.end(), hot.end());
    let each = took * u32::try_from(CLIENTS).unwrap() / u32::try_from(answers).unwrap();
    eprintln!("{answers} answers, {each:?} each and {alone:?} alone; {misses} misses of the hot row");
    assert!(each >= 3 * alone, "no overload: a request takes {each:?}, and {alone:?} alone");
    assert_eq!(misses, 0, "misses of a row that no client has changed");
}
