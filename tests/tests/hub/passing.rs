//! Polls that one process of the Message Hub passes on to the one that makes the deliveries.

use super::{LIMIT, TOKEN, connected, hub, message, publish, subscribe, support, take};
use character_tests::{NatsRelease, NatsServer, Service};
use reqwest::Response;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};
use support::{client, metrics, send, until};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// The deliveries of a poll, which waits for at most 10 s.
async fn poll(at: &Service, query: &str) -> Vec<Value> {
    let url = at.url(&format!("/v1/events?subscription=sheets&wait_ms=10000&{query}"));
    let answer = send(client().get(url).bearer_auth(TOKEN)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["deliveries"].as_array().unwrap().clone()
}

async fn acknowledge(at: &Service, delivery: &Value) -> Value {
    let body = json!({ "settlements": [{ "receipt": delivery["receipt"], "action": "ack" }] });
    send(client().post(at.url("/v1/events/settle")).bearer_auth(TOKEN).json(&body)).await.body["results"][0].clone()
}

/// Two processes over one NATS; the first one makes the deliveries.
async fn processes(nats: &NatsServer) -> (Service, Service) {
    let start = || hub().env("NATS_URL", nats.url()).start();
    let (holder, other) = (start(), start());
    assert!(poll(&holder, "limit=0&settle_within_ms=1000").await.is_empty());
    let is_held = |answer: &support::Answer| answer.metric::<f64>("message_hub_held_subscriptions") == Some(1.0);
    assert!(is_held(&metrics(&holder).await));
    (holder, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_any_process_has_the_time_for_settling_that_it_asks_for() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let nats = NatsServer::start(release);
        let (holder, other) = processes(&nats).await;
        let hub = connected(&holder, TOKEN);
        publish(&hub, message("1", "ada")).await.unwrap();
        let short = poll(&holder, "settle_within_ms=1000").await.remove(0);
        assert_eq!(acknowledge(&holder, &short).await["status"], "settled");
        for at in [&other, &holder] {
            publish(&hub, message(&at.url(""), "ada")).await.unwrap();
            let long = poll(at, "settle_within_ms=20000").await.remove(0);
            sleep(SECOND * 3).await;
            assert_eq!(acknowledge(at, &long).await["status"], "settled", "{release:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_ends_at_both_processes_when_the_one_that_passes_it_on_ends() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let nats = NatsServer::start(release);
        let (holder, other) = processes(&nats).await;
        let (hub, other) = (connected(&holder, TOKEN), Arc::new(other));
        let polling = Arc::clone(&other);
        let polling = tokio::spawn(async move { poll(&polling, "limit=10").await });
        // The poll has reached the holder, and waits there for two seconds at a time.
        sleep(SECOND / 2).await;
        let ending = Arc::clone(&other);
        assert_eq!(tokio::task::spawn_blocking(move || ending.terminate()).await.unwrap(), 0);
        assert!(polling.await.unwrap().is_empty());
        let published = Instant::now();
        publish(&hub, message("1", "ada")).await.unwrap();
        let delivery = poll(&holder, "limit=10").await.pop();
        assert_eq!(delivery.map(|delivery| delivery["attempt"].clone()), Some(json!(1)), "{release:?}");
        assert!(published.elapsed() < SECOND, "{:?}", published.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_client_has_gone_from_the_process_that_passes_on_is_delivered_to_another_client_at_once() {
    let nats = NatsServer::start(NatsRelease::Current);
    let (holder, other) = processes(&nats).await;
    let hub = connected(&holder, TOKEN);
    for number in 0..5 {
        let url = other.url("/v1/events?subscription=sheets&wait_ms=10000");
        let gone = client().get(url).bearer_auth(TOKEN).timeout(SECOND / 2).send().await;
        assert!(gone.is_err());
        publish(&hub, message(&number.to_string(), "ada")).await.unwrap();
        let begun = Instant::now();
        let delivery = poll(&holder, "").await.remove(0);
        assert!(begun.elapsed() < SECOND * 2, "{:?}", begun.elapsed());
        assert_eq!(acknowledge(&other, &delivery).await["status"], "settled");
    }
    let list = || client().get(other.url("/v1/subscriptions")).bearer_auth(TOKEN);
    until(LIMIT, "the end of the backlog", list, |answer| answer.body["subscriptions"][0]["backlog"] == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_over_http_opens_its_subscription_while_the_process_that_delivered_is_killed() {
    let nats = NatsServer::start(NatsRelease::Current);
    let (holder, other) = processes(&nats).await;
    let hub = connected(&other, TOKEN);
    publish(&hub, message("1", "ada")).await.unwrap();
    // The other process knows the holder, whose record nothing but time ends.
    assert!(poll(&other, "limit=0").await.is_empty());
    holder.kill();
    let mut deliveries = subscribe(&hub, "sheets").await;
    assert_eq!(take(&mut deliveries, 1).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_ask_for_other_types_keep_those_of_the_last_one_when_another_process_delivers() {
    let nats = NatsServer::start(NatsRelease::Current);
    let (holder, other) = processes(&nats).await;
    let hub = connected(&other, TOKEN);
    let client_of_streams = reqwest::Client::builder().timeout(SECOND * 60).build().unwrap();
    let stream = async |types: &str| {
        let url = other.url(&format!("/v1/events?subscription=sheets&types={types}"));
        let request = client_of_streams.get(url).bearer_auth(TOKEN).header("accept", "text/event-stream");
        let mut parts = request.send().await.unwrap();
        // It begins with the pause before a client connects again.
        assert!(parts.chunk().await.unwrap().is_some());
        parts
    };
    let mut streams = Vec::new();
    for types in ["campaign.*", "session.*", "account.*", "character.*"] {
        streams.push(stream(types).await);
        let list = || client().get(holder.url("/v1/subscriptions")).bearer_auth(TOKEN);
        let are_taken = |answer: &support::Answer| answer.body["subscriptions"][0]["types"] == types;
        until(LIMIT, "the holder takes the types", list, are_taken).await;
    }
    assert_eq!(tokio::task::spawn_blocking(move || holder.terminate()).await.unwrap(), 0);
    let is_held = |answer: &support::Answer| answer.metric::<f64>("message_hub_held_subscriptions") == Some(1.0);
    until(LIMIT, "the other process delivers", || client().get(other.url("/metrics")), is_held).await;
    let (arriving, mut arrived) = mpsc::unbounded_channel();
    for (place, mut stream) in streams.into_iter().enumerate() {
        let arriving = arriving.clone();
        tokio::spawn(async move { while arriving.send((place, event_of(&mut stream).await)).is_ok() {} });
    }
    // Each stream has asked the other process when it has received an event, and none has brought its types back.
    let mut reached = HashSet::new();
    for number in 1.. {
        publish(&hub, message(&number.to_string(), &format!("subject-{number}"))).await.unwrap();
        let Ok(event) = timeout(SECOND * 5, arrived.recv()).await else {
            let list = client().get(other.url("/v1/subscriptions")).bearer_auth(TOKEN);
            panic!("event {number} does not arrive: {}; {reached:?} received one", send(list).await.body);
        };
        let (place, text) = event.unwrap();
        assert!(text.contains(&format!("\"id\":\"{number}\"")), "{text}");
        reached.insert(place);
        if reached.len() == 4 {
            break;
        }
        assert!(number < 100, "only {reached:?} receive events");
    }
}

/// The next event of a stream.
async fn event_of(stream: &mut Response) -> String {
    let mut text = String::new();
    while !text.contains("data: ") || !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    text
}
