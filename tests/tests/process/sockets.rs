//! What clients do to their sockets costs them their connections, and others nothing.

use super::{
    PATIENCE, TOKEN, both, over, storage,
    support::{client, metrics, send, sheet, until},
};
use character_tests::{Service, ServiceBuilder, free_port};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The value of a series, 0 while it has none.
async fn metric(service: &Service, series: &str) -> u64 {
    metrics(service).await.metric(series).unwrap_or(0)
}

async fn until_metric(service: &Service, series: &str, wanted: impl Fn(u64) -> bool) {
    let ask = || client().get(service.url("/metrics"));
    until(PATIENCE, series, ask, |answer| wanted(answer.metric(series).unwrap_or(0))).await;
}

fn ended(reason: &str) -> String {
    format!("http_server_connections_ended_total{{reason=\"{reason}\"}}")
}

/// A connection that has sent these bytes.
fn connection(service: &Service, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// What arrives until the service ends the connection.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&text).into_owned()
}

const PAGE: &str = "/api/v2/characters?limit=1000";

/// A service with some megabytes of characters.
async fn filled(builder: ServiceBuilder) -> Service {
    let service = builder.start();
    for name in 0..8 {
        let mut large = sheet(&format!("Large {name}"));
        large["data"]["text"] = json!("x".repeat(900_000));
        assert_eq!(send(client().post(service.url("/api/v2/characters")).json(&large)).await.status, 201);
    }
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_taken_ends_its_connection() {
    let service = filled(Service::character().env("CLIENT_TIMEOUT_SECS", "1")).await;
    let request = format!("GET {PAGE} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut deaf: Vec<_> = (0..5).map(|_| connection(&service, request.as_bytes())).collect();
    until_metric(&service, &ended("answer_timeout"), |ended| ended == 5).await;
    for stream in &mut deaf {
        assert!(rest(stream).len() < 7_000_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let service = filled(Service::character().env("CLIENT_TIMEOUT_SECS", "2")).await;
    let request = format!("GET {PAGE} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut stream = connection(&service, request.as_bytes());
    let read = tokio::task::spawn_blocking(move || {
        let (mut length, mut part) = (0, vec![0; 64 * 1024]);
        let started = Instant::now();
        loop {
            // About a megabyte a second, so that the whole takes longer than the timeout.
            while started.elapsed() < Duration::from_micros(length) {
                std::thread::yield_now();
            }
            match stream.read(&mut part).unwrap() {
                0 => return (length, started.elapsed()),
                more => length += u64::try_from(more).unwrap(),
            }
        }
    });
    let (length, time) = read.await.unwrap();
    assert!(length > 7_000_000 && time > Duration::from_secs(3), "{length} bytes in {time:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_arrive_ends_its_connection_also_after_others() {
    for builder in both() {
        let service = builder.env("CLIENT_TIMEOUT_SECS", "1").env("KEEP_ALIVE_SECS", "1").start();
        let mut first = connection(&service, b"GET /health/live HTTP/1.1\r\nho");
        let answer = tokio::task::spawn_blocking(move || rest(&mut first)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"code\":\"head-timeout\""), "{answer}");
        let complete = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
        for part in [
            &b"GET /hea"[..],
            b"\r",
            b"POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            let mut later = connection(&service, complete);
            let mut answer = [0; 12];
            later.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
            later.write_all(part).unwrap();
            tokio::task::spawn_blocking(move || rest(&mut later)).await.unwrap();
        }
        assert_eq!(metric(&service, &ended("head_timeout")).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_arrives_too_slowly_is_answered_408() {
    let slow =
        |builder: ServiceBuilder| builder.env("CLIENT_TIMEOUT_SECS", "1").env("UPLOAD_BYTES_PER_SEC", "100000").start();
    let (service, owner) = (slow(Service::character()), slow(storage()));
    for length in [1000, 1_000_000] {
        for (service, path) in [(&service, "/api/v2/characters/bulk"), (&owner, "/storage/v1/transactions")] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n"
            );
            let mut stream = connection(service, head.as_bytes());
            let mut writer = stream.try_clone().unwrap();
            let drip = tokio::spawn(async move {
                while writer.write_all(b" ").is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
            let answer = tokio::task::spawn_blocking(move || {
                let mut answer = [0; 12];
                stream.read_exact(&mut answer).map(|()| answer)
            });
            assert_eq!(&answer.await.unwrap().unwrap(), b"HTTP/1.1 408", "{path} {length}");
            drip.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_leaves_descriptors_for_the_storage_and_room_for_others() {
    let owner = storage().most_descriptors(256).start();
    let probes = format!("127.0.0.1:{}", free_port());
    let service = over(&owner).most_descriptors(256).env("HEALTH_ADDR", &probes).start();
    let most = metric(&service, "http_server_connections_max").await;
    assert!((8..=128).contains(&most), "{most}");
    // Every connection that the service ends is opened again, silent or with one request.
    let stop = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..most + 20)
        .map(|number| {
            let (stop, address) = (Arc::clone(&stop), service.address());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { continue };
                    if number % 2 == 0 {
                        drop(stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await);
                    }
                    drop(stream.read_to_end(&mut Vec::new()).await);
                }
            })
        })
        .collect();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(send(client().get(format!("http://{probes}{path}"))).await.status, 200);
    }
    assert_eq!(send(client().get(format!("http://{probes}/metrics"))).await.status, 404);
    let url = service.url("/api/v2/characters");
    for _ in 0..2 {
        let create = || client().post(&url).json(&sheet("Through the flood"));
        until(Duration::from_secs(60), "a character", create, |answer| answer.status == 201).await;
    }
    let live = || client().get(service.url("/health/live"));
    until(PATIENCE, "liveness", live, |answer| answer.status == 200).await;
    assert!(metric(&service, "http_server_connections").await <= most);
    assert!(metric(&service, &ended("crowded")).await > 0);
    stop.store(true, Ordering::Relaxed);
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(!service.output().contains("Too many open files"), "{}", service.output());
    assert_eq!(service.terminate(), 0);
}

#[test]
fn the_limit_of_open_descriptors_is_raised_as_far_as_it_may_be() {
    for builder in both() {
        let service = builder.start();
        let limits = fs::read_to_string(format!("/proc/{}/limits", service.pid().unwrap())).unwrap();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let numbers: Vec<_> = files.split_whitespace().take(2).collect();
        assert_eq!(numbers[0], numbers[1], "{limits}");
    }
}

#[test]
fn more_connections_than_descriptors_are_an_error_at_the_start() {
    let service = Service::character().most_descriptors(256).env("MAX_CONNECTIONS", "1000").spawn();
    assert!(service.ends_within(PATIENCE));
    assert!(service.output().contains("MAX_CONNECTIONS"), "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_readable_request_is_counted_and_logged() {
    for builder in both() {
        let service = builder.env("LOG_FORMAT", "json").start();
        let mut refused = Vec::new();
        for (garbage, status) in [(&b"\x16\x03\x01\r\n\r\n"[..], "400"), (&[b'A'; 200_000], "431")] {
            let answer = rest(&mut connection(&service, garbage));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || answer.is_empty(), "{answer}");
            if let Some((head, body)) = answer.split_once("\r\n\r\n") {
                assert!(head.contains("content-type: application/problem+json"), "{head}");
                let problem: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(problem["status"].to_string(), status);
                let id = problem["request_id"].as_str().unwrap();
                assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
                refused.push(id.to_owned());
            }
        }
        assert!(!refused.is_empty());
        until_metric(&service, &ended("unreadable"), |ended| ended == 2).await;
        assert_eq!(service.terminate(), 0);
        let output = service.output();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let unreadable: Vec<_> = lines.filter(|line| line["target"] == "access" && line["error"].is_string()).collect();
        assert_eq!(unreadable.len(), 2, "{output}");
        assert!(unreadable.iter().all(|line| line["level"] == "INFO" && line["status"].is_u64()), "{unreadable:?}");
        for id in refused {
            assert!(unreadable.iter().any(|line| line["request_id"] == id), "{id}: {unreadable:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_has_one_short_line_in_the_log_whatever_its_target_and_method() {
    for builder in both() {
        let service = builder.env("LOG_FORMAT", "json").start();
        let (path, method) = ("a".repeat(60_000), "M".repeat(60_000));
        let requests = [
            ("GET".to_owned(), "*".to_owned(), "404"),
            ("OPTIONS".to_owned(), "*".to_owned(), "404"),
            ("CONNECT".to_owned(), "localhost:1".to_owned(), "404"),
            ("GET".to_owned(), format!("/{}", &path[..10_000]), "404"),
            ("GET".to_owned(), format!("/{path}"), "431"),
            (method[..10_000].to_owned(), "/none".to_owned(), "404"),
            (method.clone(), "/health".to_owned(), "431"),
        ];
        let lines = |service: &Service| {
            let output = service.output();
            // The line of the probe at the start may come later.
            let requests = output.lines().filter(|line| line.contains("\"access\"") && !line.contains("/health/live"));
            requests.map(str::to_owned).collect::<Vec<_>>()
        };
        for (method, target, status) in &requests {
            let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let answer = rest(&mut connection(&service, request.as_bytes()));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method:.10} {target:.10}: {answer}");
            assert!(answer.contains("application/problem+json") && answer.len() < 2_000, "{answer}");
        }
        assert_eq!(service.terminate(), 0);
        let lines = lines(&service);
        assert_eq!(lines.len(), requests.len(), "{lines:?}");
        assert!(lines.iter().all(|line| line.len() < 1_500), "{lines:?}");
    }
}
