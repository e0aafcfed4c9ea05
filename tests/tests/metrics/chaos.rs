//! The alerts ring when real services fail, and end when they recover. A real Prometheus evaluates the same rules sixty times
//! as fast: each duration of a minute is a second.

use super::{TOKEN, rules};
use crate::support::{client, send, sheet, try_send};
use character_storage_http::{HttpStorage, HttpStorageConfig};
use character_storage_port::{Consumers, HolderId, Log};
use character_tests::{Authority, PrometheusServer, RedisServer, Service};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    time::{Duration, Instant},
};

/// Some figures are measured every 15 seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rules with every duration divided by sixty.
fn hurried(rules: &str) -> String {
    let mut text = String::with_capacity(rules.len());
    for line in rules.lines() {
        let mut rest = line;
        while let Some(at) = rest.find('[') {
            let (before, from) = rest.split_at(at);
            let end = from.find(']').unwrap();
            text.push_str(before);
            text.push('[');
            text.push_str(&seconds(&from[1..end]));
            rest = &from[end..];
        }
        match rest.strip_prefix("        for: ") {
            Some(duration) => text.push_str(&format!("        for: {}", seconds(duration))),
            None => text.push_str(rest),
        }
        text.push('\n');
    }
    text
}

fn seconds(duration: &str) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let number: u32 = number.parse().unwrap();
    match unit {
        "m" => format!("{number}s"),
        "h" => format!("{}s", number * 60),
        _ => panic!("{duration}"),
    }
}

fn configuration(targets: &[(&str, &Service)]) -> String {
    let mut text = "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 500ms\n\
                    rule_files:\n  - rules.yml\nscrape_configs:\n"
        .to_owned();
    for (number, (job, service)) in targets.iter().enumerate() {
        text.push_str(&format!(
            "  - job_name: target-{number}\n    static_configs:\n      - targets: [\"{}\"]\n        labels: {{job: {job}}}\n",
            service.address()
        ));
    }
    text
}

/// The names of the alerts that ring.
async fn ringing(prometheus: &PrometheusServer) -> BTreeSet<String> {
    let answer = send(client().get(prometheus.url("/api/v1/alerts"))).await;
    let alerts = answer.body["data"]["alerts"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the alerts that ring are as wanted, while `load` continues.
async fn until_ringing(
    prometheus: &PrometheusServer,
    what: &str,
    load: impl AsyncFn(),
    wanted: impl Fn(&BTreeSet<String>) -> bool,
) {
    let end = Instant::now() + PATIENCE;
    loop {
        load().await;
        let now = ringing(prometheus).await;
        if wanted(&now) {
            return;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}; {now:?} ring\n{}", prometheus.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alerts_ring_when_services_fail_and_end_when_they_recover() {
    let redis = RedisServer::start();
    let hub = Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN).start();
    // Only one process publishes, and the other one waits: no alert may ring for that.
    let storage = Service::storage()
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .start();
    let service = Service::character()
        .env("STORAGE_SERVICE_URL", storage.url(""))
        .env("STORAGE_SERVICE_TOKEN", TOKEN)
        .env("STORAGE_RETRY_BASE_MS", "5")
        .env("MESSAGE_HUB_URL", hub.url(""))
        .env("MESSAGE_HUB_TOKEN", TOKEN)
        .env("REDIS_URL", redis.url())
        .start();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let own = authority.issue("own", &[]);
    // A service with a small disk, and a certificate for a collector that is not there.
    let full = Service::character()
        .disk(16)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.certificate())
        .env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &own.certificate)
        .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", &own.key)
        .start();
    let rules = hurried(&fs::read_to_string(rules::folder().join("rules.yml")).unwrap());
    let targets = [
        ("character-service", &service),
        ("storage-service", &storage),
        ("message-hub", &hub),
        ("character-service", &full),
    ];
    let prometheus = PrometheusServer::start(&configuration(&targets), &rules);
    let url = service.url("/api/v2/characters");
    let known = send(client().post(&url).json(&sheet("Known"))).await.id();
    let read = async || {
        for id in [known.clone(), uuid::Uuid::new_v4().to_string()] {
            // What is answered is what the alerts are about.
            drop(try_send(client().get(format!("{url}/{id}"))).await);
        }
    };
    let scraped = || client().get(prometheus.url("/api/v1/query?query=sum(up)"));
    let all_up = |answer: &crate::support::Answer| {
        answer.body["data"]["result"][0]["value"][1].as_str().is_some_and(|number| number == "4")
    };
    crate::support::until(PATIENCE, "four targets", scraped, all_up).await;
    until_ringing(&prometheus, "silence", &read, BTreeSet::is_empty).await;

    let rings = |names: &'static [&'static str]| {
        move |ringing: &BTreeSet<String>| names.iter().all(|name| ringing.contains(*name))
    };
    storage.kill();
    let outage = &["ServiceDown", "BreakerOpen", "AnswersStale", "LogNotFollowed", "ErrorsBurnBudgetFast"];
    until_ringing(&prometheus, "the outage of the storage", &read, rings(outage)).await;
    storage.restart();
    let has_ended = |ringing: &BTreeSet<String>| {
        ["ServiceDown", "BreakerOpen", "AnswersStale", "LogNotFollowed"].iter().all(|name| !ringing.contains(*name))
    };
    until_ringing(&prometheus, "the end of the outage", &read, has_ended).await;

    redis.kill();
    hub.kill();
    let beside = &["ServiceDown", "RedisUnreachable", "RelayStopped"];
    // The relay notices a hub that is gone when it has something to publish.
    let write = async || drop(try_send(client().post(&url).json(&sheet("Unheard"))).await);
    until_ringing(&prometheus, "the outage of Redis and of the hub", write, rings(beside)).await;

    let filler = full.on_its_disk("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let create = async || drop(try_send(client().post(full.url("/api/v2/characters")).json(&sheet("Late"))).await);
    until_ringing(&prometheus, "the full disk", create, rings(&["DatabaseFails", "DiskFull"])).await;
    fs::remove_file(filler).unwrap();
    let has_room = |ringing: &BTreeSet<String>| !ringing.contains("DatabaseFails") && !ringing.contains("DiskFull");
    until_ringing(&prometheus, "the end of the full disk", create, has_room).await;
    assert_eq!(send(client().post(full.url("/api/v2/characters")).json(&sheet("Late"))).await.status, 201);

    let config = HttpStorageConfig::new(storage.url("").parse().unwrap(), TOKEN.to_owned().into());
    let port = HttpStorage::connect(config).unwrap();
    let consumer = "billing".parse().unwrap();
    let leased = port.lease(&consumer, HolderId::new(), Duration::from_secs(60)).await.unwrap();
    let leased = leased.expect("no other process has the lease");
    let batch = port.follow(&leased.cursor, 10, Duration::ZERO).await.unwrap();
    let event = batch.commits.iter().flat_map(|commit| &commit.events).next().expect("an event was not published");
    port.park(&leased.token, event, "the hub refuses it").await.unwrap();
    until_ringing(&prometheus, "the parked event", async || {}, rings(&["EventsParked"])).await;

    // The files of the certificate that is in use hold one that ends tomorrow.
    authority.issue_for(1, "own", &[]);
    let ends = &["CertificateEndsSoon", "CertificateEndsNow"];
    until_ringing(&prometheus, "the end of a certificate", async || {}, rings(ends)).await;
}

#[test]
fn the_hurried_rules_differ_in_durations_alone() {
    assert_eq!(hurried("  rate(x[5m]) / rate(y[6h]) # [1m]"), "  rate(x[5s]) / rate(y[360s]) # [1s]\n");
    assert_eq!(hurried("        for: 2m\n        other: 2m"), "        for: 2s\n        other: 2m\n");
}
