//! Polls and streams that one server passes on to another one, which a script plays, or that another one has passed on.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use actix_http::Request;
use actix_web::{
    App, Error,
    body::{self, MessageBody},
    dev::{Service, ServiceResponse},
    http::Method,
    test::{TestRequest, call_service, init_service},
};
use character_http_kit::AcceptedTokens;
use character_message_hub::{
    CloudEvent, Deliveries, ErrorKind, Filter, HolderRecord, HolderRecords, HubError, HubOperations, MemoryHub,
    Message, MessageHub, Published, REQUEST, RejectedEvent, Reply, Result, SUBSCRIBE, ServiceName, ServiceRequest,
    Subscription, SubscriptionName, SubscriptionState, async_trait,
};
use character_message_hub_server::{HubServer, HubServerConfig};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use serde_json::{Value, json};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

const TOKEN: &str = "token-of-the-tests";
const OWN: &str = "message-hub-00000000000000000000000000000001";
const OTHER: &str = "message-hub-00000000000000000000000000000002";
const SECOND: Duration = Duration::from_secs(1);

/// The record of every subscription, which another server renews before it is read, as long as it holds them, and the types that the hub
/// has kept of each.
#[derive(Debug)]
struct Records {
    record: Mutex<HolderRecord>,
    types: Option<Filter>,
    /// Records cannot be written.
    fails: AtomicBool,
}

impl Records {
    fn of(holder: Option<&str>) -> Self {
        let holder = holder.map(|holder| holder.parse().unwrap());
        Self { record: Mutex::new(HolderRecord { revision: 1, holder }), types: None, fails: AtomicBool::new(false) }
    }
}

#[async_trait]
impl HolderRecords for Records {
    async fn read(&self, _: &SubscriptionName) -> Result<Option<HolderRecord>> {
        let mut record = self.record.lock().unwrap();
        record.revision += u64::from(record.holder.as_ref().is_some_and(|holder| holder.as_str() == OTHER));
        Ok(Some(record.clone()))
    }

    async fn replace(&self, _: &SubscriptionName, revision: u64, holder: Option<&ServiceName>) -> Result<Option<u64>> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(HubError::new(ErrorKind::Unavailable { retry_after: None }, SUBSCRIBE));
        }
        let mut record = self.record.lock().unwrap();
        if record.revision != revision {
            return Ok(None);
        }
        *record = HolderRecord { revision: revision + 1, holder: holder.cloned() };
        Ok(Some(record.revision))
    }
}

#[async_trait]
impl HubOperations for Records {
    async fn subscriptions(&self) -> Result<Vec<SubscriptionState>> {
        Ok(Vec::new())
    }

    async fn types(&self, _: &SubscriptionName) -> Result<Option<Filter>> {
        Ok(self.types.clone())
    }

    async fn rejected(&self, _: &SubscriptionName, _: usize) -> Result<Option<Vec<RejectedEvent>>> {
        Ok(None)
    }

    async fn remove_subscription(&self, _: &SubscriptionName) -> Result<bool> {
        Ok(false)
    }
}

/// A hub in which a subscription to the types that it has kept takes a second to open.
#[derive(Debug)]
struct SlowHub(MemoryHub);

#[async_trait]
impl MessageHub for SlowHub {
    async fn publish(&self, messages: &[Message], timeout: Duration) -> Vec<Result<Published>> {
        self.0.publish(messages, timeout).await
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        self.0.request(request).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<Box<dyn Deliveries>> {
        if subscription.filter == kept() {
            sleep(SECOND).await;
        }
        self.0.subscribe(subscription).await
    }

    async fn probe(&self) -> Result<()> {
        self.0.probe().await
    }
}

/// A hub in which every subscription fails a while after it was asked for.
#[derive(Debug)]
struct FailingHub {
    kind: ErrorKind,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl MessageHub for FailingHub {
    async fn publish(&self, _: &[Message], _: Duration) -> Vec<Result<Published>> {
        Vec::new()
    }

    async fn request(&self, request: ServiceRequest) -> Result<Reply> {
        Err(request.no_instance())
    }

    async fn subscribe(&self, _: &Subscription) -> Result<Box<dyn Deliveries>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        sleep(SECOND * 10).await;
        Err(HubError::new(self.kind.clone(), SUBSCRIBE))
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

fn kept() -> Filter {
    "character.created".parse().unwrap()
}

fn tokens() -> AcceptedTokens {
    AcceptedTokens::new([TOKEN.to_owned().into()]).unwrap()
}

/// What a server knows the types of its subscriptions by.
#[derive(Clone, Copy, Debug)]
enum KnownBy {
    Operations,
    Holders,
    Both,
}

const EACH: [KnownBy; 3] = [KnownBy::Operations, KnownBy::Holders, KnownBy::Both];

/// A server over a hub that has kept the types of its subscriptions.
fn server_with_types(hub: impl MessageHub + 'static, by: KnownBy) -> HubServer {
    let records = Arc::new(Records { types: Some(kept()), ..Records::of(None) });
    match by {
        KnownBy::Operations => {
            HubServer::with_operations(Arc::new(hub), records, tokens(), HubServerConfig::default()).unwrap()
        }
        KnownBy::Holders => server_of(hub, records),
        KnownBy::Both => {
            let (peer, holders) = (Some(OWN.parse().unwrap()), Some(Arc::clone(&records) as _));
            let config = HubServerConfig { peer, holders, ..HubServerConfig::default() };
            HubServer::with_operations(Arc::new(hub), records, tokens(), config).unwrap()
        }
    }
}

fn server(hub: impl MessageHub + 'static, records: Records) -> HubServer {
    server_of(hub, Arc::new(records))
}

fn server_of(hub: impl MessageHub + 'static, records: Arc<Records>) -> HubServer {
    let (peer, holders) = (Some(OWN.parse().unwrap()), Some(records as _));
    HubServer::new(Arc::new(hub), tokens(), HubServerConfig { peer, holders, ..HubServerConfig::default() }).unwrap()
}

/// A server that passes on to the other one, which answers so.
fn passing_on(script: impl Fn(&ServiceRequest) -> Step + Send + Sync + 'static) -> HubServer {
    let hub = ScriptedHub::over(MemoryHub::new(), move |call| match call {
        Call::Request(request) if request.to.as_str() == OTHER => script(request),
        _ => Step::Pass,
    });
    server(hub, Records::of(Some(OTHER)))
}

async fn service_of(
    server: HubServer,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    init_service(App::new().configure(move |config| server.configure(config))).await
}

fn request(method: Method, query: &str) -> TestRequest {
    let uri = format!("/v1/events?subscription=sheets&{query}");
    TestRequest::default().method(method).uri(&uri).insert_header(("authorization", format!("Bearer {TOKEN}")))
}

async fn json_of(
    service: &impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error>,
    request: TestRequest,
) -> (u16, Value) {
    let response = call_service(service, request.to_request()).await;
    let status = response.status().as_u16();
    let body = body::to_bytes(response.into_body()).await.ok().unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn publish(hub: &impl MessageHub, id: &str) {
    let event = CloudEvent::new(id, "/tests", "character.created").unwrap();
    assert!(hub.publish(&[Message::of(Arc::new(event))], SECOND).await.iter().all(Result::is_ok));
}

fn reply(status: u16, body: impl Into<Vec<u8>>) -> Step {
    Step::Reply(Reply::new(status, body.into()))
}

fn failed(kind: ErrorKind) -> Step {
    Step::Fail(HubError::new(kind, REQUEST))
}

#[actix_web::test]
async fn a_response_that_is_lost_or_refused_between_two_servers_is_returned_to_the_one_that_made_it() {
    tokio::time::pause();
    for (answer, expected) in [
        (failed(ErrorKind::Timeout), true),
        (failed(ErrorKind::Unavailable { retry_after: None }), true),
        (reply(502, "the reply has no room"), true),
        (reply(200, "no deliveries"), true),
        (reply(200, r#"{"deliveries":[]}"#), false),
        (failed(ErrorKind::NoResponder), false),
    ] {
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let (noted, of_polls) = (Arc::clone(&seen), answer.clone());
        let server = passing_on(move |request| {
            let id = request.headers.get("x-hub-passed-on").map(str::to_owned);
            noted.lock().unwrap().push((request.method.to_string(), id));
            if &*request.method == "GET" { of_polls.clone() } else { reply(204, "") }
        });
        let service = service_of(server.clone()).await;
        json_of(&service, request(Method::GET, "wait_ms=100")).await;
        sleep(SECOND).await;
        let seen = seen.lock().unwrap();
        let of = |method: &str| seen.iter().filter(|(seen, _)| seen == method).map(|(_, id)| id.clone()).collect();
        let (polls, returned): (Vec<_>, Vec<_>) = (of("GET"), of("DELETE"));
        assert!(!polls.is_empty());
        assert_eq!(returned, if expected { polls } else { Vec::new() }, "{answer:?}");
    }
}

#[actix_web::test]
async fn a_response_that_another_server_did_not_receive_is_delivered_again_at_once() {
    let hub = MemoryHub::new();
    let service = service_of(server(hub.clone(), Records::of(None))).await;
    json_of(&service, request(Method::GET, "limit=0")).await;
    publish(&hub, "1").await;
    let passed_on = ("x-hub-passed-on", "5b1f8f5e-4f5e-4b0c-8f0e-3f0c4b0c8f0e");
    let (_, lost) = json_of(&service, request(Method::GET, "wait_ms=1000").insert_header(passed_on)).await;
    assert_eq!(lost["deliveries"][0]["event"]["id"], "1", "{lost}");
    let end = TestRequest::delete().uri("/v1/events").insert_header(("authorization", format!("Bearer {TOKEN}")));
    assert_eq!(json_of(&service, end.insert_header(passed_on)).await.0, 204);
    let (_, again) = json_of(&service, request(Method::GET, "wait_ms=1000")).await;
    assert_eq!(again["deliveries"][0]["attempt"], 1, "no client has received it: {again}");
    let retry = |delivered: &Value| {
        let receipt = &delivered["deliveries"][0]["receipt"];
        let body = json!({ "settlements": [{ "receipt": receipt, "action": "retry", "retry_after_ms": 0 }] });
        let settle = TestRequest::post().uri("/v1/events/settle").set_json(&body);
        settle.insert_header(("authorization", format!("Bearer {TOKEN}")))
    };
    // The other server did not send it to its client.
    json_of(&service, retry(&again).insert_header(passed_on)).await;
    let (_, again) = json_of(&service, request(Method::GET, "wait_ms=1000")).await;
    assert_eq!(again["deliveries"][0]["attempt"], 1, "{again}");
    // A client retries.
    json_of(&service, retry(&again)).await;
    let (_, again) = json_of(&service, request(Method::GET, "wait_ms=1000")).await;
    assert_eq!(again["deliveries"][0]["attempt"], 2, "{again}");
}

#[actix_web::test]
async fn a_delivery_that_arrives_when_the_token_of_its_client_is_revoked_is_no_attempt() {
    for accept in ["application/json", "text/event-stream"] {
        let (hub, tokens, armed) = (MemoryHub::new(), tokens(), Arc::<AtomicBool>::default());
        let (of_script, arms) = (tokens.clone(), Arc::clone(&armed));
        let scripted = ScriptedHub::over(hub.clone(), move |call| {
            if matches!(call, Call::Next) && arms.swap(false, Ordering::SeqCst) {
                of_script.replace(["another-token-of-the-tests".to_owned().into()]).unwrap();
            }
            Step::Pass
        });
        let server = HubServer::new(Arc::new(scripted), tokens.clone(), HubServerConfig::default()).unwrap();
        let service = service_of(server).await;
        json_of(&service, request(Method::GET, "limit=0")).await;
        publish(&hub, "1").await;
        armed.store(true, Ordering::SeqCst);
        let revoked = request(Method::GET, "wait_ms=1000").insert_header(("accept", accept));
        let body = call_service(&service, revoked.to_request()).await.into_body();
        let body = body::to_bytes(body).await.ok().unwrap();
        assert!(String::from_utf8_lossy(&body).contains("unauthorized"), "{body:?}");
        tokens.replace([TOKEN.to_owned().into()]).unwrap();
        let (_, again) = json_of(&service, request(Method::GET, "wait_ms=1000")).await;
        assert_eq!(again["deliveries"][0]["attempt"], 1, "{accept}: {again}");
    }
}

#[actix_web::test]
async fn a_delivery_that_arrives_while_the_record_of_the_subscription_cannot_be_renewed_is_no_attempt() {
    tokio::time::pause();
    let (hub, records) = (MemoryHub::new(), Arc::new(Records::of(None)));
    let service = service_of(server_of(hub.clone(), Arc::clone(&records))).await;
    json_of(&service, request(Method::GET, "limit=0")).await;
    let trouble = async {
        sleep(SECOND).await;
        records.fails.store(true, Ordering::SeqCst);
        // Another server may make deliveries from now on.
        sleep(SECOND * 6).await;
        publish(&hub, "1").await;
        sleep(SECOND).await;
        records.fails.store(false, Ordering::SeqCst);
        Instant::now()
    };
    let polling = async { (json_of(&service, request(Method::GET, "wait_ms=20000")).await, Instant::now()) };
    let (((_, body), delivered), renewed) = tokio::join!(polling, trouble);
    assert_eq!(body["deliveries"][0]["attempt"], 1, "{body}");
    assert!(delivered >= renewed);
}

#[actix_web::test]
async fn requests_that_wait_while_their_subscription_is_opened_share_a_failure_that_is_not_of_one_of_them() {
    tokio::time::pause();
    for (kind, expected) in
        [(ErrorKind::Timeout, 1), (ErrorKind::Unavailable { retry_after: None }, 1), (ErrorKind::Invalid, 2)]
    {
        let asked = Arc::<AtomicUsize>::default();
        let hub = FailingHub { kind: kind.clone(), asked: Arc::clone(&asked) };
        let service = service_of(HubServer::new(Arc::new(hub), tokens(), HubServerConfig::default()).unwrap()).await;
        let begun = Instant::now();
        let open = async |limit: usize| {
            // Each would open a session of its own.
            let query = format!("limit=0&max_in_flight={limit}");
            json_of(&service, request(Method::GET, &query)).await.0
        };
        let (first, second) = tokio::join!(open(1), open(2));
        assert!(first >= 400 && first == second, "{kind:?}: {first} {second}");
        assert_eq!(
            (asked.load(Ordering::SeqCst), begun.elapsed().as_secs()),
            (expected, 10 * expected as u64),
            "{kind:?}"
        );
        // One that comes later tries again.
        open(1).await;
        assert_eq!(asked.load(Ordering::SeqCst), expected + 1, "{kind:?}");
    }
}

#[actix_web::test]
async fn a_poll_that_another_server_has_passed_on_succeeds_when_this_server_ends_and_has_taken_its_types() {
    tokio::time::pause();
    for _ in 0..20 {
        let server = server(MemoryHub::new(), Records::of(None));
        let service = service_of(server.clone()).await;
        json_of(&service, request(Method::GET, "limit=0")).await;
        let passed_on = ("x-hub-passed-on", "5b1f8f5e-4f5e-4b0c-8f0e-3f0c4b0c8f0e");
        let polling = json_of(&service, request(Method::GET, "wait_ms=2000").insert_header(passed_on));
        let ((status, body), ()) = tokio::join!(polling, async {
            sleep(SECOND).await;
            server.leave(SECOND).await;
        });
        assert_eq!((status, body), (200, json!({ "deliveries": [], "moved": true })));
    }
}

#[actix_web::test]
async fn a_holder_that_renews_its_record_and_does_not_answer_is_replaced() {
    tokio::time::pause();
    for kind in [ErrorKind::Timeout, ErrorKind::NoResponder] {
        let silent = kind.clone();
        let server = passing_on(move |_| failed(silent.clone()));
        let (service, begun) = (service_of(server.clone()).await, Instant::now());
        let (status, body) = json_of(&service, request(Method::GET, "limit=0&wait_ms=30000")).await;
        assert_eq!(status, 200, "{body}");
        assert!(begun.elapsed() < SECOND * 12, "{:?}", begun.elapsed());
        assert_eq!(server.held().unwrap().1.len(), 1);
    }
    // One that answers, even if it refuses, stays.
    let server = passing_on(|_| reply(503, r#"{"code":"unavailable"}"#));
    let service = service_of(server.clone()).await;
    assert_eq!(json_of(&service, request(Method::GET, "limit=0&wait_ms=30000")).await.0, 503);
    assert!(server.held().unwrap().1.is_empty());
}

#[actix_web::test]
async fn a_request_that_continues_keeps_the_types_of_the_subscription_at_a_server_that_has_not_opened_it() {
    for by in EACH {
        let hub = MemoryHub::new();
        let service = service_of(server_with_types(hub.clone(), by)).await;
        let continued = |query: &str| request(Method::GET, query).insert_header(("x-hub-continues", "true"));
        json_of(&service, continued("types=campaign.*&limit=0")).await;
        publish(&hub, "1").await;
        let (_, body) = json_of(&service, continued("types=campaign.*&wait_ms=1000")).await;
        assert_eq!(body["deliveries"][0]["event"]["id"], "1", "{by:?}: {body}");
        // A client that begins to ask changes them.
        json_of(&service, request(Method::GET, "types=campaign.*&limit=0")).await;
        publish(&hub, "2").await;
        let (_, body) = json_of(&service, continued("types=character.created&wait_ms=100")).await;
        assert_eq!(body["deliveries"], json!([]));
    }
}

#[actix_web::test]
async fn a_request_that_continues_and_is_slow_does_not_bring_older_types_back() {
    tokio::time::pause();
    for by in EACH {
        let hub = MemoryHub::new();
        let service = service_of(server_with_types(SlowHub(hub.clone()), by)).await;
        let continued = |query: &str| request(Method::GET, query).insert_header(("x-hub-continues", "true"));
        let slow = json_of(&service, continued("types=character.created&limit=0"));
        let begins = async {
            sleep(SECOND / 2).await;
            json_of(&service, request(Method::GET, "types=character.*&limit=0")).await
        };
        let ((slow, _), (begins, _)) = tokio::join!(slow, begins);
        assert_eq!((slow, begins), (200, 200));
        let event = CloudEvent::new("1", "/tests", "character.changed").unwrap();
        assert!(hub.publish(&[Message::of(Arc::new(event))], SECOND).await.iter().all(Result::is_ok));
        let (_, body) = json_of(&service, continued("types=character.created&wait_ms=1000")).await;
        assert_eq!(body["deliveries"][0]["event"]["id"], "1", "{body}");
    }
}

#[actix_web::test]
async fn a_request_asks_for_its_types_until_a_holder_has_taken_them() {
    tokio::time::pause();
    for kind in [ErrorKind::NoResponder, ErrorKind::Unavailable { retry_after: None }] {
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let noted = Arc::clone(&seen);
        let server = passing_on(move |request| {
            if &*request.method != "GET" {
                return reply(204, "");
            }
            let mut noted = noted.lock().unwrap();
            noted.push(request.headers.get("x-hub-continues").is_some());
            if noted.len() == 1 { failed(kind.clone()) } else { reply(200, r#"{"deliveries":[]}"#) }
        });
        json_of(&service_of(server).await, request(Method::GET, "types=character.created&wait_ms=3000")).await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen[..3], [false, false, true], "{seen:?}");
    }
}

#[actix_web::test]
async fn a_poll_with_a_name_continues_at_the_next_holder_and_ends_when_another_one_of_its_name_began() {
    tokio::time::pause();
    for (first, asked) in [(r#"{"deliveries":[],"moved":true}"#, 2), (r#"{"deliveries":[]}"#, 1)] {
        let polls = Arc::<Mutex<usize>>::default();
        let counted = Arc::clone(&polls);
        let server = passing_on(move |_| {
            let mut polls = counted.lock().unwrap();
            *polls += 1;
            let event = json!({ "specversion": "1.0", "id": "1", "source": "/", "type": "t" });
            let delivery = json!({ "receipt": format!("{OTHER}.1"), "attempt": 1, "event": event });
            if *polls == 1 { reply(200, first) } else { reply(200, json!({ "deliveries": [delivery] }).to_string()) }
        });
        let poll = request(Method::GET, "poller=ada&wait_ms=10000");
        let (_, body) = json_of(&service_of(server).await, poll).await;
        assert_eq!(body["deliveries"].as_array().map(Vec::len), Some(asked - 1), "{body}");
        assert_eq!(*polls.lock().unwrap(), asked);
    }
}

#[actix_web::test]
async fn a_slow_client_of_a_stream_that_is_passed_on_leaves_no_deliveries_which_count_as_attempts() {
    const READ: usize = 100;
    tokio::time::pause();
    let (made, left) = <(Arc<Mutex<usize>>, Arc<Mutex<usize>>)>::default();
    let (making, leaving) = (Arc::clone(&made), Arc::clone(&left));
    let counted = Arc::<Mutex<usize>>::default();
    let unmarked = Arc::clone(&counted);
    let server = passing_on(move |request| {
        if &*request.method == "POST" {
            *unmarked.lock().unwrap() += usize::from(request.headers.get("x-hub-passed-on").is_none());
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let settlements = body["settlements"].as_array().unwrap();
            *leaving.lock().unwrap() += settlements.len();
            let settled = |one: &Value| json!({ "receipt": one["receipt"], "status": "settled" });
            return reply(200, json!({ "results": settlements.iter().map(settled).collect::<Vec<_>>() }).to_string());
        }
        let limit = request.path.split('&').find_map(|part| part.strip_prefix("limit=")).unwrap();
        let mut made = making.lock().unwrap();
        let mut delivery = || {
            *made += 1;
            let event = json!({ "specversion": "1.0", "id": made.to_string(), "source": "/", "type": "t" });
            json!({ "receipt": format!("{OTHER}.{made}"), "attempt": 1, "event": event })
        };
        let deliveries: Vec<_> = (0..limit.parse().unwrap()).map(|_| delivery()).collect();
        reply(200, json!({ "deliveries": deliveries }).to_string())
    });
    let service = service_of(server.clone()).await;
    let stream = request(Method::GET, "").insert_header(("accept", "text/event-stream"));
    let mut body = Box::pin(call_service(&service, stream.to_request()).await.into_body());
    let mut received = 0;
    while received < READ {
        let part = poll_fn(|context| Pin::as_mut(&mut body).poll_next(context)).await.unwrap().ok().unwrap();
        received += String::from_utf8_lossy(&part).matches("data: ").count();
        // It is fast at first.
        if received > READ / 2 {
            sleep(SECOND).await;
        }
    }
    drop(body);
    sleep(SECOND).await;
    let (made, left) = (*made.lock().unwrap(), *left.lock().unwrap());
    assert_eq!(made, received + left);
    assert!(left <= 32, "{left} deliveries of {made} were not sent");
    // A retry of a client would count as an attempt.
    assert_eq!(*counted.lock().unwrap(), 0);
}
