//! `X-Request-Timeout-Ms`: a service does no more for a caller than the caller waits for, and passes the time on.

use super::{TOKEN, storage};
use crate::support::{client, send, sheet, until};
use character_tests::{Service, free_port};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

const HEADER: &str = "x-request-timeout-ms";

/// A Character Service over a Storage Service at this address, which tries once.
fn characters(storage: &str) -> (Service, String) {
    let admin = format!("127.0.0.1:{}", free_port());
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage)
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_TIMEOUT_MS", "20000")
        .env("STORAGE_LARGE_TIMEOUT_MS", "20000")
        .env("STORAGE_DEADLINE_MS", "30000")
        .env("ADMIN_ADDR", &admin)
        .start();
    (service, format!("http://{admin}/admin/storage"))
}

#[tokio::test]
async fn a_request_ends_when_its_caller_stops_waiting_and_the_breaker_stays_closed() {
    let storage = storage().start();
    let (service, admin) = characters(&storage.url(""));
    let url = service.url("/api/v2/characters");
    let hero = send(client().post(&url).header(HEADER, "60000").json(&sheet("In time"))).await;
    assert_eq!(hero.status, 201, "{hero:?}");
    storage.suspend();
    for number in 0..8 {
        let request = match number % 2 {
            0 => client().get(format!("{url}/{}", uuid::Uuid::new_v4())),
            _ => client().post(&url).json(&sheet("Late")),
        };
        let late = send(request.header(HEADER, "150")).await;
        assert_eq!((late.status, late.body["code"].as_str()), (504, Some("deadline-exceeded")), "{late:?}");
        let detail = late.body["detail"].as_str().unwrap();
        assert_eq!(detail.contains("may have been made"), number % 2 == 1, "{detail}");
    }
    let breakers = send(client().get(&admin)).await.body["breakers"].clone();
    for breaker in ["reads", "changes"] {
        // A poll of the log has a time of its own, and counts for no breaker.
        let state = (&breakers[breaker]["state"], &breakers[breaker]["consecutive_failures"]);
        assert_eq!(state, (&"closed".into(), &0.into()), "{breakers}");
    }
    storage.resume();
    let read = || client().get(format!("{url}/{}", hero.id())).header(HEADER, "10000");
    until(Duration::from_secs(20), "an answer", read, |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_time_that_is_over_is_refused_at_once_and_one_that_cannot_be_read_is_named() {
    let (service, _) = characters("http://127.0.0.1:1");
    let url = service.url("/api/v2/characters");
    let late = send(client().post(&url).header(HEADER, "0").json(&sheet("Late"))).await;
    assert_eq!((late.status, late.body["code"].as_str()), (504, Some("deadline-exceeded")), "{late:?}");
    assert!(late.body["detail"].as_str().unwrap().contains("nothing was done"), "{late:?}");
    let wrong = send(client().get(&url).header(HEADER, "soon")).await;
    assert_eq!((wrong.status, wrong.body["code"].as_str()), (422, Some("invalid")), "{wrong:?}");
    assert_eq!(wrong.body["errors"][0]["field"], "X-Request-Timeout-Ms", "{wrong:?}");
    let storage = storage().start();
    let probe = || client().get(storage.url("/storage/v1/probe")).bearer_auth(TOKEN);
    assert_eq!(send(probe().header(HEADER, "5000")).await.status, 204);
    let late = send(probe().header(HEADER, "0")).await;
    assert_eq!((late.status, late.body["code"].as_str()), (504, Some("timeout")), "{late:?}");
    assert_eq!(send(probe().header(HEADER, "soon")).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_storage_is_told_how_long_its_caller_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = mpsc::channel();
    // A storage that notes the head of each request and closes the connection.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, mut head, mut byte) = (connection.unwrap(), Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let _ = sender.send(String::from_utf8_lossy(&head).to_ascii_lowercase());
            let _ = connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let (service, _) = characters(&address);
    let wanted = uuid::Uuid::new_v4();
    let request = client().patch(service.url(&format!("/api/v2/characters/{wanted}"))).header(HEADER, "2500");
    let request = request.header("content-type", "application/merge-patch+json").body("{\"name\":\"Grey\"}");
    send(request).await;
    let of_request = |head: &String| head.contains(&wanted.to_string());
    let head = heads.iter().find(of_request).unwrap();
    let named = head.lines().find_map(|line| line.strip_prefix("x-request-timeout-ms: "));
    let milliseconds: u64 = named.unwrap_or_else(|| panic!("{head}")).trim().parse().unwrap();
    assert!((1..=2501).contains(&milliseconds), "{head}");
}
