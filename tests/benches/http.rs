//! `GET /characters/{id}` beside a handler that gives the same bytes from memory, and beside one that fetches them with a
//! bare reqwest, in the same run.
//!
//! `cargo bench -p character-tests --bench http`
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot be made has failed")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use actix_web::{App, HttpResponse, HttpServer, web};
use character_api::{Api, ApiLimits};
use character_app::{
    config::{LogConfig, LogFormat},
    telemetry,
};
use character_cache::{CacheMetrics, CacheOptions, Cached};
use character_domain::{Character, UserId, now};
use character_http_kit::{AcceptedTokens, Admission, Health, HttpMetrics, RequestLimit};
use character_live_updates::LiveUpdates;
use character_repositories::{Repositories, StorageContext};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{MemoryStorage, StorageExt, StoragePort};
use character_storage_server::{Limits, StorageServer};
use character_tests::{RawResponse, median};
use prometheus_client::registry::Registry;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// The one of the binaries, for both sides of each comparison.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 8;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(600);

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        actix_web::rt::System::new().block_on(all());
    }
}

async fn all() {
    let storage = MemoryStorage::new();
    let hero = storage.create_character(sheet()).await.unwrap();
    let path = format!("/api/v2/characters/{}", hero.id);
    let token = "0123456789abcdef0123456789abcdef";

    let origin = serve(move |config| {
        let tokens = AcceptedTokens::new([token.to_owned().into()]).unwrap();
        StorageServer::new(Arc::new(storage.clone()), tokens, Limits::default()).unwrap().configure(config);
    });
    let remote = || {
        let base = format!("http://{origin}").parse().unwrap();
        HttpStorage::connect(HttpStorageConfig::new(base, token.to_owned().into())).unwrap()
    };
    let inner: Arc<dyn StoragePort> = Arc::new(remote());
    let (cached, follower) =
        Cached::new(inner, Arc::new(remote()), CacheOptions::default(), None, CacheMetrics::default()).unwrap();
    follower.start().unwrap();
    assert!(cached.ready(Duration::from_secs(5)).await);
    let warm = api(Arc::new(cached));
    let cold = api(Arc::new(remote()));
    let body = web::Bytes::from(fetch(&mut connect(warm), &request(&path)));
    println!("GET a character of {} bytes, {CONNECTIONS} connections kept alive", body.len());

    let floor = serve(move |config| {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").insert_header(("ETag", "\"1\"")).body(body) }
        };
        config.default_service(web::to(answer));
    });
    let proxy = {
        let upstream = format!("http://{origin}/storage/v1/characters/{}", hero.id);
        serve(move |config| {
            let (upstream, client) = (
                upstream.clone(),
                reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap(),
            );
            let answer = move || {
                let call = client.get(&upstream).bearer_auth(token).send();
                async move {
                    let body = call.await.unwrap().bytes().await.unwrap();
                    HttpResponse::Ok().content_type("application/json").body(body)
                }
            };
            config.default_service(web::to(answer));
        })
    };
    compare("warm, from the cache", warm, "the same bytes from memory", floor, &path).await;
    compare("cold, from the storage", cold, "the same by a bare reqwest", proxy, &path).await;
    // As operators run it: a span and a line in the log for each request, written to nowhere.
    let log =
        LogConfig { format: LogFormat::Json, filter: "info".to_owned(), repeats_per_minute: 1_000_000, otlp: None };
    telemetry::start(&log, std::io::sink).unwrap();
    compare("warm, with spans and log", warm, "the same bytes from memory", floor, &path).await;
}

/// Runs both in turn, so that what disturbs the machine disturbs both.
async fn compare(what: &str, ours: SocketAddr, beside: &str, floor: SocketAddr, path: &str) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        first.push(rate(ours, path).await);
        second.push(rate(floor, path).await);
    }
    let (ours, floor) = (median(first), median(second));
    println!("  {what:<28} {ours:>9.0} requests/s");
    println!("  {beside:<28} {floor:>9.0} requests/s");
    println!("  ratio {:.3}", ours / floor);
}

/// Requests a second over some connections, each sending the next when it has its answer.
async fn rate(server: SocketAddr, path: &str) -> f64 {
    let request = request(path);
    let client = move || {
        let end = Instant::now() + ROUND;
        let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connect(server)).collect();
        let (mut answers, started) = (0_u32, Instant::now());
        while Instant::now() < end {
            for connection in &mut connections {
                connection.write_all(&request).unwrap();
            }
            for connection in &mut connections {
                read_answer(connection);
                answers += 1;
            }
        }
        f64::from(answers) / started.elapsed().as_secs_f64()
    };
    web::block(client).await.unwrap()
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn connect(server: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(server).unwrap();
    connection.set_nodelay(true).unwrap();
    connection
}

fn fetch(connection: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    connection.write_all(request).unwrap();
    read_answer(connection)
}

/// The body of one answer.
fn read_answer(connection: &mut TcpStream) -> Vec<u8> {
    let (mut buffer, mut filled) = (vec![0; 16 * 1024], 0);
    loop {
        let read = connection.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(response) = RawResponse::within(&buffer[..filled]) {
            assert_eq!(response.status, 200, "{}", response.head);
            return buffer[response.body].to_vec();
        }
    }
}

/// Serves from one worker of its own, on a thread of its own.
fn serve(configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().configure(configure.clone())).workers(1);
            let server = server.bind(("127.0.0.1", 0)).unwrap();
            sender.send(server.addrs()[0]).unwrap();
            server.disable_signals().run().await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

fn api(storage: Arc<dyn StoragePort>) -> SocketAddr {
    let (http_metrics, mut registry) = (HttpMetrics::default(), Registry::default());
    http_metrics.register(&mut registry);
    let api = Arc::new(Api {
        live: LiveUpdates::new(Arc::clone(&storage) as _),
        repositories: Repositories::new(&StorageContext::new(storage)),
        limits: ApiLimits::default(),
        repository: None,
        health: Arc::new(Health::new("bench", Vec::new())),
        http_metrics,
        admission: Admission::default(),
        requests: RequestLimit::default(),
        registry: Arc::new(registry),
    });
    serve(character_api::configure(api))
}

/// A sheet of 4 KB, as JSON.
fn sheet() -> Character {
    let mut character = Character::new(UserId::new(), "Torormir", now());
    for number in 0..40 {
        let skill = json!({ "ability": "dexterity", "proficient": true, "bonus": number, "notes": "as trained" });
        character.data.0.insert(format!("skill_{number}"), skill);
    }
    character
}
