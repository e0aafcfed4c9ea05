//! The contract over a hub in memory, as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use actix_service::apply;
use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    middleware::from_fn,
    web::{self, Bytes},
};
use character_http_kit::{AcceptedTokens, Endpoints, HttpMetrics, RequestLimit, middleware};
use character_message_hub::{Applied, ErrorKind, HubError, MemoryHub, MessageHub, Reply};
use character_message_hub_server::{HubServer, HubServerConfig, PROBLEM_TYPES, openapi};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response, header::HeaderValue};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

const TOKEN: &str = "token-of-the-tests";

/// A hub that listens on a private port.
struct Listening {
    url: String,
    hub: MemoryHub,
    server: HubServer,
    tokens: AcceptedTokens,
    handle: ServerHandle,
    client: reqwest::Client,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.server.stop();
        drop(self.handle.stop(false));
    }
}

/// A hub that counts the subscriptions that are opened.
fn watched(hub: MemoryHub, opened: Arc<AtomicUsize>) -> ScriptedHub {
    ScriptedHub::over(hub, move |call| {
        if let Call::Subscribe(_) = call {
            opened.fetch_add(1, Ordering::SeqCst);
        }
        Step::Pass
    })
}

/// A hub whose own credentials are refused: at once for the subscription `refused`, and with the first delivery for any other.
fn refused(hub: MemoryHub, kind: ErrorKind) -> ScriptedHub {
    ScriptedHub::over(hub, move |call| match call {
        Call::Subscribe(subscription) if subscription.name.as_str() != "refused" => Step::Pass,
        _ => {
            let error = HubError::new(kind.clone(), call.operation()).with_detail("NATS refuses the credentials");
            Step::Fail(error.with_applied(Applied::No))
        }
    })
}

async fn listening(config: HubServerConfig) -> Listening {
    listening_over(|hub| Arc::new(hub), config).await
}

async fn listening_over(over: impl FnOnce(MemoryHub) -> Arc<dyn MessageHub>, config: HubServerConfig) -> Listening {
    let hub = MemoryHub::new();
    let tokens = AcceptedTokens::new([TOKEN.to_owned().into(), "the-next-token".to_owned().into()]).unwrap();
    let server = HubServer::new(over(hub.clone()), tokens.clone(), config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (served, background) = (server.clone(), server.clone());
    let running = HttpServer::new(move || {
        let served = served.clone();
        App::new().configure(move |config| {
            let service = served.service(config, Endpoints::default());
            let accounted = apply(from_fn(middleware::account(PROBLEM_TYPES, HttpMetrics::default())), service);
            config.default_service(accounted);
        })
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    tokio::spawn(async move { background.background().await });
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    Listening { url, hub, server, tokens, handle, client }
}

impl Listening {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    fn publishing(&self, media_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, "/v1/events").header("content-type", media_type).body(body)
    }

    async fn publish_batch(&self, events: Value) -> Value {
        let request = self.publishing("application/cloudevents-batch+json", events.to_string());
        json_of(request.send().await.unwrap(), 200).await
    }

    async fn deliveries(&self, query: &str) -> Vec<Value> {
        let response = self.request(Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        json_of(response, 200).await["deliveries"].as_array().unwrap().clone()
    }

    async fn settle(&self, settlement: Value) -> Value {
        let request = self.request(Method::POST, "/v1/events/settle").json(&json!({ "settlements": [settlement] }));
        json_of(request.send().await.unwrap(), 200).await["results"][0].clone()
    }
}

async fn json_of(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn event(id: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "character.created", "subject": id, "data": { "n": 1.50 } })
}

#[actix_web::test]
async fn a_message_id_for_a_whole_batch_is_refused_and_nothing_is_published() {
    let hub = listening(HubServerConfig::default()).await;
    for batch in [json!([event("1")]), json!([event("1"), event("2")]), json!([])] {
        let request = hub.publishing("application/cloudevents-batch+json", batch.to_string());
        let problem = json_of(request.header("Message-Id", "mine").send().await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], "message-id", "{problem}");
    }
    assert!(hub.hub.published().is_empty());
}

#[actix_web::test]
async fn attributes_of_another_format_are_refused_in_every_mode_with_their_names() {
    let hub = listening(HubServerConfig::default()).await;
    for (attribute, wrong) in [
        ("source", json!("a b")),
        ("dataschema", json!("/schemas/1")),
        ("datacontenttype", json!("json")),
        ("sequence", json!(2_147_483_648_i64)),
    ] {
        let mut event = event("1");
        event[attribute] = wrong.clone();
        let structured = hub.publishing("application/cloudevents+json", event.to_string()).send().await.unwrap();
        assert_eq!(json_of(structured, 422).await["errors"][0]["field"], attribute);
        let batch = hub.publishing("application/cloudevents-batch+json", json!([event]).to_string());
        let problem = json_of(batch.send().await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], format!("[0].{attribute}"));
        let binary = |name: &str, value: &str| {
            let content_type = if name == "content-type" { value } else { "application/json" };
            let request = hub.request(Method::POST, "/v1/events").body("1").header("content-type", content_type);
            let set = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/a"), ("ce-type", "t")];
            let set = set.into_iter().filter(|(given, _)| *given != name);
            let request = set.fold(request, |request, (name, value)| request.header(name, value));
            if name.starts_with("ce-") { request.header(name, value) } else { request }
        };
        let header = match attribute {
            "datacontenttype" => "content-type".to_owned(),
            "sequence" => continue,
            other => format!("ce-{other}"),
        };
        let response = binary(&header, wrong.as_str().unwrap()).send().await.unwrap();
        assert_eq!(json_of(response, 422).await["errors"][0]["field"], header);
        let quoted = binary("ce-subject", "\"a b\"").send().await.unwrap();
        assert_eq!(json_of(quoted, 200).await["results"][0]["id"], "1");
    }
    let published = hub.hub.published();
    assert_eq!((published.len(), published[0].subject()), (1, Some("a b")), "a quoted value loses its quotes");
}

#[actix_web::test]
async fn an_event_of_another_source_is_published_in_every_mode_although_its_id_is_known() {
    let hub = listening(HubServerConfig::default()).await;
    let of_source = |source: &str| {
        let mut event = event("1");
        event["source"] = json!(source);
        event
    };
    let statuses = |results: Value| {
        let results = results["results"].as_array().unwrap().clone();
        results.into_iter().map(|result| result["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let batch = || json!([of_source("/a"), of_source("/b"), of_source("/a")]);
    assert_eq!(statuses(hub.publish_batch(batch()).await), ["published", "published", "duplicate"]);
    for (source, status) in [("/c", "published"), ("/c", "duplicate"), ("/a", "duplicate")] {
        let structured = hub.publishing("application/cloudevents+json", of_source(source).to_string());
        assert_eq!(statuses(json_of(structured.send().await.unwrap(), 200).await), [status], "{source}");
    }
    for (source, status) in [("/d", "published"), ("/d", "duplicate"), ("/c", "duplicate")] {
        let binary = hub.publishing("application/json", "1").header("ce-specversion", "1.0").header("ce-id", "1");
        let binary = binary.header("ce-source", source).header("ce-type", "character.created");
        assert_eq!(statuses(json_of(binary.send().await.unwrap(), 200).await), [status], "{source}");
    }
    let named = hub.publishing("application/cloudevents+json", of_source("/e").to_string());
    let named = named.header("message-id", "mine").send().await.unwrap();
    assert_eq!(statuses(json_of(named, 200).await), ["published"], "an explicit message id is taken unchanged");
}

#[actix_web::test]
async fn a_batch_has_one_result_per_event_and_a_repeat_is_a_duplicate() {
    let hub = listening(HubServerConfig::default()).await;
    let mut replay = event("1");
    replay["hubmessageid"] = json!("1/replay-a");
    let results = hub.publish_batch(json!([event("1"), event("2"), event("1"), replay])).await;
    let statuses: Vec<_> =
        results["results"].as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, ["published", "published", "duplicate", "published"]);
    assert_eq!(results["results"][3]["id"], "1");
    let published = hub.hub.published();
    assert_eq!(published.len(), 3);
    assert_eq!(published[2].extension("hubmessageid"), None, "the hub removes the message id");
    assert_eq!(serde_json::to_value(&*published[0]).unwrap(), event("1"));
}

#[actix_web::test]
async fn an_event_is_taken_in_structured_and_in_binary_mode() {
    let hub = listening(HubServerConfig::default()).await;
    let structured = hub.publishing("application/cloudevents+json; charset=utf-8", event("1").to_string());
    let result = json_of(structured.header("message-id", "other").send().await.unwrap(), 200).await;
    assert_eq!(result, json!({ "results": [{ "id": "1", "status": "published" }] }));
    let binary = |id: &str| {
        hub.publishing("application/json", r#"{"name":"Ada"}"#)
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", "/tests")
            .header("ce-type", "character.created")
            .header("ce-subject", "Torm%C3%ADr")
            .header("ce-traceparent", "00-1-2-01")
    };
    json_of(binary("2").send().await.unwrap(), 200).await;
    let repeat = binary("3").header("message-id", "other").send().await.unwrap();
    assert_eq!(json_of(repeat, 200).await["results"][0]["status"], "duplicate");
    let published = hub.hub.published();
    assert_eq!(published[1].subject(), Some("Tormír"));
    assert_eq!(published[1].extension("traceparent"), Some("00-1-2-01"));
    assert_eq!(published[1].json(), Some(&json!({ "name": "Ada" })));
}

#[actix_web::test]
async fn bad_events_are_refused_with_their_place_and_nothing_is_published() {
    let hub = listening(HubServerConfig::default()).await;
    let mut nameless = event("2");
    nameless["type"] = Value::Null;
    let mut odd = event("3");
    odd["Odd"] = json!("x");
    let batch = json!([event("1"), nameless, odd, 7]);
    let refused = hub.publishing("application/cloudevents-batch+json", batch.to_string()).send().await.unwrap();
    let problem = json_of(refused, 422).await;
    assert_eq!(problem["type"], "urn:problem-type:message-hub:invalid");
    assert_eq!(problem["certainly_not_applied"], true);
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["[1].type", "[2].Odd", "[3]"]);
    let many: Vec<_> = (0..1_001).map(|number| event(&number.to_string())).collect();
    let cases = [
        ("application/cloudevents-batch+json", json!(many).to_string(), 422, "invalid"),
        ("application/cloudevents-batch+json", event("1").to_string(), 400, "malformed"),
        ("application/cloudevents+json", "{".to_owned(), 400, "malformed"),
        ("application/cloudevents+json", "[]".to_owned(), 422, "invalid"),
        ("application/cloudevents+xml", "<event/>".to_owned(), 415, "unsupported-media-type"),
        ("application/json", event("1").to_string(), 415, "unsupported-media-type"),
    ];
    for (media_type, body, status, code) in cases {
        let response = hub.publishing(media_type, body).send().await.unwrap();
        assert_eq!(json_of(response, status).await["code"], code, "{media_type}");
    }
    let compressed = hub.publishing("application/cloudevents+json", "x").header("content-encoding", "gzip");
    assert_eq!(json_of(compressed.send().await.unwrap(), 415).await["code"], "unsupported-media-type");
    let large = hub.publishing("application/cloudevents+json", vec![b' '; 16 * 1024 * 1024 + 1]).send().await;
    // The hub may answer before it has read the body, and close the connection.
    if let Ok(response) = large {
        let problem = json_of(response, 413).await;
        assert_eq!((&problem["code"], &problem["limit"]), (&json!("too-large"), &json!(16_777_216)));
    }
    assert_eq!(hub.hub.published(), []);
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
async fn a_reply_of_a_service_that_lasts_is_broken_off_when_the_token_of_its_caller_is_revoked() {
    use tokio::io::AsyncReadExt as _;
    let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = listening(services("live", &[&format!("http://{}", service.local_addr().unwrap())])).await;
    // A service that sends the first part of a stream and then nothing, whatever it is asked.
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = service.accept().await {
            let mut head = [0; 16 * 1024];
            let read = connection.read(&mut head).await;
            let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            open.push((read, connection.write_all(begun.as_bytes()).await, connection));
        }
    });
    let stream =
        |token: &'static str| hub.client.get(format!("{}/v1/services/live/stream", hub.url)).bearer_auth(token).send();
    let mut revoked = stream(TOKEN).await.unwrap().bytes_stream();
    let mut kept = stream("the-next-token").await.unwrap().bytes_stream();
    for parts in [&mut revoked, &mut kept] {
        assert_eq!(parts.next().await.unwrap().unwrap(), "first");
    }
    hub.tokens.replace(["the-next-token".to_owned().into()]).unwrap();
    let broken = tokio::time::timeout(Duration::from_secs(10), revoked.next()).await.expect("it ends at once");
    assert!(broken.expect("it does not end as if it was whole").is_err());
    let silence = tokio::time::timeout(Duration::from_millis(200), kept.next()).await;
    assert!(silence.is_err(), "a reply whose token is accepted continues");
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
async fn a_reply_of_a_service_that_cannot_be_read_is_a_bad_gateway() {
    let hub = listening_over(|hub| Arc::new(refused(hub, ErrorKind::Corrupt)), HubServerConfig::default()).await;
    let routed = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    let problem = json_of(routed, 502).await;
    assert_eq!(problem["type"], "urn:problem-type:message-hub:corrupt");
    let own = hub.request(Method::GET, "/v1/events?subscription=opened").send().await.unwrap();
    assert_eq!(json_of(own, 500).await["code"], "corrupt", "what the hub itself cannot read is its own failure");
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

/// An instance that reports its name, what it received, and how often it was asked.
async fn instance(name: &'static str) -> (String, Arc<AtomicUsize>, ServerHandle) {
    instance_that_is(Arc::new(AtomicU16::new(200)), name).await
}

/// The same, which answers with this status when it is asked whether it is ready.
async fn instance_that_is(ready: Arc<AtomicU16>, name: &'static str) -> (String, Arc<AtomicUsize>, ServerHandle) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let running = HttpServer::new(move || {
        let (counted, ready) = (Arc::clone(&counted), Arc::clone(&ready));
        let answer = move |request: actix_web::HttpRequest, body: Bytes| {
            let (counted, ready) = (Arc::clone(&counted), Arc::clone(&ready));
            async move {
                if request.path() == "/health/ready" {
                    let status = actix_web::http::StatusCode::from_u16(ready.load(Ordering::SeqCst)).unwrap();
                    return actix_web::HttpResponse::build(status).finish();
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
                actix_web::HttpResponse::Ok().insert_header(("x-of-service", "yes")).json(json!({
                    "instance": name, "method": request.method().as_str(), "uri": request.uri().to_string(),
                    "body": String::from_utf8_lossy(&body), "authorization": header("authorization"),
                    "timeout": header("x-request-timeout-ms"), "trace": header("traceparent"),
                    "correlation": header("x-correlation-id"), "request_id": header("x-request-id"),
                }))
            }
        };
        App::new().default_service(web::to(answer))
    });
    let running = running.workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = running.handle();
    tokio::spawn(running);
    (url, asked, handle)
}

fn services(name: &str, urls: &[&str]) -> HubServerConfig {
    let services = urls.iter().map(|url| (name.parse().unwrap(), url.parse().unwrap())).collect();
    HubServerConfig { services, ..HubServerConfig::default() }
}

#[actix_web::test]
async fn a_request_reaches_the_service_with_what_belongs_to_it() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("sheets", &[&url])).await;
    let request = hub
        .request(Method::POST, "/v1/services/sheets/api/a%2Fb?x=1&y=%20")
        .header("x-service-authorization", "Bearer for-the-service")
        .header("x-request-timeout-ms", "5000")
        .header("traceparent", "00-1-2-01")
        .header("x-correlation-id", "c-1")
        .header("x-request-id", "r-1")
        .body("hello");
    let response = request.send().await.unwrap();
    assert_eq!(
        (&response.headers()["x-of-service"], &response.headers()["x-hub-responder"]),
        (&"yes".parse().unwrap(), &url.parse().unwrap())
    );
    let received = json_of(response, 200).await;
    for (field, expected) in [
        ("method", "POST"),
        ("uri", "/api/a%2Fb?x=1&y=%20"),
        ("body", "hello"),
        ("authorization", "Bearer for-the-service"),
        ("trace", "00-1-2-01"),
        ("correlation", "c-1"),
        ("request_id", "r-1"),
    ] {
        assert_eq!(received[field], expected, "{field}");
    }
    let left: u64 = received["timeout"].as_str().unwrap().parse().unwrap();
    assert!((1..=5_000).contains(&left));
    for path in ["/v1/services/sheets/%2e%2e/admin", "/v1/services/Sheets/x"] {
        // As it is written: a client would resolve the segments.
        let status = raw_status(&hub.url, path).await;
        assert_eq!(status, 422, "{path}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn the_response_to_head_declares_the_length_that_the_service_declares_or_none() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("sheets", &[&url])).await;
    hub.hub.respond("echo".parse().unwrap(), async |_| Reply::new(200, Bytes::new()));
    let length = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let length =
            response.headers().get("content-length").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(response.headers().get("transfer-encoding"), None);
        assert!(response.bytes().await.unwrap().is_empty());
        length
    };
    // Several over one connection, each of which ends where the client expects it.
    for _ in 0..3 {
        let of_service = length(hub.client.head(format!("{url}/x")).header("x-request-timeout-ms", "19999")).await;
        let routed = hub.request(Method::HEAD, "/v1/services/sheets/x").header("x-request-timeout-ms", "19999");
        assert!(of_service.unwrap() > 100);
        assert!(length(routed).await.unwrap() > 100);
        assert_eq!(length(hub.request(Method::HEAD, "/v1/services/echo/x")).await, None, "by the hub behind");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn no_path_leaves_the_base_path_of_an_instance() {
    let (url, _, handle) = instance("one").await;
    let hub = listening(services("based", &[&format!("{url}/base")])).await;
    for path in ["/..", "/\\..\\..\\admin", "/a\\..\\..\\admin", "/..\\admin", "/%2e%2E\\admin", "/a\\b", "/.\t./admin"]
    {
        let status = raw_status(&hub.url, &format!("/v1/services/based{path}")).await;
        // A tab ends the target of a request already.
        assert_eq!(status, if path.contains('\t') { 400 } else { 422 }, "{path}");
    }
    let reached = hub.request(Method::GET, "/v1/services/based/a%5Cb/..c").send().await.unwrap();
    assert_eq!(json_of(reached, 200).await["uri"], "/base/a%5Cb/..c");
    handle.stop(false).await;
}

#[actix_web::test]
async fn any_method_reaches_a_service_but_those_of_the_connection() {
    let (url, _, handle) = instance("only").await;
    let hub = listening(services("sheets", &[&url])).await;
    hub.hub.respond("echo".parse().unwrap(), async |request| Reply::new(200, request.method.to_string()));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "X-CAST"] {
        for path in ["/v1/services/sheets/x", "/v1/services/sheets/"] {
            let response = hub.request(method.parse().unwrap(), path).send().await.unwrap();
            assert_eq!(json_of(response, 200).await["method"], method, "{path}");
        }
        let response = hub.request(method.parse().unwrap(), "/v1/services/echo/x").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), method, "by the hub behind");
    }
    let head = hub.request(Method::HEAD, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(head.status().as_u16(), 200);
    let trace = hub.request(Method::TRACE, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(json_of(trace, 405).await["code"], "method-not-allowed");
    handle.stop(false).await;
}

async fn raw_status(url: &str, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[actix_web::test]
async fn requests_are_spread_and_an_instance_that_refuses_connections_costs_no_request() {
    let (first, first_asked, first_handle) = instance("first").await;
    let (second, second_asked, second_handle) = instance("second").await;
    let hub = listening(services("sheets", &[&first, &second])).await;
    let post = || hub.request(Method::POST, "/v1/services/sheets/x").send();
    for _ in 0..10 {
        assert_eq!(post().await.unwrap().status().as_u16(), 200);
    }
    assert_eq!((first_asked.load(Ordering::SeqCst), second_asked.load(Ordering::SeqCst)), (5, 5));
    first_handle.stop(false).await;
    // A worker of a server that was stopped may still serve the connections that it has, for a moment.
    let (mut of_second, end) = (0, Instant::now() + Duration::from_secs(20));
    while of_second < 10 {
        let read = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
        of_second = if json_of(read, 200).await["instance"] == "second" { of_second + 1 } else { 0 };
        assert!(Instant::now() < end, "the first instance still answers");
    }
    for _ in 0..10 {
        assert_eq!(json_of(post().await.unwrap(), 200).await["instance"], "second");
    }
    // An instance is set aside for a second at first, and tried again after it.
    loop {
        assert_eq!(post().await.unwrap().status().as_u16(), 200);
        let states = json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
        let healthy = |url: &str| {
            let instances = states["services"][0]["instances"].as_array().unwrap();
            instances.iter().find(|instance| instance["url"] == url).unwrap()["healthy"].clone()
        };
        assert_eq!(healthy(&second), json!(true));
        if healthy(&first) == json!(false) {
            break;
        }
        assert!(Instant::now() < end, "the first instance is not set aside");
    }
    second_handle.stop(false).await;
    // Its worker may still serve the connections that it has, too. The hub cannot know the outcome of a request that it wrote to one.
    let refused = loop {
        let answer = post().await.unwrap();
        if answer.status().as_u16() != 200 {
            let problem = json_of(answer, 503).await;
            if problem["code"] != "unavailable" {
                break problem;
            }
        }
        assert!(Instant::now() < end, "the second instance still has a connection");
    };
    assert_eq!((&refused["code"], &refused["certainly_not_applied"]), (&json!("no-responder"), &json!(true)));
}

#[actix_web::test]
async fn an_instance_that_is_not_ready_receives_no_request_unless_all_are_unready() {
    let ready = [503, 200].map(|status| Arc::new(AtomicU16::new(status)));
    let (first, first_asked, first_handle) = instance_that_is(Arc::clone(&ready[0]), "first").await;
    let (second, second_asked, second_handle) = instance_that_is(Arc::clone(&ready[1]), "second").await;
    let asked = || [&first_asked, &second_asked].map(|asked| asked.load(Ordering::SeqCst));
    let hub =
        listening(HubServerConfig { probe_every: Duration::from_millis(50), ..services("sheets", &[&first, &second]) });
    let hub = hub.await;
    let healthy = async || {
        let states = json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
        let healthy = |url: &str| {
            let instances = states["services"][0]["instances"].as_array().unwrap();
            instances.iter().find(|instance| instance["url"] == url).unwrap()["healthy"] == true
        };
        [healthy(&first), healthy(&second)]
    };
    let becomes = async |states: [bool; 2]| {
        let end = Instant::now() + Duration::from_secs(10);
        while healthy().await != states {
            assert!(Instant::now() < end, "the states never are {states:?}");
        }
    };
    let request = async || {
        let response = hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    };
    becomes([false, true]).await;
    for _ in 0..10 {
        request().await;
    }
    assert_eq!(asked(), [0, 10]);
    // As a port with TLS answers.
    ready[1].store(400, Ordering::SeqCst);
    becomes([false, false]).await;
    // More than a probe of each would hide, if a reply ended it.
    for _ in 0..100 {
        request().await;
        assert_eq!(healthy().await, [false, false]);
    }
    let [of_first, of_second] = asked();
    assert!(of_first > 0 && of_second > 10, "{of_first} {of_second}");
    ready[0].store(200, Ordering::SeqCst);
    becomes([true, false]).await;
    let before = asked();
    for _ in 0..10 {
        request().await;
    }
    assert_eq!(asked(), [before[0] + 10, before[1]]);
    first_handle.stop(false).await;
    second_handle.stop(false).await;
}

#[actix_web::test]
async fn a_request_that_no_instance_receives_names_the_service_and_each_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refuses, unknown) = (format!("http://{closed}"), "http://no-such-host.invalid:8100".to_owned());
    let hub = listening(services("sheets", &[&refuses, &unknown])).await;
    let problem = json_of(hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap(), 503).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("no-responder"), &json!(true)));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("no instance of sheets can be reached: "), "{detail}");
    for (instance, cause) in [(&refuses, "Connection refused"), (&unknown, "dns error")] {
        let (_, of_instance) = detail.split_once(&format!("{instance}: ")).unwrap();
        assert!(of_instance.split("; ").next().unwrap().contains(cause), "{detail}");
    }
    let problem = json_of(hub.request(Method::POST, "/v1/services/scrolls/x").send().await.unwrap(), 503).await;
    assert_eq!(problem["detail"], "no instance of scrolls is registered");
}

/// The replies that an instance may break off: before the head, in it, and in bodies that the hub reads whole and sends on in parts.
const BROKEN_REPLIES: [&str; 5] = [
    "",
    "HTTP/1.1 200 OK\r\ncontent-le",
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
];

/// An instance that reads a request, writes this and closes the connection.
async fn breaking(reply: &'static str) -> (String, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            if head[..read].starts_with(b"GET /health") {
                let healthy = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(healthy).await.unwrap();
            } else {
                counted.fetch_add(1, Ordering::SeqCst);
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        }
    });
    (url, received)
}

#[actix_web::test]
async fn an_instance_that_breaks_a_reply_off_is_set_aside() {
    for reply in BROKEN_REPLIES {
        let (broken, received) = breaking(reply).await;
        let (working, asked, handle) = instance("working").await;
        let config =
            HubServerConfig { probe_every: Duration::from_secs(600), ..services("sheets", &[&broken, &working]) };
        let hub = listening(config).await;
        let states = async || json_of(hub.request(Method::GET, "/v1/services").send().await.unwrap(), 200).await;
        let is_aside = async || {
            let states = states().await;
            let instances = states["services"][0]["instances"].as_array().unwrap();
            instances.iter().find(|instance| instance["url"] == broken.as_str()).unwrap()["healthy"] == false
        };
        assert!(!is_aside().await);
        while received.load(Ordering::SeqCst) == 0 {
            let response = hub.request(Method::POST, "/v1/services/sheets/x").send().await.unwrap();
            // The end of a reply that is sent on in parts.
            drop(response.bytes().await);
        }
        assert!(is_aside().await, "{reply:?}");
        assert!(asked.load(Ordering::SeqCst) <= 1);
        handle.stop(false).await;
    }
}

#[actix_web::test]
async fn only_an_idempotent_request_is_sent_again_after_an_instance_may_have_received_it() {
    for reply in &BROKEN_REPLIES[..3] {
        repeats_only_what_is_idempotent(reply).await;
    }
}

/// An instance breaks its replies off like this.
async fn repeats_only_what_is_idempotent(reply: &'static str) {
    let (broken, received) = breaking(reply).await;
    let (working, asked, handle) = instance("working").await;
    let config = HubServerConfig { probe_every: Duration::from_secs(600), ..services("sheets", &[&broken, &working]) };
    let request = |hub: &Listening, method: Method| hub.request(method, "/v1/services/sheets/x");
    // A new hub each time, whose first request goes to the broken instance.
    for (method, idempotent, status) in [
        (Method::POST, None, 503),
        (Method::PUT, Some("false"), 503),
        (Method::POST, Some("true"), 200),
        (Method::GET, None, 200),
    ] {
        let mut config = config.clone();
        config.probe_every = Duration::from_secs(600);
        let hub = listening(config).await;
        let mut worst = 200;
        for _ in 0..2 {
            let sent = idempotent
                .into_iter()
                .fold(request(&hub, method.clone()), |request, value| request.header("x-hub-idempotent", value));
            let response = sent.send().await.unwrap();
            let found = response.status().as_u16();
            if found != 200 {
                let problem = json_of(response, found).await;
                assert_eq!(
                    (&problem["code"], &problem["certainly_not_applied"]),
                    (&json!("unavailable"), &json!(false))
                );
            }
            worst = worst.max(found);
        }
        assert_eq!(worst, status, "{method} {idempotent:?} {reply:?}");
    }
    assert!(received.load(Ordering::SeqCst) >= 2 && asked.load(Ordering::SeqCst) >= 4);
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_request_ends_at_the_deadline_of_its_caller() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let hub = listening(services("sheets", &[&silent])).await;
    let begun = Instant::now();
    let request = hub.request(Method::GET, "/v1/services/sheets/x").header("x-request-timeout-ms", "300");
    let problem = json_of(request.send().await.unwrap(), 504).await;
    assert_eq!((&problem["code"], &problem["certainly_not_applied"]), (&json!("timeout"), &json!(false)));
    assert!(begun.elapsed() < Duration::from_secs(5));
    let wrong = hub.request(Method::GET, "/v1/services/sheets/x").header("x-request-timeout-ms", "soon");
    assert_eq!(json_of(wrong.send().await.unwrap(), 422).await["errors"][0]["field"], "x-request-timeout-ms");
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
async fn an_instance_registers_itself_for_a_time_and_removes_itself() {
    let (url, _, handle) = instance("dynamic").await;
    let hub = listening(services("fixed", &["http://127.0.0.1:9"])).await;
    let place = "/v1/services/sheets/instances/pod-1";
    let register = |body: Value| hub.request(Method::PUT, place).json(&body).send();
    let absent = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(json_of(absent, 503).await["code"], "no-responder");
    assert_eq!(json_of(register(json!({ "url": url })).await.unwrap(), 200).await, json!({ "ttl_ms": 30_000 }));
    let found = hub.request(Method::GET, "/v1/services/sheets/x").send().await.unwrap();
    assert_eq!(found.headers()["x-hub-responder"], "pod-1");
    for (body, field) in [
        (json!({ "url": "ftp://h" }), "url"),
        (json!({ "url": url, "ttl_ms": 999 }), "ttl_ms"),
        (json!({ "url": url, "colour": "red" }), "colour"),
    ] {
        let problem = json_of(register(body).await.unwrap(), 422).await;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let removed = || hub.request(Method::DELETE, place).send();
    assert_eq!(removed().await.unwrap().status().as_u16(), 204);
    assert_eq!(json_of(removed().await.unwrap(), 404).await["code"], "not-found");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_service_that_the_hub_behind_knows_is_reached_through_it() {
    let hub = listening(HubServerConfig::default()).await;
    hub.hub.respond("echo".parse().unwrap(), async |request| Reply {
        status: 409,
        content_type: Some("text/plain".into()),
        retry_after: Some(Duration::from_secs(7)),
        headers: request.headers.iter().chain([("set-cookie", "a=1"), ("set-cookie", "b=2")]).collect(),
        body: format!("{} {} {:?}", request.method, request.path, request.authorization).into(),
    });
    let request = hub.request(Method::PATCH, "/v1/services/echo/a?b=c").header("x-service-authorization", "Basic x");
    let request = request.header("if-match", "\"7\"").header("range", "bytes=0-1").header("x-request-id", "r-1");
    let request = request.header("connection", "x-private").header("x-private", "1");
    let response = request.send().await.unwrap();
    for (name, values) in [
        ("if-match", &["\"7\""][..]),
        ("range", &["bytes=0-1"]),
        ("x-request-id", &["r-1"]),
        ("set-cookie", &["a=1", "b=2"]),
        ("x-private", &[]),
        ("authorization", &[]),
    ] {
        assert_eq!(response.headers().get_all(name).iter().collect::<Vec<_>>(), values, "{name}");
    }
    assert_eq!(response.status().as_u16(), 409);
    assert_eq!(
        (&response.headers()["x-hub-responder"], &response.headers()["retry-after"]),
        (&"hub".parse().unwrap(), &"7".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "PATCH /a?b=c Some(\"Basic x\")");
    let unreadable = HeaderValue::from_bytes(b"\xFF").unwrap();
    let refused = hub.request(Method::GET, "/v1/services/echo/").header("x-name", unreadable).send().await.unwrap();
    let problem = json_of(refused, 422).await;
    assert!(problem["detail"].as_str().unwrap().starts_with("x-name: "), "{problem}");
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
