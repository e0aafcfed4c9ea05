//! The Character Service by itself: embedded database, nothing else running, real process, real kills.

mod support;
#[path = "embedded/thinning.rs"]
mod thinning;

use character_tests::Service;
use serde_json::json;
use std::{collections::BTreeSet, fs};
use support::{client, send, sheet, try_send};

#[tokio::test]
async fn it_starts_with_no_configuration_and_says_what_it_runs_with_and_without() {
    let service = Service::character().start();
    for said in [&service.url(""), "SQLite", "/docs", "Redis: none", "Message Hub: none"] {
        service.await_output(said);
    }
    let health = send(client().get(service.url("/health"))).await;
    assert_eq!((health.status, health.body["status"].as_str()), (200, Some("ok")), "{health:?}");
    assert_eq!(send(client().get(service.url("/health/ready"))).await.status, 200);
    assert_eq!(service.terminate(), 0, "{}", service.output());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed_while_it_writes() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    let mut survivors = BTreeSet::new();
    for round in 0..3 {
        let (sender, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
        for writer in 0..8 {
            let (url, sender) = (url.clone(), sender.clone());
            tokio::spawn(async move {
                let client = client();
                for number in 0.. {
                    let request = client.post(&url).json(&sheet(&format!("{round}-{writer}-{number}")));
                    match try_send(request).await {
                        Ok(answer) if answer.status == 201 => sender.send(answer.id()).unwrap(),
                        _ => return,
                    }
                }
            });
        }
        drop(sender);
        // The kill falls into the middle of the work: after forty acknowledged writes, with eight more under way.
        for _ in 0..40 {
            survivors.insert(acknowledged.recv().await.unwrap());
        }
        service.kill();
        while let Some(id) = acknowledged.recv().await {
            survivors.insert(id);
        }
        service.restart();
    }
    let client = client();
    for id in &survivors {
        let found = send(client.get(format!("{url}/{id}"))).await;
        assert_eq!((found.status, found.body["revision"].as_u64()), (200, Some(1)), "{id} was acknowledged: {found:?}");
    }
}

#[tokio::test]
async fn a_repeat_after_a_kill_returns_the_first_answer() {
    let service = Service::character().start();
    let url = service.url("/api/v2/characters");
    let body = sheet("Once");
    let first = send(client().post(&url).header("idempotency-key", "k1").json(&body)).await;
    service.kill();
    service.restart();
    let again = send(client().post(&url).header("idempotency-key", "k1").json(&body)).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(send(client().get(&url)).await.body["items"].as_array().unwrap().len(), 1);
}

#[test]
fn every_mistake_in_the_configuration_is_reported_at_once_with_status_2() {
    let finished =
        Service::character().env("LISTEN_ADDR", "nowhere").env("STORAGE_RETRY_MAX", "many").arg("check").run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.errors.contains("LISTEN_ADDR") && finished.errors.contains("STORAGE_RETRY_MAX"), "{finished:?}");
}

#[test]
fn check_prints_the_configuration_and_probes_what_it_depends_on() {
    let service = Service::character().start();
    let check = || Service::character().env("DATA_DIR", service.data_dir()).arg("check");
    let finished = check().env("REDIS_URL", "redis://:hunter2@127.0.0.1:1/").run();
    assert_ne!(finished.code, Some(0), "a Redis that cannot be reached is reported: {finished:?}");
    assert!(finished.output.contains("REDIS_CACHE_TTL") && !finished.output.contains("hunter2"), "{finished:?}");
    assert_eq!(check().run().code, Some(0));
    let finished = Service::character().arg("check").run();
    assert_eq!(finished.code, Some(1), "a folder without a database: {finished:?}");
}

#[test]
fn an_address_that_others_can_reach_needs_a_word() {
    let finished = Service::character().env("LISTEN_ADDR", "0.0.0.0:0").run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.errors.contains("ALLOW_UNAUTHENTICATED"), "{finished:?}");
}

#[tokio::test]
async fn one_log_line_per_request_carries_the_request_id_and_the_trace() {
    let service = Service::character().env("LOG_FORMAT", "json").start();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = client()
        .get(service.url("/api/v2/characters"))
        .header("x-request-id", "night-7")
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(send(request).await.header("x-request-id"), "night-7");
    assert_eq!(service.terminate(), 0);
    let output = service.output();
    let lines: Vec<_> = output.lines().filter(|line| line.contains("night-7")).collect();
    assert_eq!(lines.len(), 1, "{output}");
    let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((line["status"].as_u64(), line["trace_id"].as_str()), (Some(200), Some(trace)), "{line}");
}

#[tokio::test]
async fn the_committed_openapi_document_is_the_one_that_is_served() {
    let service = Service::character().start();
    let served = send(client().get(service.url("/openapi.json"))).await.body;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let committed: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap_or_default()).unwrap_or(json!(null));
    assert_eq!(served["openapi"].as_str().map(|version| version.starts_with("3.1")), Some(true));
    assert!(served == committed, "docs/openapi.json is out of date: run `make openapi`");
}

#[test]
fn the_committed_asyncapi_document_is_the_one_that_is_printed() {
    let printed = Service::character().arg("asyncapi").run();
    assert_eq!(printed.code, Some(0), "{}", printed.errors);
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/asyncapi.json")).unwrap();
    assert!(printed.output == committed, "docs/asyncapi.json is out of date: run `make asyncapi`");
}
