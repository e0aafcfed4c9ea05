//! What the services show at `/metrics` is what `docs/metrics.md` says, and is what Prometheus wants.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "metrics/chaos.rs"]
mod chaos;
#[path = "metrics/otlp.rs"]
mod otlp;
#[path = "metrics/rules.rs"]
mod rules;
#[path = "metrics/scrapes.rs"]
mod scrapes;
mod support;

use character_tests::{NatsRelease, NatsServer, RedisServer, Service, required_program};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use support::{client, send, sheet, until};

const TOKEN: &str = "token-of-the-tests";

/// A metric as it is documented or shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    /// Each label with its values; documented without values means that they are not ours to list.
    labels: BTreeMap<String, BTreeSet<String>>,
}

type Metrics = BTreeMap<String, Metric>;

/// The rows of the table with one of these words in the column `by`.
fn documented(by: &[&str]) -> Metrics {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let document = fs::read_to_string(document).expect("the document is part of the project");
    let mut metrics = Metrics::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, shown_by, meaning, _] = cells.as_slice() else { panic!("not six cells: {line}") };
        assert!(!meaning.is_empty(), "{line}");
        let known = [
            "both",
            "character",
            "storage",
            "redis",
            "remote",
            "database",
            "folder",
            "file",
            "tls",
            "relay",
            "inbox",
            "hub",
            "nats",
        ];
        assert!(known.contains(shown_by), "{shown_by} in {line}");
        if !by.contains(shown_by) {
            continue;
        }
        let names = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let labels = labels.split(';').filter_map(|label| {
            let mut names = names(label).into_iter();
            names.next().map(|name| (name, names.collect()))
        });
        let metric = Metric { kind: (*kind).to_owned(), labels: labels.collect() };
        let twice = metrics.insert(name.trim_matches('`').to_owned(), metric);
        assert!(twice.is_none(), "{name} is documented twice");
    }
    metrics
}

/// What a text in the format of Prometheus holds. Metrics without a sample are not shown.
fn shown(text: &str) -> Metrics {
    let mut kinds = BTreeMap::new();
    let mut metrics = Metrics::new();
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            kinds.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let suffixes = ["_bucket", "_sum", "_count"];
            let family = suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix));
            let family = family.into_iter().find(|name| kinds.contains_key(*name)).unwrap_or(name);
            let metric = metrics.entry(family.to_owned()).or_default();
            metric.kind.clone_from(kinds.get(family).unwrap_or_else(|| panic!("{family} has no type")));
            for (label, value) in pairs(labels.trim_end_matches('}')) {
                if !(metric.kind == "histogram" && label == "le") {
                    metric.labels.entry(label).or_default().insert(value);
                }
            }
        }
    }
    metrics
}

/// `a="1",b="2"` as pairs; no value of ours holds a quotation mark.
fn pairs(labels: &str) -> Vec<(String, String)> {
    let mut parts = labels.split('"');
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.push((name.trim_matches([',', '=']).to_owned(), value.to_owned()));
    }
    pairs
}

fn promtool_accepts(text: &str) {
    let promtool = required_program("promtool", "prometheus");
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "promtool: {said}");
}

/// Compares both ways, and holds every value of a label to its bounds.
fn compare(who: &str, text: &str, by: &[&str]) {
    let (shown, documented) = (shown(text), documented(by));
    let names = |metrics: &Metrics| metrics.keys().cloned().collect::<BTreeSet<_>>();
    let missing: Vec<_> = names(&documented).difference(&names(&shown)).cloned().collect();
    let unknown: Vec<_> = names(&shown).difference(&names(&documented)).cloned().collect();
    assert!(missing.is_empty(), "{who} does not show {missing:?}:\n{text}");
    assert!(unknown.is_empty(), "{who} shows what docs/metrics.md does not have: {unknown:?}");
    for (name, metric) in &shown {
        let row = &documented[name];
        assert_eq!(metric.kind, row.kind, "{who}, type of {name}");
        let labels = |metric: &Metric| metric.labels.keys().cloned().collect::<Vec<_>>();
        assert_eq!(labels(metric), labels(row), "{who}, labels of {name}");
        assert!(metric.kind != "counter" || name.ends_with("_total"), "{name}");
        for (label, values) in &metric.labels {
            let listed = &row.labels[label];
            for value in values {
                if !listed.is_empty() {
                    assert!(listed.contains(value), "{who}: {name} has {label}={value:?}, which is not documented");
                } else if !["method", "route", "status", "version"].contains(&label.as_str()) {
                    let snake = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                    assert!(snake && !value.is_empty(), "{who}: {name} has {label}={value:?}");
                }
                assert!(uuid_in(value).is_none(), "{who}: {name} has an id in {label}={value:?}");
            }
        }
    }
}

fn uuid_in(text: &str) -> Option<uuid::Uuid> {
    text.split(['/', ':', ' ']).find_map(|part| part.parse().ok())
}

async fn metrics(service: &Service) -> String {
    let answer = send(client().get(service.url("/metrics"))).await;
    assert!(answer.header("content-type").starts_with("text/plain"), "{answer:?}");
    answer.body.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn latencies_name_a_sampled_trace_to_a_scraper_that_reads_open_metrics_alone() {
    let service = Service::character().start();
    let url = service.url(&format!("/api/v2/characters/{}", uuid::Uuid::new_v4()));
    let (sampled, other) = ("4bf92f3577b34da6a3ce929d0e0e4736", "5cf92f3577b34da6a3ce929d0e0e4736");
    for (trace, flags) in [(sampled, "01"), (other, "00")] {
        let request = client().get(&url).header("traceparent", format!("00-{trace}-00f067aa0ba902b7-{flags}"));
        assert_eq!(send(request).await.status, 404);
    }
    let scrape = async |accept: &str| {
        let request = client().get(service.url("/metrics")).header("accept", accept);
        send(request).await.body.as_str().unwrap().to_owned()
    };
    let open = scrape("application/openmetrics-text; version=1.0.0").await;
    let exemplar = format!("# {{trace_id=\"{sampled}\"}}");
    let of_route = "http_server_request_duration_seconds_bucket{";
    assert!(open.lines().any(|line| line.starts_with(of_route) && line.contains(&exemplar)), "{open}");
    assert!(!open.contains(other), "a trace that is not sampled is in no collector");
    let plain = scrape("text/plain").await;
    assert!(!plain.contains("trace_id") && plain.contains(of_route), "{plain}");
    // Each sample is a name with labels and a number, as the text format has it.
    for line in plain.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_services_show_what_is_documented_and_nothing_else_after_traffic_with_faults() {
    let redis = RedisServer::start();
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_RETRY_BASE_MS", "5")
        .env("STORAGE_BREAKER_RECOVERY_SECS", "1")
        .env("REDIS_CACHE_TTL", "1")
        .env("REDIS_URL", redis.url())
        .start();
    let url = service.url("/api/v2/characters");
    let mut known = sheet("Known");
    known["id"] = uuid::Uuid::new_v4().to_string().into();
    let id = known["id"].as_str().unwrap().to_owned();
    assert_eq!(send(client().post(&url).json(&known)).await.status, 201);
    assert_eq!(send(client().post(&url).json(&known)).await.status, 409);
    assert_eq!(send(client().get(format!("{url}/{id}"))).await.status, 200);
    assert_eq!(send(client().get(format!("{url}/{}", uuid::Uuid::new_v4()))).await.status, 404);
    assert_eq!(send(client().get(&url)).await.status, 200);
    // The bounds of labels are not a client's to break.
    send(client().get(service.url(&format!("/nowhere/{}", uuid::Uuid::new_v4())))).await;
    storage.kill();
    for _ in 0..3 {
        assert_eq!(send(client().get(format!("{url}/{}", uuid::Uuid::new_v4()))).await.status, 503);
    }
    let stale = |answer: &support::Answer| answer.header("cache-status").contains("stale");
    let get = || client().get(format!("{url}/{id}"));
    until(Duration::from_secs(10), "a stale answer", get, stale).await;
    let during = metrics(&service).await;
    assert!(during.contains("circuit_breaker_state{breaker=\"reads\",state=\"open\"} 1"), "{during}");
    storage.restart();
    let post = || client().post(&url).json(&sheet("After"));
    until(Duration::from_secs(15), "recovery", post, |answer| answer.status == 201).await;
    redis.kill();
    // Reads have a breaker of their own.
    until(Duration::from_secs(15), "reads", get, |answer| answer.status == 200).await;
    // What a commit wrote is read from the cache; the list of it is not.
    until(Duration::from_secs(15), "a list", || client().get(&url), |answer| answer.status == 200).await;
    // The log is measured now and then.
    let read = || client().get(storage.url("/metrics"));
    let measured =
        |answer: &support::Answer| answer.body.as_str().is_some_and(|text| text.contains("commit_log_entries "));
    until(Duration::from_secs(10), "a look at the log", read, measured).await;
    let refused = client().post(storage.url("/storage/v1/transactions")).bearer_auth(TOKEN);
    send(refused.json(&serde_json::json!({ "id": uuid::Uuid::nil(), "writes": [], "events": [], "traceparent": " " })))
        .await;
    for (who, text, by) in [
        ("character-service", metrics(&service).await, &["both", "character", "redis", "remote"][..]),
        ("storage-service", metrics(&storage).await, &["both", "storage", "database", "folder"][..]),
    ] {
        promtool_accepts(&text);
        compare(who, &text, by);
    }
    let after = shown(&metrics(&service).await);
    for (name, label, value) in [
        ("storage_answers_total", "source", "stale"),
        ("storage_client_requests_total", "outcome", "circuit_open"),
        ("storage_client_retries_total", "reason", "connect"),
        ("storage_operation_errors_total", "kind", "already_exists"),
        ("storage_operations_total", "operation", "character_find"),
    ] {
        assert!(after[name].labels[label].contains(value), "no {value} in {name}: {:?}", after[name]);
    }
}

#[tokio::test]
async fn a_service_with_a_database_of_its_own_shows_the_database_and_no_waist() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    assert_eq!(send(client().post(&url).json(&sheet("Alone"))).await.status, 201);
    assert_eq!(send(client().get(&url)).await.status, 200);
    let read = || client().get(service.url("/metrics"));
    let measured =
        |answer: &support::Answer| answer.body.as_str().is_some_and(|text| text.contains("commit_log_entries "));
    let answer = until(Duration::from_secs(10), "a look at the log", read, measured).await;
    let text = answer.body.as_str().unwrap();
    promtool_accepts(text);
    let names: BTreeSet<_> = shown(text).into_keys().collect();
    let known: BTreeSet<_> = documented(&["both", "character", "database", "folder"]).into_keys().collect();
    let unknown: Vec<_> = names.difference(&known).collect();
    assert!(unknown.is_empty() && names.contains("database_connections_open"), "{unknown:?} in {names:?}");
}

#[test]
fn the_comparison_notices_what_is_missing_wrong_or_unbounded() {
    let row = documented(&["remote"]);
    assert_eq!(row["circuit_breaker_state"].labels["state"].len(), 3);
    assert!(row.len() >= 10 && !row.contains_key("cache_hits_total"), "{row:?}");
    let text = "# TYPE took_seconds histogram\ntook_seconds_sum{operation=\"find\"} 1\n\
                took_seconds_bucket{le=\"+Inf\",operation=\"list\"} 1\n";
    let shown = shown(text);
    let labels = BTreeMap::from([("operation".to_owned(), BTreeSet::from(["find".to_owned(), "list".to_owned()]))]);
    assert_eq!(shown["took_seconds"], Metric { kind: "histogram".to_owned(), labels });
    for wrong in [
        "# TYPE nobody_knows_total counter\nnobody_knows_total 1\n",
        "# TYPE circuit_breaker_state gauge\ncircuit_breaker_state{breaker=\"reads\",state=\"Open\"} 1\n",
        "",
    ] {
        assert!(std::panic::catch_unwind(|| compare("a test", wrong, &["remote"])).is_err(), "{wrong}");
    }
    assert!(uuid_in("/a/0190b2f1-7a56-7c3e-9d5b-0d6c1f0a8e11").is_some() && uuid_in("/a/{id}").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_shows_what_is_documented_of_it() {
    let services = "storage=http://127.0.0.1:9";
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).env("HUB_SERVICES", services).start();
    let event = serde_json::json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "t" });
    let publishing = client().post(hub.url("/v1/events")).bearer_auth(TOKEN).body(event.to_string());
    let publishing = publishing.header("content-type", "application/cloudevents+json");
    assert_eq!(send(publishing).await.status, 200);
    let delivered = send(client().get(hub.url("/v1/events?subscription=a")).bearer_auth(TOKEN)).await;
    let receipt = &delivered.body["deliveries"][0]["receipt"];
    for receipt in [receipt, receipt] {
        let ack = serde_json::json!({ "settlements": [{ "receipt": receipt, "action": "ack" }] });
        send(client().post(hub.url("/v1/events/settle")).bearer_auth(TOKEN).json(&ack)).await;
    }
    assert_eq!(send(client().get(hub.url("/v1/services/storage/x")).bearer_auth(TOKEN)).await.status, 503);
    let text = metrics(&hub).await;
    promtool_accepts(&text);
    let of_hub: String =
        text.lines().filter(|line| line.contains("message_hub_")).flat_map(|line| [line, "\n"]).collect();
    compare("message-hub", &of_hub, &["hub"]);
    let after = shown(&of_hub);
    for (name, outcome) in [
        ("message_hub_events_total", "published"),
        ("message_hub_settlements_total", "delivery_lost"),
        ("message_hub_routed_requests_total", "no_responder"),
    ] {
        assert!(after[name].labels["outcome"].contains(outcome), "{name}: {of_hub}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relay_and_inbox_show_what_is_documented_of_them() {
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).start();
    let service = Service::character().env("MESSAGE_HUB_URL", hub.url("")).env("MESSAGE_HUB_TOKEN", TOKEN).start();
    let url = service.url("/api/v2/characters");
    let read = || client().get(service.url("/metrics"));
    let shows = |text: &'static str| move |answer: &support::Answer| answer.body.as_str().unwrap().contains(text);
    assert_eq!(send(client().post(&url).json(&sheet("Heard"))).await.status, 201);
    until(Duration::from_secs(20), "an event", read, shows("relay_events_published_total 1")).await;
    // An event that the inbox must reject, since it lacks its data.
    let event = serde_json::json!({ "specversion": "1.0", "id": "1", "source": "/tests", "type": "campaign.renamed" });
    let publishing = client().post(hub.url("/v1/events")).bearer_auth(TOKEN).body(event.to_string());
    assert_eq!(send(publishing.header("content-type", "application/cloudevents+json")).await.status, 200);
    until(Duration::from_secs(20), "a rejection", read, shows("inbox_events_total{outcome=\"rejected\"} 1")).await;
    hub.kill();
    assert_eq!(send(client().post(&url).json(&sheet("Unheard"))).await.status, 201);
    until(Duration::from_secs(20), "a failure", read, shows("relay_publish_failures_total{")).await;
    let text = metrics(&service).await;
    promtool_accepts(&text);
    let is_ours = |line: &&str| line.contains("relay_") || line.contains("inbox_");
    let ours: String = text.lines().filter(is_ours).flat_map(|line| [line, "\n"]).collect();
    compare("character-service", &ours, &["relay", "inbox"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_over_nats_shows_what_is_documented_of_it() {
    let nats = NatsServer::start(NatsRelease::Current);
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).env("NATS_URL", nats.url()).start();
    let storage = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).env("MESSAGE_HUB_URL", nats.url()).start();
    let service = Service::character().env("MESSAGE_HUB_URL", nats.url()).start();
    for (who, text) in [
        ("message-hub", metrics(&hub).await),
        ("storage-service", metrics(&storage).await),
        ("character-service", metrics(&service).await),
    ] {
        promtool_accepts(&text);
        let ours: String =
            text.lines().filter(|line| line.contains("message_hub_nats_")).flat_map(|line| [line, "\n"]).collect();
        compare(who, &ours, &["nats"]);
    }
}
