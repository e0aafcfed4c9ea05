//! The Message Hub as a process: what it keeps when it is killed, stopped, full or refuses a token, and the outcome of
//! requests to services that are killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "hub/order.rs"]
mod order;
#[path = "hub/passing.rs"]
mod passing;
#[path = "hub/processes.rs"]
mod processes;
#[path = "hub/streams.rs"]
mod streams;
mod support;

use character_message_hub::{
    CloudEvent, Deliveries, ErrorKind, Filter, HubError, Message, MessageHub, Published, ServiceRequest, Subscription,
};
use character_message_hub_http::{HttpHub, HttpHubConfig};
use character_tests::{NatsRelease, NatsServer, Service, ServiceBuilder};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use support::{client, send, until};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::timeout};

const TOKEN: &str = "token-of-the-tests";
const LIMIT: Duration = Duration::from_secs(30);

fn hub() -> ServiceBuilder {
    Service::message_hub().env("MESSAGE_HUB_TOKEN", TOKEN)
}

fn connected(service: &Service, token: &str) -> HttpHub {
    let config = HttpHubConfig::new(service.url("").parse().unwrap(), token.to_owned().into());
    HttpHub::connect(config).unwrap()
}

fn message(id: &str, subject: &str) -> Message {
    let event = CloudEvent::new(id, "/tests", "character.updated").unwrap().with_subject(subject).unwrap();
    Message::of(Arc::new(event.with_json(json!({ "id": id }))))
}

async fn publish(hub: &HttpHub, message: Message) -> Result<Published, HubError> {
    hub.publish(&[message], LIMIT).await.remove(0)
}

async fn subscribe(hub: &HttpHub, name: &str) -> Box<dyn Deliveries> {
    hub.subscribe(&Subscription::new(name.parse().unwrap(), Filter::all())).await.unwrap()
}

/// The ids of the events that arrive until `number` different ones have, each acknowledged, in the order of their first
/// deliveries.
async fn take(deliveries: &mut Box<dyn Deliveries>, number: usize) -> Vec<String> {
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    while ids.len() < number {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        let id = delivery.event().id().to_owned();
        // One that was lost on the way comes again.
        drop(delivery.ack().await);
        if seen.insert(id.clone()) {
            ids.push(id);
        }
    }
    ids
}

const PUBLISHERS: usize = 6;

/// Publishes events of one subject, one after the other, and each until it is acknowledged; returns how many were.
async fn publish_until(stop: Arc<AtomicBool>, hub: HttpHub, publisher: usize) -> usize {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let messages: Vec<_> = (number..number + 5)
            .map(|number| message(&format!("{publisher}-{number:06}"), &publisher.to_string()))
            .collect();
        // Some are kept and not acknowledged when the hub is killed: published again they are duplicates.
        loop {
            let results = hub.publish(&messages, Duration::from_secs(5)).await;
            if results.iter().all(Result::is_ok) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        number += 5;
    }
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_while_events_are_published_and_consumed_loses_none_and_keeps_their_order() {
    let service = hub().start();
    let client = connected(&service, TOKEN);
    let stop = Arc::new(AtomicBool::new(false));
    let mut publishing = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (stop, client) = (Arc::clone(&stop), client.clone());
        publishing.spawn(async move { (publisher, publish_until(stop, client, publisher).await) });
    }
    let subscription = Subscription {
        settle_within: Duration::from_secs(2),
        ..Subscription::new("sheets".parse().unwrap(), Filter::all())
    };
    let mut deliveries = client.subscribe(&subscription).await.unwrap();
    let mut ids = Vec::new();
    for round in 0..5 {
        let more = take(&mut deliveries, 60).await;
        assert_eq!(more.len(), 60, "round {round}");
        ids.extend(more);
        service.restart();
    }
    stop.store(true, Ordering::SeqCst);
    let published: HashMap<usize, usize> = publishing.join_all().await.into_iter().collect();
    service.restart();
    let total: usize = published.values().sum();
    let mut seen: HashSet<String> = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    while ids.len() < total {
        for id in take(&mut deliveries, 1).await {
            if seen.insert(id.clone()) {
                ids.push(id);
            }
        }
    }
    for (publisher, number) in published {
        let beginning = format!("{publisher}-");
        let of_subject: Vec<_> = ids.iter().filter(|id| id.starts_with(&beginning)).cloned().collect();
        let expected: Vec<_> = (0..number).map(|number| format!("{publisher}-{number:06}")).collect();
        assert_eq!(of_subject, expected, "the order of first deliveries of subject {publisher}");
    }
    let results = client.publish(&[message("0-000000", "0")], LIMIT).await;
    assert!(results[0].as_ref().unwrap().duplicate, "message ids survive");
}

/// This many calls at a hub that stands still: each must end within its timeout.
async fn stand_still(calls: usize) {
    let service = hub().start();
    let client = connected(&service, TOKEN);
    publish(&client, message("before", "ada")).await.unwrap();
    service.suspend();
    let mut waiting = JoinSet::new();
    for number in 0..calls {
        let client = client.clone();
        waiting.spawn(async move {
            let (begun, timeout) = (Instant::now(), Duration::from_secs(2));
            let error = match number % 4 {
                0 => client.request(ServiceRequest::get("x".parse().unwrap(), "/", timeout)).await.unwrap_err(),
                1 => client.probe().await.unwrap_err(),
                _ => client.publish(&[message(&number.to_string(), "ada")], timeout).await.remove(0).unwrap_err(),
            };
            (begun.elapsed(), error)
        });
    }
    for (took, error) in waiting.join_all().await {
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable { .. }), "{error}");
        assert!(took < Duration::from_secs(6), "{took:?}: {error}");
    }
    service.resume();
    let kept = timeout(LIMIT, async {
        // It first handles the requests that were given up, and rejects others while they are too many.
        while let Err(error) = publish(&client, message("after", "ada")).await {
            assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    kept.await.unwrap();
    let mut deliveries = subscribe(&client, "sheets").await;
    assert_eq!(take(&mut deliveries, 1).await, ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_within_its_timeout_while_the_hub_stands_still() {
    stand_still(1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a hunt: 10,000 calls"]
async fn every_one_of_ten_thousand_calls_ends_within_its_timeout_while_the_hub_stands_still() {
    stand_still(10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_goes_on_by_itself_after_a_pause_and_a_restart_of_the_hub() {
    let service = hub().start();
    let client = connected(&service, TOKEN);
    let mut deliveries = subscribe(&client, "sheets").await;
    let (ids, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let consuming = tokio::spawn(async move {
        loop {
            for id in take(&mut deliveries, 1).await {
                ids.send(id).unwrap();
            }
        }
    });
    let mut next = async || timeout(LIMIT, arrived.recv()).await.unwrap().unwrap();
    publish(&client, message("1", "ada")).await.unwrap();
    assert_eq!(next().await, "1");
    service.suspend();
    let publishing = tokio::spawn({
        let client = client.clone();
        async move { publish(&client, message("2", "ada")).await }
    });
    service.resume();
    publishing.await.unwrap().unwrap();
    assert_eq!(next().await, "2");
    service.restart();
    publish(&client, message("3", "ada")).await.unwrap();
    assert_eq!(next().await, "3");
    consuming.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_rotated_without_a_gap_and_a_revoked_one_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "the-old-token-of-all,the-new-token-of-all\n").unwrap();
    let service = Service::message_hub().env("MESSAGE_HUB_TOKEN_FILE", &file).start();
    let (old, new) = (connected(&service, "the-old-token-of-all"), connected(&service, "the-new-token-of-all"));
    let mut deliveries = subscribe(&old, "sheets").await;
    for (id, client) in [("1", &old), ("2", &new)] {
        publish(client, message(id, "ada")).await.unwrap();
    }
    assert_eq!(take(&mut deliveries, 2).await, ["1", "2"]);
    fs::write(&file, "the-new-token-of-all\n").unwrap();
    service.restart();
    let error = publish(&old, message("3", "ada")).await.unwrap_err();
    assert!(*error.kind() == ErrorKind::Unauthorized && error.certainly_not_applied(), "{error}");
    let error = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unauthorized);
    assert_eq!(old.probe().await.unwrap_err().kind(), &ErrorKind::Unauthorized);
    publish(&new, message("3", "ada")).await.unwrap();
    let mut deliveries = subscribe(&new, "sheets").await;
    assert_eq!(take(&mut deliveries, 1).await, ["3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_hub_refuses_new_events_by_name_and_delivers_the_old_ones() {
    let service = hub().env("HUB_MAX_EVENTS", "10").start();
    let client = connected(&service, TOKEN);
    let messages: Vec<_> = (0..12).map(|number| message(&number.to_string(), &number.to_string())).collect();
    let results = client.publish(&messages, LIMIT).await;
    assert!(results[..10].iter().all(Result::is_ok));
    for error in results[10..].iter().map(|result| result.as_ref().unwrap_err()) {
        assert!(*error.kind() == ErrorKind::Full && error.certainly_not_applied() && !error.is_permanent(), "{error}");
    }
    assert!(publish(&client, message("3", "3")).await.unwrap().duplicate);
    assert_eq!(take(&mut subscribe(&client, "sheets").await, 10).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_events_shows_in_the_health_and_loses_nothing() {
    let service = hub().largest_file(2_048).start();
    let client = connected(&service, TOKEN);
    let mut deliveries = subscribe(&client, "sheets").await;
    let large = |id: usize| {
        let event = CloudEvent::new(id.to_string(), "/tests", "t").unwrap().with_json(json!("x".repeat(100_000)));
        Message::of(Arc::new(event))
    };
    let mut kept = 0;
    let error = loop {
        match publish(&client, large(kept)).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 60, "the file does not end at its limit");
    };
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    assert!(kept > 0);
    let http = support::client();
    let is_degraded = |answer: &support::Answer| answer.body["status"] == "degraded";
    let degraded = until(LIMIT, "the health", || http.get(service.url("/health")), is_degraded).await;
    let of_hub = &degraded.body["dependencies"]["hub"];
    assert_eq!(of_hub["status"], "down");
    // A limit of the size of a file shows as an error of the disk.
    assert!(of_hub["detail"].as_str().unwrap().contains("the file refused the last events: disk"), "{of_hub}");
    // What is kept is delivered all the same; that it was handled cannot be kept now.
    for id in 0..kept {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        assert_eq!(delivery.event().id(), id.to_string());
    }
    service.kill();
    let roomy = hub().env("DATA_DIR", service.data_dir()).start();
    let client = connected(&roomy, TOKEN);
    for id in 0..kept {
        assert!(publish(&client, large(id)).await.unwrap().duplicate, "{id}");
    }
    publish(&client, large(kept)).await.unwrap();
    let ids = take(&mut subscribe(&client, "sheets").await, kept + 1).await;
    assert_eq!(ids, (0..=kept).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_whose_stream_nats_refuses_is_down_from_the_start_and_names_the_cause_once() {
    let nats = NatsServer::start(NatsRelease::Current);
    let service = hub().env("NATS_URL", nats.url()).env("HUB_REPLICAS", "3").start();
    let health = || client().get(service.url("/health"));
    let names_the_cause = |answer: &support::Answer| {
        let hub = &answer.body["dependencies"]["hub"];
        hub["status"] == "down" && hub["detail"].as_str().unwrap_or_default().contains("replicas > 1 not supported")
    };
    until(LIMIT, "the health", health, names_the_cause).await;
    // A client that asks the hub itself makes it ask NATS again.
    let error = connected(&service, TOKEN).probe().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    let is_down = |answer: &support::Answer| answer.metric("dependency_up{dependency=\"hub\"}") == Some(0);
    until(LIMIT, "the metric", || client().get(service.url("/metrics")), is_down).await;
    let log = service.output();
    assert_eq!(log.matches("the stream in NATS cannot be used").count(), 1, "{log}");
    // Another process creates it, and a probe of the first one finds it.
    let correct = hub().env("NATS_URL", nats.url()).start();
    until(LIMIT, "the stream", || client().get(service.url("/health")), |answer| answer.body["status"] == "ok").await;
    publish(&connected(&correct, TOKEN), message("1", "ada")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_once_why_nats_cannot_be_reached() {
    let nats = NatsServer::start(NatsRelease::Current);
    nats.kill();
    let service = hub().env("NATS_URL", nats.url()).start();
    service.await_output("Connection refused");
    let is_known = |answer: &support::Answer| {
        let detail = answer.body["dependencies"]["hub"]["detail"].as_str().unwrap_or_default();
        detail.contains("Connection refused")
    };
    until(LIMIT, "the health", || client().get(service.url("/health")), is_known).await;
    // Every connection of the process has tried again by now.
    assert_eq!(service.terminate(), 0);
    let log = service.output();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("NATS cannot be reached")).collect();
    assert!(lines.len() == 1 && lines[0].contains("Connection refused"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_finds_a_living_instance_and_ends_in_time_when_there_is_none() {
    let storage = || Service::storage().env("STORAGE_SERVICE_TOKEN", TOKEN).start();
    let (first, second) = (storage(), storage());
    let services = format!("storage={},storage={}", first.url(""), second.url(""));
    let service = hub().env("HUB_SERVICES", services).start();
    let client = connected(&service, TOKEN);
    let ask = async |timeout: Duration| {
        let mut request = ServiceRequest::get("storage".parse().unwrap(), "/storage/v1/probe", timeout);
        request.authorization = Some(format!("Bearer {TOKEN}").into());
        // As a change: no second instance may receive it.
        request.idempotent = false;
        client.request(request).await
    };
    for _ in 0..10 {
        assert_eq!(ask(LIMIT).await.unwrap().status, 204);
    }
    first.kill();
    for _ in 0..20 {
        assert_eq!(ask(LIMIT).await.unwrap().status, 204);
    }
    first.restart();
    first.suspend();
    second.kill();
    let begun = Instant::now();
    let error = ask(Duration::from_millis(700)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(matches!(error.kind(), ErrorKind::Timeout), "{error}");
    first.resume();
    let end = Instant::now() + LIMIT;
    while ask(LIMIT).await.map_or(0, |reply| reply.status) != 204 {
        assert!(Instant::now() < end, "the instance that continues is found again");
    }
    first.kill();
    let error = ask(LIMIT).await.unwrap_err();
    assert!(*error.kind() == ErrorKind::NoResponder && error.certainly_not_applied(), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_whose_client_has_gone_gets_no_event() {
    let service = hub().start();
    let in_flight = |number: usize| {
        let line = format!("\nhttp_server_requests_in_flight {number}\n");
        move |answer: &support::Answer| answer.body.as_str().is_some_and(|text| text.contains(&line))
    };
    let metrics = || client().get(service.url("/metrics"));
    let mut gone = TcpStream::connect(service.address()).await.unwrap();
    let poll = "GET /v1/events?subscription=one&wait_ms=30000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer";
    gone.write_all(format!("{poll} {TOKEN}\r\n\r\n").as_bytes()).await.unwrap();
    // The request for the metrics counts too.
    until(LIMIT, "the poll", metrics, in_flight(2)).await;
    drop(gone);
    until(LIMIT, "the end of the poll", metrics, in_flight(1)).await;
    let hub = connected(&service, TOKEN);
    publish(&hub, message("1", "ada")).await.unwrap();
    let next = client().get(service.url("/v1/events?subscription=one&wait_ms=5000")).bearer_auth(TOKEN);
    let answer = send(next).await;
    assert_eq!(answer.body["deliveries"][0]["attempt"], 1, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_settled_at_whichever_process_over_one_nats_the_settlement_reaches() {
    let nats = NatsServer::start(NatsRelease::Current);
    let over_nats = || hub().env("NATS_URL", nats.url()).start();
    let (one, other) = (over_nats(), over_nats());
    let publisher = connected(&other, TOKEN);
    for number in 0..12 {
        publish(&publisher, message(&number.to_string(), &format!("subject-{}", number % 2))).await.unwrap();
    }
    let poll = |at: &Service| {
        let url = at.url("/v1/events?subscription=one&limit=1&wait_ms=5000&settle_within_ms=60000");
        send(client().get(url).bearer_auth(TOKEN))
    };
    let settle = |at: &Service, settlements: Value| {
        let url = at.url("/v1/events/settle");
        send(client().post(url).bearer_auth(TOKEN).json(&json!({ "settlements": settlements })))
    };
    // Each is delivered once: the process that made the delivery learns of its end, and goes on with the subject.
    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for _ in 0..12 {
        let answer = poll(&one).await;
        let delivery = &answer.body["deliveries"][0];
        assert_eq!(delivery["attempt"], 1, "{answer:?}");
        let (event, receipt) = (&delivery["event"], &delivery["receipt"]);
        let id = event["id"].as_str().unwrap().parse().unwrap();
        seen.entry(event["subject"].as_str().unwrap().to_owned()).or_default().push(id);
        // The process that made the delivery may not listen yet when it is ready.
        let settlements = json!([{ "receipt": receipt, "action": "ack" }]);
        let is_settled = |answer: &support::Answer| answer.body["results"][0]["status"] == "settled";
        let post = || client().post(other.url("/v1/events/settle")).bearer_auth(TOKEN);
        let request = || post().json(&json!({ "settlements": settlements }));
        until(LIMIT, "the settlement", request, is_settled).await;
    }
    assert_eq!(seen["subject-0"], [0, 2, 4, 6, 8, 10]);
    assert_eq!(seen["subject-1"], [1, 3, 5, 7, 9, 11]);
    // Results are in the order of the settlements, whichever process has judged each.
    publish(&publisher, message("late", "subject-0")).await.unwrap();
    let held = poll(&one).await.body["deliveries"][0]["receipt"].clone();
    let mixed = json!([
        { "receipt": "nothing", "action": "ack" },
        { "receipt": held, "action": "in_progress" },
        { "receipt": "message-hub-of-nobody.1", "action": "ack" },
        { "receipt": format!("message-hub-{:032x}.1", 7), "action": "ack" },
        { "receipt": "storage-service.1", "action": "ack" },
    ]);
    let mixed = settle(&other, mixed).await;
    let of = |place: usize, member: &str| mixed.body["results"][place][member].clone();
    assert_eq!(of(1, "status"), "settled", "{mixed:?}");
    for (place, code) in [(0, "delivery-lost"), (2, "delivery-lost"), (3, "unavailable"), (4, "delivery-lost")] {
        assert_eq!((of(place, "code"), of(place, "certainly_not_applied")), (code.into(), true.into()), "{mixed:?}");
    }
    // NATS may notice only later that a process has ended.
    one.kill();
    let failed = settle(&other, json!([{ "receipt": held, "action": "ack" }])).await;
    assert_eq!(failed.body["results"][0]["status"], "failed", "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_sigterm_streams_and_polls_end_at_once_and_the_file_alone_holds_all() {
    let service = hub().start();
    let hub = connected(&service, TOKEN);
    for number in 0..100 {
        publish(&hub, message(&number.to_string(), &number.to_string())).await.unwrap();
    }
    let poll = |accept: &'static str| {
        let url = service.url("/v1/events?subscription=idle&types=none&wait_ms=30000");
        client().get(url).bearer_auth(TOKEN).header("accept", accept)
    };
    let mut streaming = poll("text/event-stream").send().await.unwrap();
    assert!(streaming.chunk().await.unwrap().unwrap().starts_with(b"retry: "));
    let polling = tokio::spawn(send(poll("application/json")));
    let begun = Instant::now();
    // The poll is at the hub once the metrics count it among the connections.
    let arrived = |answer: &support::Answer| {
        answer.body.as_str().is_some_and(|text| text.contains("message_hub_event_streams 1"))
    };
    until(LIMIT, "the stream", || client().get(service.url("/metrics")), arrived).await;
    assert_eq!(service.terminate(), 0, "{}", service.output());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(streaming.chunk().await.unwrap().is_none(), "the stream ends in good order");
    let ended = polling.await.unwrap();
    assert_eq!(ended.body["deliveries"], json!([]));
    let main = service.data_dir().join("message-hub.sqlite");
    assert!(!main.with_extension("sqlite-wal").exists());
    let kept = character_tests::query_sqlite(&main, "SELECT count(*) FROM events");
    assert_eq!(kept.trim(), "100");
}

/// What operators list, read and remove, over whatever keeps the events.
async fn operators_list_read_and_remove(service: &Service) {
    let url = |path: &str| service.url(&format!("/v1/subscriptions{path}"));
    let get = async |path: &str| send(client().get(url(path)).bearer_auth(TOKEN)).await;
    assert_eq!(get("").await.body, json!({ "subscriptions": [] }));
    let hub = connected(service, TOKEN);
    let subscription = |name: &str, types: &str| Subscription::new(name.parse().unwrap(), types.parse().unwrap());
    let sheets = subscription("sheets", "character.*,campaign.renamed");
    let mut deliveries = hub.subscribe(&sheets).await.unwrap();
    drop(hub.subscribe(&subscription("all", "")).await.unwrap());
    for (id, subject) in [("1", "ada"), ("2", "bea"), ("3", "cleo"), ("4", "dora"), ("5", "eve"), ("6", "eve")] {
        publish(&hub, message(id, subject)).await.unwrap();
    }
    let mut arrived = HashMap::new();
    while arrived.len() < 5 {
        let delivery = timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
        arrived.insert(delivery.event().id().to_owned(), delivery);
    }
    arrived.remove("1").unwrap().ack().await.unwrap();
    for id in ["2", "3", "4"] {
        arrived.remove(id).unwrap().reject(format!("no room for {id}")).await.unwrap();
    }
    let state = |answer: &support::Answer, name: &str| {
        let states = answer.body["subscriptions"].as_array()?;
        states.iter().find(|state| state["name"] == name).cloned()
    };
    let settled = |answer: &support::Answer| state(answer, "sheets").is_some_and(|state| state["rejected"] == 3);
    let all = until(LIMIT, "the list", || client().get(url("")).bearer_auth(TOKEN), settled).await;
    let names: Vec<_> = all.body["subscriptions"].as_array().unwrap().iter().map(|state| &state["name"]).collect();
    assert_eq!(names, ["all", "sheets"]);
    let sheets = state(&all, "sheets").unwrap();
    assert_eq!((&sheets["types"], &sheets["backlog"]), (&json!("character.*,campaign.renamed"), &json!(2)), "{sheets}");
    // NATS also counts an event that waits for an earlier one of its subject.
    assert!((1..=2).contains(&sheets["in_flight"].as_u64().unwrap()), "{sheets}");
    let others = state(&all, "all").unwrap();
    assert_eq!((&others["types"], &others["backlog"], &others["rejected"]), (&json!(""), &json!(6), &json!(0)));
    let reasons = async |path: &str| -> Vec<String> {
        let rejected = get(path).await.body["rejected"].as_array().unwrap().clone();
        rejected.iter().map(|record| record["reason"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(reasons("/sheets/rejected").await, ["no room for 4", "no room for 3", "no room for 2"]);
    assert_eq!(reasons("/sheets/rejected?limit=2").await, ["no room for 4", "no room for 3"]);
    assert_eq!(reasons("/all/rejected").await, [""; 0]);
    let newest = get("/sheets/rejected?limit=1").await.body["rejected"][0].clone();
    assert_eq!(
        (&newest["id"], &newest["source"], &newest["type"], &newest["event"]["data"]),
        (&json!("4"), &json!("/tests"), &json!("character.updated"), &json!({ "id": "4" }))
    );
    assert!(newest["rejected_at"].as_str().unwrap().starts_with("20"), "{newest}");
    for path in ["/none/rejected", "/none"] {
        let asked = if path.ends_with("rejected") { client().get(url(path)) } else { client().delete(url(path)) };
        let answer = send(asked.bearer_auth(TOKEN)).await;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not-found")), "{path}");
    }
    drop((deliveries, arrived));
    let remove = || client().delete(url("/sheets")).bearer_auth(TOKEN);
    assert_eq!(send(remove()).await.status, 204);
    let is_gone = |answer: &support::Answer| answer.status == 200 && state(answer, "sheets").is_none();
    until(LIMIT, "the end of the subscription", || client().get(url("")).bearer_auth(TOKEN), is_gone).await;
    assert_eq!(take(&mut subscribe(&hub, "sheets").await, 6).await.len(), 6, "a new one begins with the oldest event");
}

#[tokio::test]
async fn a_poll_and_a_stream_of_a_subscription_that_is_removed_are_not_found() {
    let service = hub().start();
    let events = |query: &str| client().get(service.url(&format!("/v1/events?{query}"))).bearer_auth(TOKEN);
    let subscriptions = |name: &str| service.url(&format!("/v1/subscriptions{name}"));
    let stream = events("subscription=live").header("accept", "text/event-stream").send().await.unwrap();
    let poll = tokio::spawn(send(events("subscription=sheets&wait_ms=20000")));
    let has_both = |answer: &support::Answer| answer.body["subscriptions"].as_array().is_some_and(|all| all.len() == 2);
    until(LIMIT, "both subscriptions", || client().get(subscriptions("")).bearer_auth(TOKEN), has_both).await;
    for name in ["/live", "/sheets"] {
        assert_eq!(send(client().delete(subscriptions(name)).bearer_auth(TOKEN)).await.status, 204, "{name}");
    }
    let ended = timeout(LIMIT, poll).await.unwrap().unwrap();
    assert_eq!((ended.status, &ended.body["code"]), (404, &json!("not-found")), "{}", ended.body);
    let detail = "the subscription was removed; subscribe again to begin a new one";
    assert_eq!(ended.body["detail"], detail);
    let text = timeout(LIMIT, stream.text()).await.unwrap().unwrap();
    let (_, problem) = text.split_once("event: hub.problem\ndata: ").unwrap();
    let problem: Value = serde_json::from_str(problem).unwrap();
    assert_eq!((&problem["code"], &problem["detail"]), (&json!("not-found"), &json!(detail)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_list_read_and_remove_the_subscriptions_of_the_file() {
    operators_list_read_and_remove(&hub().start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_list_read_and_remove_the_subscriptions_in_nats() {
    for release in [NatsRelease::Oldest, NatsRelease::Current] {
        let nats = NatsServer::start(release);
        operators_list_read_and_remove(&hub().env("NATS_URL", nats.url()).start()).await;
    }
}

#[tokio::test]
async fn the_documentation_is_a_page_of_the_hub_that_needs_no_token() {
    let service = hub().start();
    let page = send(client().get(service.url("/docs"))).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.as_str().unwrap().contains("<title>Message Hub API</title>"), "{page:?}");
    let start = send(client().get(service.url("/docs/swagger-initializer.js"))).await;
    assert!(start.body.as_str().unwrap().contains("/openapi.json"), "{start:?}");
    let document = send(client().get(service.url("/openapi.json"))).await;
    assert!(document.body["paths"]["/v1/events"]["post"].is_object(), "{document:?}");
}

#[test]
fn every_mistake_is_reported_in_one_run_and_a_second_process_is_refused() {
    let wrong = Service::message_hub()
        .env("LISTEN_ADDR", "nowhere")
        .env("NATS_URL", "http://u:hunter2@h")
        .env("HUB_SERVICES", "storage")
        .env("HUB_RETENTION_HOURS", "0")
        .run();
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    for name in ["LISTEN_ADDR", "NATS_URL", "HUB_SERVICES", "HUB_RETENTION_HOURS", "MESSAGE_HUB_TOKEN"] {
        assert!(wrong.errors.lines().any(|line| line.trim().starts_with(name)), "{name}: {wrong:?}");
    }
    assert!(!wrong.errors.contains("hunter2"), "{wrong:?}");
    let running = hub().start();
    let second = hub().env("DATA_DIR", running.data_dir()).run();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.errors.contains("another process uses the file of the hub"), "{second:?}");
    let check = hub().env("DATA_DIR", running.data_dir()).arg("check").run();
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.output.contains("MESSAGE_HUB_TOKEN=********"), "{check:?}");
}
