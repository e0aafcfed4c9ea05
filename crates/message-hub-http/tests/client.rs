//! What the client makes of every kind of answer, and of none.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_message_hub::{
    CloudEvent, ErrorKind, Filter, HubError, Message, MessageHub, ServiceRequest, Subscription,
};
use character_message_hub_http::{ConnectError, HttpHub, HttpHubConfig};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{any, header, method, path},
};

const LIMIT: Duration = Duration::from_secs(10);

fn hub_at(url: &str) -> HttpHub {
    HttpHub::connect(HttpHubConfig::new(url.parse().unwrap(), "token".to_owned().into())).unwrap()
}

fn message(id: &str, subject: &str) -> Message {
    let event = CloudEvent::new(id, "/tests", "character.created").unwrap().with_subject(subject).unwrap();
    Message::of(Arc::new(event))
}

fn get() -> ServiceRequest {
    ServiceRequest::get("sheets".parse().unwrap(), "/x", LIMIT)
}

async fn answering(response: ResponseTemplate) -> (MockServer, HttpHub) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    let hub = hub_at(&server.uri());
    (server, hub)
}

async fn publish_error(hub: &HttpHub) -> HubError {
    hub.publish(&[message("1", "ada")], LIMIT).await.remove(0).unwrap_err()
}

#[tokio::test]
async fn a_refusal_of_the_hub_names_field_and_reason() {
    let problem = json!({
        "title": "The request is invalid", "code": "invalid",
        "errors": [{ "field": "[0].source", "reason": "must be a URI reference" }],
    });
    let response = ResponseTemplate::new(422).set_body_raw(problem.to_string(), "application/problem+json");
    let (_server, hub) = answering(response).await;
    let error = publish_error(&hub).await;
    assert_eq!((error.kind(), error.is_permanent()), (&ErrorKind::Invalid, true));
    assert_eq!(error.to_string(), "hub.publish failed: invalid: [0].source: must be a URI reference");
}

#[tokio::test]
async fn each_result_belongs_to_its_event_and_the_message_id_travels_beside_it() {
    let results = json!({ "results": [
        { "id": "1", "status": "published" },
        { "id": "2", "status": "duplicate" },
        { "id": "3", "status": "failed", "code": "full", "certainly_not_applied": true },
    ] });
    let (server, hub) = answering(ResponseTemplate::new(200).set_body_json(results)).await;
    let replay = Message::replay(message("2", "b").event, "x");
    let replay_id = replay.message_id.to_string();
    let results = hub.publish(&[message("1", "a"), replay, message("3", "c")], LIMIT).await;
    assert!(!results[0].as_ref().unwrap().duplicate && results[1].as_ref().unwrap().duplicate);
    assert_eq!(results[2].as_ref().unwrap_err().kind(), &ErrorKind::Full);
    let request = server.received_requests().await.unwrap().remove(0);
    assert_eq!(request.headers["authorization"], "Bearer token");
    assert_eq!(request.headers["content-type"], "application/cloudevents-batch+json");
    let sent: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((sent[0].get("hubmessageid"), &sent[1]["hubmessageid"]), (None, &json!(replay_id)));
    let left: u64 = request.headers["x-request-timeout-ms"].to_str().unwrap().parse().unwrap();
    assert!((1..10_000).contains(&left));
}

#[tokio::test]
async fn what_no_hub_takes_is_refused_before_anything_is_sent() {
    let (server, hub) = answering(ResponseTemplate::new(200)).await;
    let large = CloudEvent::new("1", "/", "t").unwrap().with_json(json!("x".repeat(2 << 20)));
    let reserved = CloudEvent::new("2", "/", "t").unwrap().with_extension("hubmessageid", "x").unwrap();
    for event in [large, reserved] {
        let error = hub.publish(&[Message::of(Arc::new(event))], LIMIT).await.remove(0).unwrap_err();
        assert!(error.is_permanent() && error.certainly_not_applied(), "{error}");
    }
    let mut config = HttpHubConfig::new(server.uri().parse().unwrap(), "token".to_owned().into());
    config.max_request_bytes = 3;
    let small = HttpHub::connect(config).unwrap();
    let request = ServiceRequest { method: "POST".into(), body: "four".into(), ..get() };
    let error = small.request(request).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { limit: 3, size: 4 });
    for path in ["x", "/../../events", "/a/./b"] {
        let error = hub.request(ServiceRequest { path: path.to_owned(), ..get() }).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{path}");
    }
    let header = ServiceRequest { correlation_id: Some("a\nb".into()), ..get() };
    assert_eq!(hub.request(header).await.unwrap_err().kind(), &ErrorKind::Invalid);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_large_batch_goes_in_several_requests_and_stops_at_the_first_that_fails() {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let events: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
        if events.iter().any(|event| event["id"] == "12") {
            return ResponseTemplate::new(503);
        }
        let results: Vec<_> = events.iter().map(|event| json!({ "id": event["id"], "status": "published" })).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "results": results }))
    };
    Mock::given(method("POST")).and(path("/v1/events")).respond_with(answer).mount(&server).await;
    let large = |id: usize| {
        let event = CloudEvent::new(id.to_string(), "/", "t").unwrap().with_json(json!("x".repeat(900_000)));
        Message::of(Arc::new(event))
    };
    let messages: Vec<_> = (0..30).map(large).collect();
    let results = hub_at(&server.uri()).publish(&messages, LIMIT).await;
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2, "the second one fails, and no other follows");
    assert!(requests.iter().all(|request| request.body.len() < 16 << 20));
    let published = results.iter().take_while(|result| result.is_ok()).count();
    assert!((1..=12).contains(&published));
    let failed: Vec<_> = results[published..].iter().map(|result| result.as_ref().unwrap_err()).collect();
    assert!(failed.iter().all(|error| matches!(error.kind(), ErrorKind::Unavailable { .. })));
    assert!(!failed[0].certainly_not_applied(), "it was sent");
    assert!(failed.last().unwrap().certainly_not_applied(), "it was not sent");
}

#[tokio::test]
async fn answers_that_break_the_contract_are_corrupt_and_unknown() {
    for body in ["", "[]", r#"{"results":[]}"#, r#"{"results":[{"id":"1","status":"lost"}]}"#] {
        let (_server, hub) = answering(ResponseTemplate::new(200).set_body_string(body)).await;
        let error = publish_error(&hub).await;
        assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false), "{body}");
    }
    let (_server, hub) = answering(ResponseTemplate::new(200).set_body_string("hello")).await;
    assert_eq!(hub.request(get()).await.unwrap_err().kind(), &ErrorKind::Corrupt, "no responder");
}

#[tokio::test]
async fn problems_of_the_hub_and_of_proxies_are_told_apart_by_their_effect() {
    let problem = |status: u16, code: &str, applied: bool| {
        let body = json!({ "type": "about:blank", "status": status, "code": code, "certainly_not_applied": applied });
        ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
    };
    let some = |seconds| ErrorKind::Unavailable { retry_after: Some(Duration::from_secs(seconds)) };
    for (response, kind, certainly) in [
        (problem(401, "unauthorized", true), ErrorKind::Unauthorized, true),
        (problem(503, "no-responder", true), ErrorKind::NoResponder, true),
        (problem(504, "timeout", false), ErrorKind::Timeout, false),
        (problem(503, "unavailable", true), ErrorKind::Unavailable { retry_after: None }, true),
        (problem(507, "full", true), ErrorKind::Full, true),
        (ResponseTemplate::new(502), ErrorKind::Unavailable { retry_after: None }, false),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), some(7), false),
        (ResponseTemplate::new(401), ErrorKind::Unauthorized, true),
        (ResponseTemplate::new(404), ErrorKind::Corrupt, false),
        (ResponseTemplate::new(301).insert_header("location", "/x"), ErrorKind::Corrupt, false),
    ] {
        let (_server, hub) = answering(response).await;
        for error in [publish_error(&hub).await, hub.request(get()).await.unwrap_err()] {
            assert_eq!((error.kind(), error.certainly_not_applied()), (&kind, certainly), "{error}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_the_service_reports_is_a_reply() {
    let response = ResponseTemplate::new(503)
        .insert_header("x-hub-responder", "pod-1")
        .insert_header("retry-after", "3")
        .set_body_raw(r#"{"code":"no-responder"}"#, "application/problem+json");
    let (_server, hub) = answering(response).await;
    let reply = hub.request(get()).await.unwrap();
    assert_eq!((reply.status, reply.retry_after), (503, Some(Duration::from_secs(3))));
    assert_eq!(reply.body, r#"{"code":"no-responder"}"#);
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_applied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let hub = hub_at(&url);
    for error in [publish_error(&hub).await, hub.request(get()).await.unwrap_err(), hub.probe().await.unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }) && error.certainly_not_applied(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn opening_a_subscription_waits_for_a_hub_that_is_away_and_not_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let subscription = Subscription::new("sheets".parse().unwrap(), Filter::all());
    let begun = tokio::time::Instant::now();
    let error = hub_at(&url).subscribe(&subscription).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    let waited = begun.elapsed();
    assert!((20..36).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn a_subscription_is_opened_when_the_hub_is_there_again() {
    let server = MockServer::start().await;
    let given = || Mock::given(method("GET")).and(path("/v1/events"));
    given().respond_with(ResponseTemplate::new(503)).up_to_n_times(3).with_priority(1).mount(&server).await;
    let opened = ResponseTemplate::new(200).set_body_json(json!({ "deliveries": [] }));
    given().respond_with(opened).with_priority(2).mount(&server).await;
    let subscription = Subscription::new("sheets".parse().unwrap(), Filter::all());
    hub_at(&server.uri()).subscribe(&subscription).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    // The first one waits at the hub as long as a crash of one of its processes takes.
    let first = requests.first().unwrap().url.query().unwrap();
    assert!(first.contains("limit=0&wait_ms=") && !first.contains("wait_ms=0"), "{first}");
    let continues = requests.iter().filter(|request| request.headers.contains_key("x-hub-continues"));
    assert_eq!(continues.count(), 0, "each of them names the types that the subscription has from then on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_within_its_timeout_while_a_thousand_wait_for_a_silent_hub() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = hub_at(&format!("http://{}", listener.local_addr().unwrap()));
    let silent = tokio::spawn(async move {
        let mut accepted = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.push(stream);
        }
    });
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let hub = hub.clone();
        waiting.spawn(async move {
            // The first ones keep every place for publishing until long after the others have given up.
            let timeout = if number < 200 { 3_000 } else { 500 };
            let (begun, timeout) = (Instant::now(), Duration::from_millis(timeout));
            let error = if number % 2 == 0 {
                hub.publish(&[message(&number.to_string(), "ada")], timeout).await.remove(0).unwrap_err()
            } else {
                hub.request(ServiceRequest { timeout, ..get() }).await.unwrap_err()
            };
            (begun.elapsed(), error)
        });
    }
    let (mut sent, mut unsent) = (0, 0);
    for (took, error) in waiting.join_all().await {
        // So many connections at once may not all be opened in their second.
        let is_unopened = matches!(error.kind(), ErrorKind::Unavailable { .. }) && error.certainly_not_applied();
        assert!(*error.kind() == ErrorKind::Timeout || is_unopened, "{took:?} {error:?}");
        // Which limit was over, and how long it is.
        let names_limit = |text: &str| {
            ["3s", "500ms"].iter().any(|limit| text.contains(&format!("no answer within {limit}, the timeout of the")))
        };
        assert!(is_unopened || names_limit(&error.to_string()), "{error}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        if is_unopened {
            continue;
        }
        if error.certainly_not_applied() { unsent += 1 } else { sent += 1 }
    }
    assert!(sent > 0 && unsent > 0, "{sent} were sent, {unsent} found no place");
    silent.abort();
}

#[tokio::test]
async fn a_subscription_waits_for_a_hub_that_is_away_and_reports_revoked_credentials() {
    let server = MockServer::start().await;
    let opened = ResponseTemplate::new(200).set_body_json(json!({ "deliveries": [] }));
    let delivered = json!({ "batch": "b", "deliveries": [
        { "receipt": "r", "attempt": 2, "event": { "specversion": "1.0", "id": "1", "source": "/", "type": "t" } },
    ] });
    let given = || Mock::given(method("GET")).and(path("/v1/events")).and(header("authorization", "Bearer token"));
    given().respond_with(opened).up_to_n_times(1).with_priority(1).mount(&server).await;
    given().respond_with(ResponseTemplate::new(503)).up_to_n_times(2).with_priority(2).mount(&server).await;
    let answer = ResponseTemplate::new(200).set_body_json(delivered);
    given().respond_with(answer).up_to_n_times(1).with_priority(3).mount(&server).await;
    given().respond_with(ResponseTemplate::new(401)).with_priority(4).mount(&server).await;
    let subscription = Subscription::new("sheets".parse().unwrap(), "t".parse().unwrap());
    let mut deliveries = hub_at(&server.uri()).subscribe(&subscription).await.unwrap();
    let delivery = tokio::time::timeout(LIMIT, deliveries.next()).await.unwrap().unwrap();
    assert_eq!((delivery.event().id(), delivery.attempt()), ("1", 2));
    let error = tokio::time::timeout(LIMIT, deliveries.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unauthorized);
    let last = server.received_requests().await.unwrap().pop().unwrap();
    assert!(last.url.query().unwrap().ends_with("received=b"), "{}", last.url);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for (url, token) in [("ftp://h", "t"), ("http://u:p@h", "t"), ("http://h/?a=b", "t")] {
        let config = HttpHubConfig::new(url.parse().unwrap(), token.to_owned().into());
        assert!(matches!(HttpHub::connect(config), Err(ConnectError::Address { .. })), "{url}");
    }
    for token in ["", " ", "line\nbreak", "\u{e9}"] {
        let config = HttpHubConfig::new("http://h".parse().unwrap(), token.to_owned().into());
        assert!(matches!(HttpHub::connect(config), Err(ConnectError::Token)), "{token:?}");
    }
}
