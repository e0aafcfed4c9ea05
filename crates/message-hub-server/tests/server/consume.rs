//! Subscribers: polls, streams and settlements.

use super::support::{TOKEN, event, json_of, listening, listening_over};
use character_message_hub::{ErrorKind, HubError, MemoryHub, MessageHub};
use character_message_hub_server::HubServerConfig;
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A hub that counts the subscriptions that are opened.
fn watched(hub: MemoryHub, opened: Arc<AtomicUsize>) -> ScriptedHub {
    ScriptedHub::over(hub, move |call| {
        if let Call::Subscribe(_) = call {
            opened.fetch_add(1, Ordering::SeqCst);
        }
        Step::Pass
    })
}

#[actix_web::test]
async fn a_delivery_is_acknowledged_retried_rejected_and_prolonged_by_its_receipt() {
    let hub = listening(HubServerConfig::default()).await;
    hub.publish_batch(json!([event("1"), event("2"), event("3")])).await;
    let all = hub.deliveries("subscription=sheets&types=character.*").await;
    let ids: Vec<_> = all.iter().map(|delivery| delivery["event"]["id"].clone()).collect();
    assert_eq!((ids, all[0]["attempt"].clone()), (vec![json!("1"), json!("2"), json!("3")], json!(1)));
    let receipt = |index: usize| all[index]["receipt"].clone();
    let settled = hub.settle(json!({ "receipt": receipt(0), "action": "in_progress" })).await;
    assert_eq!(settled["status"], "settled");
    assert_eq!(hub.settle(json!({ "receipt": receipt(0), "action": "ack" })).await["status"], "settled");
    let again = hub.settle(json!({ "receipt": receipt(0), "action": "ack" })).await;
    assert_eq!((&again["status"], &again["code"]), (&json!("failed"), &json!("delivery-lost")));
    hub.settle(json!({ "receipt": receipt(1), "action": "reject", "reason": "no such character" })).await;
    hub.settle(json!({ "receipt": receipt(2), "action": "retry", "retry_after_ms": 0 })).await;
    let retried = hub.deliveries("subscription=sheets&types=character.*&wait_ms=5000").await;
    assert_eq!((retried.len(), &retried[0]["event"]["id"], &retried[0]["attempt"]), (1, &json!("3"), &json!(2)));
}

#[actix_web::test]
async fn a_long_poll_returns_as_soon_as_an_event_is_published() {
    let hub = listening(HubServerConfig::default()).await;
    let begun = Instant::now();
    let waiting = hub.deliveries("subscription=sheets&wait_ms=20000");
    let publishing = async {
        assert!(hub.deliveries("subscription=other&limit=0").await.is_empty());
        hub.publish_batch(json!([event("1")])).await
    };
    let (delivered, _) = futures_util::future::join(waiting, publishing).await;
    assert_eq!(delivered.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[actix_web::test]
async fn a_poller_that_did_not_receive_a_response_receives_its_deliveries_with_the_next_request() {
    let hub = listening(HubServerConfig::default()).await;
    let poll = |received: &str| {
        let query = "subscription=sheets&wait_ms=20000&settle_within_ms=600000&poller=p1";
        hub.request(Method::GET, &format!("/v1/events?{query}&received={received}")).send()
    };
    // It leaves while it waits, and what comes then is delivered to nobody.
    assert!(tokio::time::timeout(Duration::from_millis(200), poll("")).await.is_err());
    hub.publish_batch(json!([event("1")])).await;
    let begun = Instant::now();
    let first = json_of(poll("").await.unwrap(), 200).await;
    assert_eq!(first["deliveries"][0]["event"]["id"], "1");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // This response was received, so its delivery stays with the poller.
    hub.publish_batch(json!([event("2")])).await;
    let second = json_of(poll(first["batch"].as_str().unwrap()).await.unwrap(), 200).await;
    assert_eq!(
        (second["deliveries"].as_array().unwrap().len(), &second["deliveries"][0]["event"]["id"]),
        (1, &json!("2"))
    );
    // And this one was not, as far as the hub can see.
    let repeated = json_of(poll(first["batch"].as_str().unwrap()).await.unwrap(), 200).await;
    assert_eq!(repeated["deliveries"][0]["event"]["id"], "2");
    let settled = hub.settle(json!({ "receipt": first["deliveries"][0]["receipt"], "action": "ack" })).await;
    assert_eq!(settled["status"], "settled");
}

#[actix_web::test]
async fn a_poll_that_continues_one_at_another_server_keeps_the_types_that_a_later_subscriber_has_asked_for() {
    let hub = listening(HubServerConfig::default()).await;
    assert!(hub.deliveries("subscription=sheets&types=character.*&limit=0").await.is_empty());
    let continued = |query: &str| {
        let path = format!("/v1/events?subscription=sheets&types=campaign.*&{query}");
        hub.request(Method::GET, &path).header("x-hub-continues", "true").send()
    };
    for (id, poller) in [("1", ""), ("2", "&poller=p")] {
        json_of(continued(&format!("limit=0{poller}")).await.unwrap(), 200).await;
        hub.publish_batch(json!([event(id)])).await;
        let body = json_of(continued(&format!("wait_ms=2000{poller}")).await.unwrap(), 200).await;
        assert_eq!(body["deliveries"][0]["event"]["id"], id, "{body}");
    }
}

#[actix_web::test]
async fn after_a_request_for_other_types_whose_outcome_is_not_known_a_poll_subscribes_again() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let failing = |hub| -> Arc<dyn MessageHub> {
        Arc::new(ScriptedHub::over(hub, move |call| match call {
            Call::Subscribe(subscription) => {
                counted.fetch_add(1, Ordering::SeqCst);
                let is_own = subscription.filter.to_string().contains("character");
                if is_own { Step::Pass } else { Step::Fail(HubError::new(ErrorKind::Timeout, call.operation())) }
            }
            _ => Step::Pass,
        }))
    };
    let hub = listening_over(failing, HubServerConfig::default()).await;
    let own = "subscription=sheets&types=character.*";
    assert!(hub.deliveries(&format!("{own}&limit=0")).await.is_empty());
    let other = hub.request(Method::GET, "/v1/events?subscription=sheets&types=campaign.*&limit=0");
    assert_eq!(other.send().await.unwrap().status(), 504);
    assert!(hub.deliveries(&format!("{own}&limit=0")).await.is_empty());
    assert_eq!(opened.load(Ordering::SeqCst), 3);
    hub.publish_batch(json!([event("1")])).await;
    let delivered = hub.deliveries(&format!("{own}&wait_ms=5000")).await;
    assert_eq!(delivered[0]["event"]["id"], "1");
}

#[actix_web::test]
async fn a_second_request_of_a_poller_ends_the_first() {
    let hub = listening(HubServerConfig::default()).await;
    let poll = || {
        let query = "subscription=sheets&wait_ms=20000&poller=p1";
        hub.request(Method::GET, &format!("/v1/events?{query}")).send()
    };
    let begun = Instant::now();
    let both = async { futures_util::future::select(Box::pin(poll()), Box::pin(poll())).await.factor_first().0 };
    let ended = json_of(both.await.unwrap(), 200).await;
    assert_eq!(ended["deliveries"], json!([]));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[actix_web::test]
async fn bad_parameters_and_settlements_are_refused_with_their_names() {
    let hub = listening(HubServerConfig::default()).await;
    for (query, field) in [
        ("", "subscription"),
        ("subscription=A", "subscription"),
        ("subscription=a&types=*", "types"),
        ("subscription=a&limit=1001", "limit"),
        ("subscription=a&wait_ms=30001", "wait_ms"),
        ("subscription=a&max_in_flight=0", "max_in_flight"),
        ("subscription=a&settle_within_ms=999", "settle_within_ms"),
        ("subscription=a&subscription=b", "subscription"),
        ("subscription=a&colour=red", "colour"),
    ] {
        let response = hub.request(Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        assert_eq!(json_of(response, 422).await["errors"][0]["field"], field, "{query}");
    }
    for (settlements, field) in [
        (json!([]), "settlements"),
        (json!([{ "receipt": "x", "action": "forget" }]), "settlements[0].action"),
        (
            json!([{ "receipt": "x", "action": "ack" }, { "receipt": "x", "action": "retry" }]),
            "settlements[1].retry_after_ms",
        ),
        (json!([{ "receipt": "x", "action": "retry", "retry_after_ms": 86_400_001 }]), "settlements[0].retry_after_ms"),
        (json!([{ "receipt": "x", "action": "reject", "reason": " " }]), "settlements[0].reason"),
        (json!([{ "receipt": "x", "action": "ack", "reason": "why" }]), "settlements[0].reason"),
    ] {
        let request = hub.request(Method::POST, "/v1/events/settle").json(&json!({ "settlements": settlements }));
        let problem = json_of(request.send().await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[actix_web::test]
async fn a_stream_sends_each_event_with_its_receipt_and_ends_when_the_hub_stops() {
    let hub = listening(HubServerConfig::default()).await;
    let request = hub.request(Method::GET, "/v1/events?subscription=live").header("accept", "text/event-stream");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut parts = response.bytes_stream();
    let mut text = String::new();
    hub.publish_batch(json!([event("1")])).await;
    while !text.contains("data: ") || !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&parts.next().await.unwrap().unwrap()).unwrap());
    }
    let (retry, sent) = text.split_once("\n\n").unwrap();
    assert!(retry.starts_with("retry: "), "{retry}");
    let lines: Vec<_> = sent.trim_end().lines().collect();
    assert_eq!(lines[..2], ["id: 1", "event: character.created"]);
    let data: Value = serde_json::from_str(lines[2].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["event"], event("1"));
    let settled = hub.settle(json!({ "receipt": data["receipt"], "action": "ack" })).await;
    assert_eq!(settled["status"], "settled");
    hub.server.stop();
    assert!(parts.next().await.is_none(), "the stream ends cleanly");
}

#[actix_web::test]
async fn a_stream_and_a_poll_end_when_their_token_is_revoked_and_receive_no_later_event() {
    let opened = Arc::default();
    let counted = Arc::clone(&opened);
    let hub = listening_over(|hub| Arc::new(watched(hub, counted)), HubServerConfig::default()).await;
    let with = |token: &str, query: &str| hub.client.get(format!("{}/v1/events?{query}", hub.url)).bearer_auth(token);
    let stream = |token: &str, name: &str| {
        with(token, &format!("subscription={name}")).header("accept", "text/event-stream").send()
    };
    let mut parts = stream(TOKEN, "live").await.unwrap().bytes_stream();
    let mut kept = stream("the-next-token", "kept").await.unwrap().bytes_stream();
    for parts in [&mut parts, &mut kept] {
        assert!(parts.next().await.unwrap().unwrap().starts_with(b"retry: "));
    }
    let polls = ["subscription=sheets&wait_ms=20000", "subscription=named&wait_ms=20000&poller=p"];
    let waiting: Vec<_> = polls.map(|query| tokio::spawn(with(TOKEN, query).send())).into();
    // Each of them has its subscription open, and waits.
    let end = Instant::now() + Duration::from_secs(10);
    while AtomicUsize::load(&opened, Ordering::SeqCst) < 4 {
        assert!(Instant::now() < end, "the subscriptions are not opened");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hub.tokens.replace(["the-next-token".to_owned().into()]).unwrap();
    let published = hub.publishing("application/cloudevents+json", event("late").to_string());
    json_of(published.send().await.unwrap(), 401).await;
    let published = hub.client.post(format!("{}/v1/events", hub.url)).bearer_auth("the-next-token");
    let published = published.header("content-type", "application/cloudevents+json").body(event("late").to_string());
    json_of(published.send().await.unwrap(), 200).await;
    let mut rest = String::new();
    while let Some(part) = parts.next().await {
        rest.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
    }
    assert!(rest.starts_with("event: hub.problem\ndata: ") && rest.contains("unauthorized"), "{rest}");
    assert!(!rest.contains("late"), "{rest}");
    for poll in waiting {
        assert_eq!(json_of(poll.await.unwrap().unwrap(), 401).await["code"], "unauthorized");
    }
    let part = kept.next().await.unwrap().unwrap();
    assert!(part.starts_with(b"id: late\n"), "a stream whose token is accepted continues");
    // What was taken for a revoked token is delivered to another one at once.
    for name in ["live", "sheets", "named"] {
        let response = with("the-next-token", &format!("subscription={name}&wait_ms=10000")).send().await.unwrap();
        assert_eq!(json_of(response, 200).await["deliveries"][0]["event"]["id"], "late", "{name}");
    }
}
