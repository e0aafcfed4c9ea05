//! Several processes of the Message Hub over one NATS.

use super::{LIMIT, TOKEN, connected, hub, message, publish, support};
use character_tests::{NatsRelease, NatsServer, Service};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, client, send, until};
use tokio::time::{Instant, sleep};

/// Registers an instance of the service `sheets` at a process.
async fn register(at: &Service, instance: &Service, ttl: Duration) {
    let url = at.url("/v1/services/sheets/instances/a");
    let body = json!({ "url": instance.url(""), "ttl_ms": u64::try_from(ttl.as_millis()).unwrap() });
    assert_eq!(send(client().put(url).bearer_auth(TOKEN).json(&body)).await.status, 200);
}

/// A request to the service through a process.
fn ask(through: &Service) -> reqwest::RequestBuilder {
    let url = through.url("/v1/services/sheets/storage/v1/probe");
    client().get(url).bearer_auth(TOKEN).header("x-service-authorization", format!("Bearer {TOKEN}"))
}

fn is_by_the_instance(answer: &Answer) -> bool {
    answer.status == 204 && answer.header("x-hub-responder") == "a"
}

fn has_no_instance(answer: &Answer) -> bool {
    answer.status == 503 && answer.body["code"] == "no-responder"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_registers_at_one_process_is_reached_through_each_until_it_is_not_renewed_at_any() {
    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_secs(2);
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let nats = NatsServer::start(release);
        let instance = Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
        let over_nats = || hub().env("NATS_URL", nats.url()).start();
        let (one, other) = (over_nats(), over_nats());
        register(&one, &instance, LONG).await;
        until(LIMIT, "the registration at the other process", || ask(&other), is_by_the_instance).await;
        let late = over_nats();
        until(LIMIT, "the registration at a process that starts", || ask(&late), is_by_the_instance).await;
        // A request to the name on which the processes report registrations changes nothing.
        let forged = json!({ "from": "message-hub-x", "kind": "removed", "service": "sheets", "id": "a" });
        let url = one.url("/v1/services/message-hub-instances/x");
        let request = client().post(url).bearer_auth(TOKEN).header("x-request-timeout-ms", "300").json(&forged);
        assert_ne!(send(request).await.status, 200);

        // The shorter time counts at each process, and a renewal at any of them.
        register(&one, &instance, SHORT).await;
        let renewed = Instant::now() + SHORT * 2;
        while Instant::now() < renewed {
            register(&late, &instance, SHORT).await;
            for process in [&one, &other, &late] {
                assert!(is_by_the_instance(&send(ask(process)).await), "a renewal counts at each process");
            }
            sleep(SHORT / 8).await;
        }
        let begun = Instant::now();
        for process in [&one, &other, &late] {
            until(SHORT * 4, "the end of the registration", || ask(process), has_no_instance).await;
        }
        assert!(begun.elapsed() > SHORT / 4, "it was held for its time");

        register(&one, &instance, LONG).await;
        until(LIMIT, "the registration at the other process", || ask(&other), is_by_the_instance).await;
        let url = other.url("/v1/services/sheets/instances/a");
        assert_eq!(send(client().delete(url).bearer_auth(TOKEN)).await.status, 204);
        until(LIMIT, "the removal at the first process", || ask(&one), has_no_instance).await;
        // A process that starts hears of no instance that was removed.
        let last = over_nats();
        sleep(SHORT / 2).await;
        assert!(has_no_instance(&send(ask(&last)).await));
    }
}

/// The deliveries of one poll, within this time. Nothing of these tests waits for the time for settling.
async fn poll(at: &Service, limit: usize, wait: Duration) -> Vec<Value> {
    let query = format!("subscription=one&limit={limit}&wait_ms={}&settle_within_ms=600000", wait.as_millis());
    let answer = send(client().get(at.url(&format!("/v1/events?{query}"))).bearer_auth(TOKEN)).await;
    answer.body["deliveries"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}

fn ids(deliveries: &[Value]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery["event"]["id"].as_str().unwrap()).collect()
}

async fn settle(at: &Service, delivery: &Value, action: Value) -> Answer {
    let mut settlement = action;
    settlement["receipt"] = delivery["receipt"].clone();
    let request = client().post(at.url("/v1/events/settle")).bearer_auth(TOKEN);
    send(request.json(&json!({ "settlements": [settlement] }))).await
}

#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    Terminated,
    Suspended,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_a_subject_holds_over_both_processes_and_over_the_end_of_the_one_that_receives() {
    let second = Duration::from_secs(1);
    let ends = [
        (End::Killed, NatsRelease::Oldest),
        (End::Terminated, NatsRelease::Oldest),
        (End::Suspended, NatsRelease::Current),
    ];
    for (end, release) in ends {
        let nats = NatsServer::start(release);
        let over_nats = || hub().env("NATS_URL", nats.url()).start();
        let (one, other) = (over_nats(), over_nats());
        let publisher = connected(&other, TOKEN);
        for id in ["a-0", "a-1", "a-2"] {
            publish(&publisher, message(id, "a")).await.unwrap();
        }
        let first = poll(&one, 1, second * 5).await;
        assert_eq!(ids(&first), ["a-0"]);
        publish(&publisher, message("b-0", "b")).await.unwrap();
        let beside = poll(&other, 10, second * 5).await;
        assert_eq!(ids(&beside), ["b-0"], "{end:?}: a-1 waits for a-0, which a client of the other process has");
        let settled = settle(&other, &beside[0], json!({ "action": "ack" })).await;
        assert_eq!(settled.body["results"][0]["status"], "settled");
        // To be tried again later, an event holds its subject up at each process too.
        let later = settle(&one, &first[0], json!({ "action": "retry", "retry_after_ms": 5_000 })).await;
        assert_eq!(later.body["results"][0]["status"], "settled", "{later:?}");
        assert_eq!((poll(&one, 10, second / 2).await, poll(&other, 10, second / 2).await), (vec![], vec![]), "{end:?}");
        let first = poll(&other, 1, second * 10).await;
        assert_eq!((ids(&first), &first[0]["attempt"]), (vec!["a-0"], &json!(2)));
        assert_eq!(settle(&other, &first[0], json!({ "action": "ack" })).await.body["results"][0]["status"], "settled");
        let held = poll(&one, 1, second * 5).await;
        assert_eq!(ids(&held), ["a-1"]);
        let begun = Instant::now();
        match end {
            End::Killed => one.kill(),
            End::Terminated => assert_eq!(one.terminate(), 0),
            End::Suspended => one.suspend(),
        }
        publish(&publisher, message("c-0", "c")).await.unwrap();
        let mut found = Vec::new();
        while found.len() < 3 {
            for delivery in poll(&other, 10, second * 5).await {
                found.extend(ids(std::slice::from_ref(&delivery)).into_iter().map(str::to_owned));
                settle(&other, &delivery, json!({ "action": "ack" })).await;
            }
            assert!(begun.elapsed() < second * 25, "{end:?}: {found:?}");
        }
        found.retain(|id| id != "c-0");
        assert_eq!(found, ["a-1", "a-2"], "{end:?}");
        let limit = if matches!(end, End::Terminated) { 10 } else { 20 };
        assert!(begun.elapsed() < second * limit, "{end:?}: it took {:?}", begun.elapsed());
        if matches!(end, End::Suspended) {
            one.resume();
            for id in ["a-3", "a-4"] {
                publish(&publisher, message(id, "a")).await.unwrap();
            }
            let next = poll(&other, 1, second * 5).await;
            assert_eq!(ids(&next), ["a-3"]);
            assert_eq!(
                poll(&one, 10, second * 2).await,
                Vec::<Value>::new(),
                "the process that continues holds nothing"
            );
            settle(&other, &next[0], json!({ "action": "ack" })).await;
            assert_eq!(ids(&poll(&one, 10, second * 5).await), ["a-4"]);
        }
    }
}
