//! One caller attacks both services with everything that is legal or nearly so, while others go on with small requests: the
//! processes have little memory and few descriptors, stay alive, keep the breakers closed, and give the memory back.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use character_tests::{Service, free_port};
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use support::{client, send, sheet};
use tokio::task::JoinSet;

const TOKEN: &str = "token-of-the-tests";
const DESCRIPTORS: u32 = 256;
/// The most memory that a process may ever have had, in bytes.
const MEMORY: u64 = 512 << 20;
/// How close to its memory before the attacks a process returns. The pages that each of its connections to SQLite has read stay,
/// and what the allocator cannot return beside what is in use; an attack holds several hundred MiB.
const RETURNED: u64 = 120 << 20;

/// How long each attack lasts.
fn each() -> Duration {
    let hunt = std::env::var("HUNT_SECONDS").ok().and_then(|text| text.parse().ok());
    hunt.map_or(Duration::from_secs(4), Duration::from_secs)
}

/// The most memory since the last look, in bytes.
fn peak(service: &Service) -> u64 {
    let most = service.memory("VmHWM:");
    let pid = service.pid().unwrap();
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    most
}

struct World {
    service: Service,
    storage: Service,
    admin: String,
    /// A character of the attacker with the largest sheet.
    heavy: String,
}

impl World {
    async fn start() -> Self {
        let storage = Service::storage()
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("LOG_LEVEL", "error")
            .most_descriptors(DESCRIPTORS)
            .start();
        let admin = format!("127.0.0.1:{}", free_port());
        let service = Service::character()
            .env("STORAGE_SERVICE_URL", storage.url(""))
            .env("STORAGE_SERVICE_TOKEN", TOKEN)
            .env("ADMIN_ADDR", &admin)
            .env("LOG_LEVEL", "error")
            // What the cache holds is no leak, and it would be empty before and full afterwards.
            .env("CACHE_MAX_BYTES", "8388608")
            .most_descriptors(DESCRIPTORS)
            .start();
        let mut heavy = sheet("Heavy");
        heavy["data"]["text"] = json!("x".repeat(1_000_000));
        let heavy = send(client().post(service.url("/api/v2/characters")).json(&heavy)).await.id();
        Self { service, storage, admin: format!("http://{admin}/admin/storage"), heavy }
    }

    fn characters(&self) -> String {
        self.service.url("/api/v2/characters")
    }
}

/// What other users notice meanwhile: how long each of their requests took.
async fn others(characters: String, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let (client, mut times) = (client(), Vec::new());
    let id = send(client.post(&characters).json(&sheet("Other"))).await.id();
    let row = format!("{characters}/{id}");
    for round in 0.. {
        if stop.load(Relaxed) {
            break;
        }
        let request = match round % 4 {
            0 => client.post(&characters).json(&sheet("Other")),
            1 => client
                .patch(&row)
                .header("content-type", "application/merge-patch+json")
                .body(format!(r#"{{"name":"Other {round}"}}"#)),
            _ => client.get(&row),
        };
        let began = Instant::now();
        let answer = send(request).await;
        times.push(began.elapsed());
        assert!(matches!(answer.status, 200 | 201), "a small request of another user: {answer:?}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    times
}

/// Sends requests of `make` from this number of clients until the time is over. None may be answered 500, or stay without an
/// answer; returns how often each status came.
async fn flood<F>(clients: usize, make: F) -> String
where
    F: Fn(&reqwest::Client, usize) -> reqwest::RequestBuilder + Clone + Send + Sync + 'static,
{
    let (end, number) = (Instant::now() + each(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (make, number) = (make.clone(), Arc::clone(&number));
        tasks.spawn(async move {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
            let mut seen = Vec::new();
            while Instant::now() < end {
                let answer = make(&client, number.fetch_add(1, Relaxed)).send().await;
                // A refusal may close the connection before the whole body was sent.
                let Ok(mut answer) = answer else {
                    seen.push(None);
                    continue;
                };
                assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
                seen.push(Some(answer.status()));
                while let Ok(Some(_)) = answer.chunk().await {}
                if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            seen
        });
    }
    let mut all = std::collections::BTreeMap::<_, usize>::new();
    for seen in tasks.join_all().await.into_iter().flatten() {
        *all.entry(seen.map(|status| status.as_u16())).or_default() += 1;
    }
    format!("{all:?}")
}

/// Connections that send these bytes and read nothing, until the time is over.
async fn deaf(address: SocketAddr, number: usize, bytes: Vec<u8>) -> String {
    let end = Instant::now() + each();
    let connections = tokio::task::spawn_blocking(move || {
        let connect = |_| {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
            stream.set_nonblocking(true).ok()?;
            let _ = stream.write(&bytes);
            Some(stream)
        };
        let open: Vec<_> = (0..number).filter_map(connect).collect();
        while Instant::now() < end {
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, which holds the connections open")]
            std::thread::sleep(Duration::from_millis(50));
        }
        open.into_iter().map(|mut stream| stream.read(&mut [0; 1]).is_ok()).filter(|answered| *answered).count()
    });
    format!("{} of {number} connections have an answer to read", connections.await.unwrap())
}

/// A bulk with this row until it has about this number of bytes.
fn bulk(row: &Value, bytes: usize) -> Vec<u8> {
    let row = row.to_string();
    let rows = (bytes / (row.len() + 1)).clamp(1, 1000);
    format!(r#"{{"atomic":true,"characters":[{}]}}"#, vec![row; rows].join(",")).into_bytes()
}

fn with_data(data: Value) -> Value {
    json!({ "name": "Attack", "user_id": uuid::Uuid::new_v4(), "data": data })
}

/// 30 000 members under a path of 400 000 characters.
fn long_path(value: usize) -> Value {
    let members: serde_json::Map<_, _> = (0..30_000).map(|name| (format!("{name:x}"), json!(value))).collect();
    json!({ "k".repeat(400_000): members })
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
}

fn json_body(request: reqwest::RequestBuilder, body: Vec<u8>) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_cannot_take_the_service_from_the_others() {
    let world = World::start().await;
    let characters = world.characters();
    // What the attacker owns: heavy rows, deep rows, and a character with many versions.
    let own: Vec<Value> = (0..24)
        .map(|number| with_data(json!({ "text": "x".repeat(900_000), "number": number })))
        .chain((0..40).map(|_| with_data(json!({ "deep": deep(100), "text": "x".repeat(20_000) }))))
        .collect();
    stream::iter(own)
        .for_each_concurrent(2, |row| {
            let request = client().post(&characters).json(&row);
            async move { assert_eq!(send(request).await.status, 201) }
        })
        .await;
    let heavy = format!("{characters}/{}", world.heavy);
    for number in 0..67 {
        let patch = client().patch(&heavy).header("content-type", "application/merge-patch+json");
        assert_eq!(send(patch.body(format!(r#"{{"data":{{"n":{number}}}}}"#))).await.status, 200);
    }
    let processes = [("character-service", &world.service), ("storage-service", &world.storage)];
    let before = processes.map(|(_, process)| process.memory("VmRSS:"));

    let stop = Arc::new(AtomicBool::new(false));
    let mut users = JoinSet::new();
    for _ in 0..3 {
        users.spawn(others(characters.clone(), Arc::clone(&stop)));
    }
    let (mut report, mut most) = (String::new(), 0);
    let mut note = |name: &str, outcome: String| {
        let peaks = processes.map(|(_, process)| peak(process));
        most = peaks.into_iter().fold(most, u64::max);
        writeln!(report, "{name}: {outcome}, at most {:?} MiB", peaks.map(|bytes| bytes >> 20)).unwrap();
    };

    let url = characters.clone();
    note(
        "filters",
        flood(4, move |client, number| {
            let filter = if number % 2 == 0 {
                format!("theme={}", "/".repeat(22_000))
            } else {
                format!("name={}", "n".repeat(60_000))
            };
            client.get(format!("{url}?{filter}"))
        })
        .await,
    );
    let (url, tags) = (heavy.clone(), vec!["t"; 8_000].join(","));
    note("tags", flood(4, move |client, _| client.get(format!("{url}/journal?tags={tags}"))).await);
    let url = characters.clone();
    note(
        "heavy pages",
        flood(12, move |client, number| client.get(format!("{url}?limit={}", 1000 - number % 7))).await,
    );
    let url = heavy.clone();
    note(
        "derived",
        flood(8, move |client, number| {
            client.get(format!(
                "{url}/{}",
                ["versions", "versions/tree", "version-graph", "versions?limit=1000"][number % 4]
            ))
        })
        .await,
    );
    let (url, body) = (characters.clone(), bulk(&with_data(json!({ "text": "x".repeat(30_000) })), 31 << 20));
    note("legal bulks", flood(4, move |client, _| json_body(client.post(format!("{url}/bulk")), body.clone())).await);
    let (url, many) = (characters.clone(), with_data(json!({ "a": vec![json!({ "": 0 }); 30_000] })));
    let body = bulk(&many, 31 << 20);
    note("values", flood(4, move |client, _| json_body(client.post(format!("{url}/bulk")), body.clone())).await);
    let (url, body) = (characters.clone(), bulk(&json!({ "nome": 1, "name": 2, "user_id": [], "data": 0 }), 27 << 20));
    note("faults", flood(4, move |client, _| json_body(client.post(format!("{url}/bulk")), body.clone())).await);
    let long = send(client().post(&characters).json(&with_data(long_path(0)))).await;
    if long.status == 201 {
        let url = format!("{characters}/{}", long.id());
        note(
            "long paths",
            flood(4, move |client, number| {
                let mut row = with_data(long_path(number + 1));
                row["theme"] = json!("traditional");
                client.put(&url).json(&row)
            })
            .await,
        );
    }
    let page = b"GET /api/v2/characters?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    note("deaf readers", deaf(world.service.address(), 40, page).await);
    note("half heads", deaf(world.service.address(), 300, b"GET / HTTP/1.1\r\nhos".to_vec()).await);
    let slow = b"POST /api/v2/characters/bulk HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 33000000\r\n\r\n{\"characters\":["
        .to_vec();
    note("slow bodies", deaf(world.service.address(), 300, slow).await);
    let (url, body) = (world.storage.url("/storage/v1/transactions/batch"), vec![b'['; 60 << 20]);
    note(
        "storage: large",
        flood(3, move |client, _| json_body(client.post(&url).bearer_auth(TOKEN), body.clone())).await,
    );
    let url = world.storage.url("/storage/v1/characters?limit=1000");
    note("storage: pages", flood(8, move |client, _| client.get(&url).bearer_auth(TOKEN)).await);
    note("storage: half heads", deaf(world.storage.address(), 300, b"GET / HTTP/1.1\r\nhos".to_vec()).await);

    stop.store(true, Relaxed);
    let mut times: Vec<_> = users.join_all().await.into_iter().flatten().collect();
    times.sort();
    let (count, slowest) = (times.len(), times.last().copied().unwrap());
    let p99 = times[count * 99 / 100];
    writeln!(report, "others: {count} requests, median {:?}, p99 {p99:?}, slowest {slowest:?}", times[count / 2])
        .unwrap();
    let breakers = send(client().get(&world.admin)).await.body["breakers"].clone();
    eprintln!("{report}{breakers}");
    for breaker in ["reads", "changes"] {
        assert_eq!(breakers[breaker]["state"], "closed", "{report}");
        assert_eq!(breakers[breaker]["rejected"], 0, "the breaker was open: {report}");
    }
    assert!(p99 <= Duration::from_secs(1), "{report}");
    assert!(most <= MEMORY, "{report}");
    for ((name, process), before) in processes.into_iter().zip(before) {
        let end = Instant::now() + Duration::from_secs(60);
        while process.memory("VmRSS:") > before + RETURNED {
            assert!(
                Instant::now() < end,
                "{name} keeps {} of {} MiB: {report}",
                process.memory("VmRSS:") >> 20,
                before >> 20
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!("{name}: {} MiB before, {} MiB afterwards", before >> 20, process.memory("VmRSS:") >> 20);
    }
}
