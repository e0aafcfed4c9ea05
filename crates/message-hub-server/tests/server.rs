//! The contract over a hub in memory, as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "server/consume.rs"]
mod consume;
#[path = "server/instances.rs"]
mod instances;
#[path = "server/publish.rs"]
mod publish;
#[path = "server/routing.rs"]
mod routing;
#[path = "server/support.rs"]
mod support;

use actix_web::web::Bytes;
use character_http_kit::RequestLimit;
use character_message_hub::{ErrorKind, MessageHub};
use character_message_hub_server::{HubServerConfig, openapi};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Listening, TOKEN, event, json_of, listening, listening_over, refused, services};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[actix_web::test]
async fn every_request_ends_when_its_caller_stops_waiting() {
    let silent = |hub| -> Arc<dyn MessageHub> {
        Arc::new(ScriptedHub::over(hub, |call| match call {
            Call::Settle(_) | Call::InProgress | Call::Probe => Step::Hang,
            _ => Step::Pass,
        }))
    };
    let hub = listening_over(silent, HubServerConfig::default()).await;
    hub.deliveries("subscription=sheets").await;
    hub.publish_batch(json!([event("one"), event("two")])).await;
    let delivered = hub.deliveries("subscription=sheets&wait_ms=10000&limit=2").await;
    assert_eq!(delivered.len(), 2);
    let started = Instant::now();
    for (delivery, action) in delivered.iter().zip(["ack", "in_progress"]) {
        let settlement = json!({ "receipt": delivery["receipt"], "action": action });
        let request = hub.request(Method::POST, "/v1/events/settle").json(&json!({ "settlements": [settlement] }));
        let response = request.header("x-request-timeout-ms", "300").send().await.unwrap();
        let results = json_of(response, 200).await;
        let problem = &results["results"][0];
        assert_eq!(problem["code"], "timeout", "{action}: {results}");
        assert!(problem["detail"].as_str().unwrap().contains("300ms, the timeout of the request"), "{results}");
    }
    let probe = hub.request(Method::GET, "/v1/probe").header("x-request-timeout-ms", "300").send().await.unwrap();
    let problem = json_of(probe, 504).await;
    assert!(problem["detail"].as_str().unwrap().contains("300ms, the timeout of the request"), "{problem}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for path in ["/v1/probe", "/v1/subscriptions", "/v1/subscriptions/sheets/rejected"] {
        let wrong = hub.request(Method::GET, path).header("x-request-timeout-ms", "soon").send().await.unwrap();
        assert!([422, 501].contains(&wrong.status().as_u16()), "{path}: {}", wrong.status());
    }
}

#[actix_web::test]
async fn credentials_of_the_hub_that_are_refused_behind_it_are_no_fault_of_the_token_of_a_client() {
    for (kind, what) in [
        (ErrorKind::Unauthorized, "what keeps the events refuses the credentials of the hub"),
        (ErrorKind::Forbidden, "what keeps the events does not permit this to the credentials of the hub"),
    ] {
        let detail = json!(format!("{what}: NATS refuses the credentials"));
        let hub = listening_over(|hub| Arc::new(refused(hub, kind)), HubServerConfig::default()).await;
        for path in [
            "/v1/probe",
            "/v1/events?subscription=refused",
            "/v1/events?subscription=opened",
            "/v1/events?subscription=named&poller=p",
            "/v1/services/sheets/x",
        ] {
            let response = hub.request(Method::GET, path).send().await.unwrap();
            assert_eq!(response.headers().get("www-authenticate"), None, "{path}");
            let problem = json_of(response, 503).await;
            assert_eq!((&problem["code"], &problem["detail"]), (&json!("unavailable"), &detail), "{path}");
            assert_eq!(problem["certainly_not_applied"], true, "{path}");
        }
        let stream = hub.request(Method::GET, "/v1/events?subscription=live").header("accept", "text/event-stream");
        let text = stream.send().await.unwrap().text().await.unwrap();
        assert!(text.contains("hub.problem") && text.contains(what) && text.contains("unavailable"), "{text}");
        let result = hub.publish_batch(json!([event("1")])).await["results"][0].clone();
        assert_eq!((&result["code"], &result["detail"]), (&json!("unavailable"), &detail));
        let wrong = hub.client.get(format!("{}/v1/probe", hub.url)).bearer_auth("wrong").send().await.unwrap();
        assert_eq!(json_of(wrong, 401).await["code"], "unauthorized", "a wrong token is still named as such");
    }
}

#[actix_web::test]
async fn polls_and_publications_end_at_the_time_of_their_caller() {
    let hub = listening(HubServerConfig::default()).await;
    let begun = Instant::now();
    let poll = |wait: &str, timeout: &str| {
        let path = format!("/v1/events?subscription=sheets&poller=p&wait_ms={wait}");
        hub.request(Method::GET, &path).header("x-request-timeout-ms", timeout).send()
    };
    assert_eq!(json_of(poll("19000", "300").await.unwrap(), 200).await, json!({ "deliveries": [] }));
    assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&begun.elapsed()));
    hub.publish_batch(json!([event("1")])).await;
    let delivered = json_of(poll("19000", "19000").await.unwrap(), 200).await;
    assert_eq!(delivered["deliveries"][0]["event"]["id"], "1");
    for wrong in ["soon", "0", "-1", "1.5", ""] {
        let problem = json_of(poll("0", wrong).await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], "x-request-timeout-ms", "{wrong}");
        let stream = hub.request(Method::GET, "/v1/events?subscription=live").header("x-request-timeout-ms", wrong);
        let stream = stream.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(json_of(stream, 422).await["errors"][0]["field"], "x-request-timeout-ms", "{wrong}");
    }
    let begun = Instant::now();
    let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let publishing = hub.publishing("application/cloudevents+json", body).header("x-request-timeout-ms", "300");
    let problem = json_of(publishing.send().await.unwrap(), 504).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("timeout"), &json!(true)));
    assert_eq!(problem["detail"], "no answer within 300ms, the timeout of the request");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn every_request_needs_one_of_the_tokens() {
    let hub = listening(HubServerConfig::default()).await;
    for path in ["/v1", "/v1/events?subscription=a", "/v1/services/a/b", "/v1/nowhere", "/%76%31/probe"] {
        for token in [None, Some("wrong")] {
            let request = hub.client.get(format!("{}{path}", hub.url));
            let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(json_of(response, 401).await["code"], "unauthorized", "{path}");
        }
    }
    for token in [TOKEN, "the-next-token"] {
        let request = hub.client.get(format!("{}/v1/probe", hub.url)).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 204);
    }
    let nowhere = hub.request(Method::GET, "/v1/nowhere").send().await.unwrap();
    assert_eq!(json_of(nowhere, 404).await["code"], "no-such-path");
}

/// Begins to publish, and does not end: the body is longer than what is sent of it.
async fn unfinished(hub: &Listening) -> TcpStream {
    let mut connection = TcpStream::connect(hub.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 100\r\n\
         content-type: application/cloudevents+json\r\n\r\n{{"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

#[actix_web::test]
async fn beyond_its_limit_the_hub_refuses_at_once_and_polls_and_services_take_no_place() {
    const MOST: usize = 4;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = services("silent", &[&format!("http://{}", silent.local_addr().unwrap())]);
    config.requests = RequestLimit::new(MOST);
    let hub = listening(config).await;
    let spawned = |request: RequestBuilder| tokio::spawn(request.send());
    let waiting: Vec<_> = (0..2 * MOST)
        .flat_map(|number| {
            let query = format!("subscription=sheets&wait_ms=19000&poller=p{number}&types=none");
            let routed = hub.request(Method::GET, "/v1/services/silent/x").header("x-request-timeout-ms", "19000");
            [spawned(hub.request(Method::GET, &format!("/v1/events?{query}"))), spawned(routed)]
        })
        .collect();
    // Each request to the service has arrived there, and a question for its health.
    let mut arrived = Vec::new();
    for _ in 0..=2 * MOST {
        arrived.push(silent.accept().await.unwrap());
    }
    hub.publish_batch(json!([event("before")])).await;
    // Three places are for changes.
    let mut unfinished_changes = Vec::new();
    for _ in 0..MOST - MOST / 4 {
        unfinished_changes.push(unfinished(&hub).await);
    }
    let end = Instant::now() + Duration::from_secs(10);
    let refused = loop {
        let publishing = hub.publishing("application/cloudevents+json", event("beyond").to_string());
        let response = publishing.send().await.unwrap();
        if response.status().as_u16() != 200 {
            break response;
        }
        assert!(Instant::now() < end, "nothing is refused");
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem = json_of(refused, 503).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("unavailable"), &json!(true)));
    // The path as the endpoints read it.
    let encoded = hub.request(Method::POST, "/v1/%65vents").body(event("encoded").to_string());
    let encoded = encoded.header("content-type", "application/cloudevents+json").send().await.unwrap();
    assert_eq!(encoded.status().as_u16(), 503);
    drop(unfinished_changes);
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let publishing = hub.publishing("application/cloudevents+json", event("after").to_string());
        if publishing.send().await.unwrap().status().as_u16() == 200 {
            break;
        }
        assert!(Instant::now() < end, "the places of clients that are gone are not free");
    }
    for request in waiting {
        assert!(!request.is_finished(), "a request that waits was answered");
        request.abort();
    }
    drop(arrived);
}

#[actix_web::test]
async fn operations_that_a_hub_does_not_offer_are_named_as_such() {
    let hub = listening(HubServerConfig::default()).await;
    for (method, path) in [
        (Method::GET, "/v1/subscriptions"),
        (Method::GET, "/v1/subscriptions/sheets/rejected"),
        (Method::DELETE, "/v1/subscriptions/sheets"),
    ] {
        let response = hub.request(method, path).send().await.unwrap();
        assert_eq!(json_of(response, 501).await["code"], "unsupported", "{path}");
    }
}

#[actix_web::test]
async fn the_document_describes_each_path_and_method() {
    let document: Value = serde_json::from_str(openapi()).unwrap();
    let (mut references, mut left) = (0, vec![&document]);
    while let Some(value) = left.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
            references += 1;
        }
        left.extend(value.as_object().into_iter().flat_map(|object| object.values()));
        left.extend(value.as_array().into_iter().flatten());
    }
    assert!(references > 20, "{references}");
    let hub = listening(HubServerConfig::default()).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let concrete = path.replace("{name}", "a").replace("{id}", "b").replace("{path}", "c");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
            let described = item.get(method.to_lowercase()).is_some();
            let request = hub.request(method.parse().unwrap(), &concrete).send().await.unwrap();
            assert_eq!(request.status().as_u16() != 405, described, "{method} {path}");
            let text = request.text().await.unwrap();
            assert!(!text.contains("no-such-path"), "{method} {path}: {text}");
        }
    }
    hub.hub.probe().await.unwrap();
}
