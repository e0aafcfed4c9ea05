//! What a Sentry is sent, against a server of HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

use character_error_reporter::{Chain, ErrorReporter, Failure, Redactor, Row};
use character_error_reporter_sentry::{Dsn, Sentry};
use serde_json::Value;
use std::{
    fmt,
    time::{Duration, Instant},
};
use uuid::Uuid;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

#[derive(Debug)]
struct Refused;
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused by http://user:open-sesame@host/path while it held \"MARKER\"")
    }
}
impl std::error::Error for Refused {}

fn failure() -> Failure {
    let chain = Chain::of(&Refused, &Redactor::default());
    Failure {
        row: Some(Row { kind: "character", id: Uuid::nil() }),
        attempts: Some(4),
        breaker: Some("open"),
        request_id: Some("r-1".to_owned()),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        ..Failure::new("character-service", "character.find", "unavailable", chain)
    }
}

async fn server(status: u16) -> (MockServer, Dsn) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status);
    Mock::given(method("POST")).and(path("/api/42/envelope/")).respond_with(answer).mount(&server).await;
    let dsn = Dsn::parse(&format!("http://public-key@{}/42", server.address())).unwrap();
    (server, dsn)
}

async fn received(server: &MockServer, count: usize) -> Vec<Request> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let requests = server.received_requests().await.unwrap();
        if requests.len() >= count {
            return requests;
        }
        assert!(Instant::now() < end, "only {} of {count} requests came", requests.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn after_a_redirection_reports_go_to_the_other_sentry_at_once() {
    let (before, dsn) = server(429).await;
    let sentry = Sentry::connect(&dsn, "1").unwrap();
    sentry.report(&failure());
    received(&before, 1).await;
    // The first one asked for a pause, which does not hold for the second.
    let (after, dsn) = server(200).await;
    sentry.redirect(dsn);
    sentry.report(&failure());
    received(&after, 1).await;
    assert_eq!(before.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_envelope_holds_the_event_with_its_context_and_no_secret() {
    let (server, dsn) = server(200).await;
    let sentry = Sentry::connect(&dsn, "1.2.3").unwrap();
    sentry.report(&failure());
    let requests = received(&server, 1).await;
    let request = requests.first().unwrap();
    let authentication = request.headers.get("x-sentry-auth").unwrap().to_str().unwrap();
    assert!(authentication.contains("sentry_key=public-key") && authentication.contains("sentry_version=7"));
    assert_eq!(request.headers.get("content-type").unwrap(), "application/x-sentry-envelope");
    let body = String::from_utf8(request.body.clone()).unwrap();
    assert!(!body.contains("open-sesame") && !body.contains("MARKER"), "{body}");
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [header, item, event] = lines.as_slice() else { panic!("{body}") };
    assert_eq!((&header["event_id"], &item["type"]), (&event["event_id"], &"event".into()));
    assert_eq!(item["length"].as_u64().map(|n| n as usize), body.lines().nth(2).map(str::len));
    assert_eq!(event["exception"]["values"][0]["value"], "refused by http://host/… while it held \"…\"");
    assert_eq!((&event["tags"]["operation"], &event["tags"]["breaker"]), (&"character.find".into(), &"open".into()));
    assert_eq!((&event["extra"]["attempts"], &event["release"]), (&4.into(), &"1.2.3".into()));
    assert_eq!(event["contexts"]["trace"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn who_reports_never_waits_even_for_a_sentry_that_does_not_answer() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dsn = Dsn::parse(&format!("http://key@{}/1", silent.local_addr().unwrap())).unwrap();
    let sentry = Sentry::connect(&dsn, "1").unwrap();
    let started = Instant::now();
    (0..10_000).for_each(|_| sentry.report(&failure()));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_sentry_that_asks_for_peace_gets_it_and_one_that_refuses_gets_the_next_report() {
    let (refusing, dsn) = server(500).await;
    let sentry = Sentry::connect(&dsn, "1").unwrap();
    (0..3).for_each(|_| sentry.report(&failure()));
    received(&refusing, 3).await;
    let (busy, dsn) = server(429).await;
    let sentry = Sentry::connect(&dsn, "1").unwrap();
    sentry.report(&failure());
    received(&busy, 1).await;
    (0..3).for_each(|_| sentry.report(&failure()));
    // Another Sentry is sent a report after these three, so that there was time for them.
    let (other, dsn) = server(200).await;
    let last = Sentry::connect(&dsn, "1").unwrap();
    last.report(&failure());
    received(&other, 1).await;
    assert_eq!(busy.received_requests().await.unwrap().len(), 1);
}
