//! One trace runs from the caller through both services to the hub and to the consumer of an event, and reaches a collector with
//! the metrics.

use super::TOKEN;
use crate::support::{client, send, sheet};
use character_tests::Service;
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

const PATIENCE: Duration = Duration::from_secs(30);

/// A field of a message: its number and its value.
#[derive(Debug)]
enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// The fields of a message, read by the specification of protobuf alone.
fn fields(mut bytes: &[u8]) -> Vec<Field<'_>> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().expect("the number ends");
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }
    fn taken<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(length);
        *bytes = rest;
        taken
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let number = key >> 3;
        found.push(match key & 7 {
            0 => Field::Number(number, varint(&mut bytes)),
            1 => Field::Number(number, u64::from_le_bytes(taken(&mut bytes, 8).try_into().unwrap())),
            5 => Field::Number(number, u32::from_le_bytes(taken(&mut bytes, 4).try_into().unwrap()).into()),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                Field::Bytes(number, taken(&mut bytes, length))
            }
            other => panic!("{other} is no kind of a field"),
        });
    }
    found
}

/// The messages, bytes or texts of a field.
fn all(bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let of = |field| match field {
        Field::Bytes(number, bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(of).collect()
}

fn one(bytes: &[u8], wanted: u64) -> &[u8] {
    all(bytes, wanted).first().copied().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn number(bytes: &[u8], wanted: u64) -> u64 {
    let of = |field| match field {
        Field::Number(number, value) if number == wanted => Some(value),
        _ => None,
    };
    fields(bytes).into_iter().find_map(of).unwrap_or_default()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Attributes with texts.
fn attributes(bytes: &[u8], field: u64) -> BTreeMap<String, String> {
    let pairs = all(bytes, field).into_iter();
    pairs.map(|pair| (text(one(pair, 1)), text(one(one(pair, 2), 1)))).collect()
}

#[derive(Clone, Debug)]
struct Span {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    kind: u64,
}

/// What a collector has received.
#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    /// Service and name of each metric.
    metrics: Vec<(String, String)>,
}

async fn received(collector: &MockServer) -> Received {
    let mut received = Received::default();
    for request in collector.received_requests().await.unwrap() {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["x-tenant"], "tests of a platform");
        for resource in all(&request.body, 1) {
            let service = attributes(one(resource, 1), 1)["service.name"].clone();
            for scope in all(resource, 2) {
                for item in all(scope, 2) {
                    if request.url.path() == "/v1/metrics" {
                        received.metrics.push((service.clone(), text(one(item, 1))));
                        continue;
                    }
                    assert_eq!(request.url.path(), "/v1/traces");
                    assert!(number(item, 7) <= number(item, 8) && number(item, 7) > 0, "the times of a span");
                    received.spans.push(Span {
                        service: service.clone(),
                        name: text(one(item, 5)),
                        trace: hexadecimal(one(item, 1)),
                        id: hexadecimal(one(item, 2)),
                        parent: hexadecimal(one(item, 4)),
                        kind: number(item, 6),
                    });
                }
            }
        }
    }
    received
}

async fn until(collector: &MockServer, what: &str, wanted: impl Fn(&Received) -> bool) -> Received {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = received(collector).await;
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}: {:#?}", now.spans);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_runs_from_the_caller_to_the_consumer_and_the_metrics_follow() {
    let collector = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let traced = |builder: character_tests::ServiceBuilder| {
        builder
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.uri())
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=tests%20of%20a%20platform")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
    };
    let hub = traced(Service::message_hub()).env("MESSAGE_HUB_TOKEN", TOKEN).start();
    let storage = traced(Service::storage()).env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let service = traced(Service::character())
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .start();
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let parent = format!("00-{trace}-{caller}-01");
    let post = client().post(service.url("/api/v2/characters")).json(&sheet("Traced")).header("traceparent", &parent);
    assert_eq!(send(post).await.status, 201);
    let absent = client().get(service.url(&format!("/api/v2/characters/{}", uuid::Uuid::new_v4())));
    assert_eq!(send(absent.header("traceparent", &parent)).await.status, 404);
    // What another service reports within the same trace.
    let event = serde_json::json!({
        "specversion": "1.0", "id": "1", "source": "/tests", "type": "campaign.renamed", "traceparent": parent,
    });
    let publishing = client().post(hub.url("/v1/events")).bearer_auth(TOKEN).body(event.to_string());
    assert_eq!(send(publishing.header("content-type", "application/cloudevents+json")).await.status, 200);
    // Programs of others ask all the time too, without a trace.
    for path in ["/health", "/metrics", "/storage/v1/log?limit=1&wait_ms=1", "/storage/v1/probe"] {
        send(client().get(storage.url(path)).bearer_auth(TOKEN)).await;
    }
    send(client().get(hub.url("/v1/probe")).bearer_auth(TOKEN)).await;
    let has =
        |received: &Received, name: &str| received.spans.iter().any(|span| span.trace == trace && span.name == name);
    let found = until(&collector, "the spans of one trace", |received| {
        [
            "event.publish",
            "event.keep",
            "event.handle",
            "cache.load",
            "storage_attempt",
            "POST /storage/v1/transactions",
        ]
        .iter()
        .all(|name| has(received, name))
    })
    .await;
    let spans: BTreeMap<_, _> = found.spans.iter().map(|span| (span.id.clone(), span)).collect();
    // Each span leads back to the caller, over spans that the collector has.
    for (name, service, kind) in [
        ("POST /api/v2/characters", "character-service", 2),
        ("GET /api/v2/characters/{id}", "character-service", 2),
        ("cache.load", "character-service", 1),
        ("storage_attempt", "character-service", 3),
        ("POST /storage/v1/transactions", "storage-service", 2),
        ("event.publish", "character-service", 4),
        ("event.keep", "message-hub", 1),
        ("event.handle", "character-service", 5),
    ] {
        let is_wanted = |span: &&Span| span.trace == trace && span.name == name && span.service == service;
        let span = found.spans.iter().find(is_wanted).unwrap_or_else(|| panic!("{name}: {:#?}", found.spans));
        assert_eq!(span.kind, kind, "{span:?}");
        let mut parent = span.parent.clone();
        while parent != caller {
            parent = spans.get(&parent).unwrap_or_else(|| panic!("{name}: {parent} is missing")).parent.clone();
        }
    }
    // What is asked every second is not traced for itself.
    let polled = ["/storage/v1/log", "/lease", "/probe", "/health", "/metrics"];
    let is_poll = |span: &Span| polled.iter().any(|path| span.name.ends_with(path));
    assert!(!found.spans.iter().any(is_poll), "{:#?}", found.spans);
    let metrics = |service: &str| (service.to_owned(), "http_server_requests".to_owned());
    until(&collector, "the metrics of three services", |received| {
        ["character-service", "storage-service", "message-hub"]
            .iter()
            .all(|name| received.metrics.contains(&metrics(name)))
    })
    .await;
    // The last spans are sent before the process ends.
    let before = received(&collector).await.spans.len();
    send(client().get(service.url("/api/v2/characters"))).await;
    assert_eq!(service.terminate(), 0, "{}", service.output());
    assert!(received(&collector).await.spans.len() > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_down_delays_nothing_and_is_named_in_the_log() {
    let address = format!("http://127.0.0.1:{}", character_tests::free_port());
    let service = Service::character()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
        .start();
    assert_eq!(send(client().post(service.url("/api/v2/characters")).json(&sheet("Alone"))).await.status, 201);
    service.await_output("the collector does not take the metrics");
    service.await_output("the collector does not take the spans");
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_in_a_file_that_changes_are_sent_with_the_next_request() {
    let collector = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    fs::write(&file, "authorization=Bearer%20before").unwrap();
    let service = Service::character()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.uri())
        .env("OTEL_EXPORTER_OTLP_HEADERS_FILE", &file)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .start();
    for expected in ["Bearer before", "Bearer after"] {
        let end = Instant::now() + PATIENCE;
        let is_sent = |request: &Request| request.headers["authorization"] == expected;
        while !collector.received_requests().await.unwrap().iter().any(is_sent) {
            assert!(Instant::now() < end, "{expected} is not sent: {}", service.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fs::write(&file, "authorization=Bearer%20after").unwrap();
    }
}
