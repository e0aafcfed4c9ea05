//! The log and its consumers, asked over the routes of the server.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use actix_web::{
    App,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{Method, header},
    test::{TestRequest, init_service, read_body},
};
use character_domain::{CharacterId, now};
use character_http_kit::AcceptedTokens;
use character_storage_port::{
    Commit, DomainEvent, Epoch, EventId, Log, LogBatch, LogCursor, MemoryStorage, Tick, Transaction, TransactionId,
};
use character_storage_server::{LONGEST_WAIT, Limits, StorageServer, is_list};
use character_storage_wire as wire;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// The size of a large event. Four of them fit into one answer.
const LARGE: usize = 1_000_000;

/// A storage behind a server.
struct Served {
    storage: MemoryStorage,
    server: StorageServer,
    tokens: AcceptedTokens,
}

impl Served {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        let tokens = AcceptedTokens::new(["current".to_owned().into()]).unwrap();
        let server = StorageServer::new(Arc::new(storage.clone()), tokens.clone(), Limits::default()).unwrap();
        Self { storage, server, tokens }
    }

    async fn ask(&self, request: TestRequest) -> (u16, Value) {
        let request = request.insert_header((header::AUTHORIZATION, "Bearer current"));
        let app = init_service(App::new().configure(|config| self.server.configure(config))).await;
        let response: ServiceResponse<_> = app.call(request.to_request()).await.unwrap();
        let status = response.status().as_u16();
        let body = read_body(response).await.try_into_bytes().unwrap();
        (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    async fn get(&self, path: impl AsRef<str>) -> (u16, Value) {
        self.ask(TestRequest::get().uri(path.as_ref())).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(TestRequest::post().uri(path).set_json(body)).await
    }

    /// Commits a small event and this number of large ones.
    async fn commit(&self, large: usize) -> TransactionId {
        let transaction = (0..large)
            .fold(Transaction::new().with_event(event(1)), |transaction, _| transaction.with_event(event(LARGE)));
        self.storage.commit(transaction).await.unwrap().id
    }

    async fn follow(&self, after: &LogCursor, limit: usize, wait: Duration) -> LogBatch {
        let (status, body) =
            self.get(format!("/storage/v1/log?after={after}&limit={limit}&wait_ms={}", wait.as_millis())).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_value(body).unwrap()
    }

    async fn lease(&self, name: &str) -> Value {
        let body = json!({ "holder": Uuid::now_v7(), "lease_ms": 60_000 });
        let (status, body) = self.post(&format!("/storage/v1/consumers/{name}/lease"), body).await;
        assert_eq!(status, 200, "{body}");
        body["leased"].clone()
    }
}

fn event(bytes: usize) -> DomainEvent {
    DomainEvent::new("character.updated", CharacterId::new(), now(), json!({ "text": "x".repeat(bytes) }))
}

fn transactions(batch: &LogBatch) -> Vec<TransactionId> {
    batch.commits.iter().map(|commit| commit.transaction).collect()
}

#[actix_web::test]
async fn the_log_is_followed_from_its_head() {
    let served = Served::new();
    served.commit(0).await;
    let (status, head) = served.get(wire::LOG_HEAD).await;
    assert_eq!(status, 200);
    let head: LogCursor = serde_json::from_value(head["cursor"].clone()).unwrap();
    let told = [served.commit(0).await, served.commit(0).await, served.commit(0).await];
    let batch = served.follow(&head, 2, Duration::ZERO).await;
    assert_eq!((transactions(&batch), batch.more), (told[..2].to_vec(), true));
    let batch = served.follow(&batch.next, 2, Duration::ZERO).await;
    assert_eq!((transactions(&batch), batch.more), (told[2..].to_vec(), false));
    assert!(batch.settled > Tick(0));
}

#[actix_web::test]
async fn a_cursor_that_leads_nowhere_is_gone() {
    let served = Served::new();
    let cursor = LogCursor::new(Epoch::new(), &0);
    let (status, problem) = served.get(format!("/storage/v1/log?after={cursor}&wait_ms=60000")).await;
    assert_eq!((status, &problem["code"]), (410, &json!("gone")));
}

#[actix_web::test]
async fn wrong_parameters_and_names_are_named() {
    let served = Served::new();
    let after = served.storage.head().await.unwrap();
    let cases = [
        ("/storage/v1/log".to_owned(), "after"),
        ("/storage/v1/log?after=x".to_owned(), "after"),
        (format!("/storage/v1/log?after={after}&limit=0"), "limit"),
        (format!("/storage/v1/log?after={after}&limit=1001"), "limit"),
        (format!("/storage/v1/log?after={after}&wait_ms=60001"), "wait_ms"),
        (format!("/storage/v1/log?after={after}&colour=red"), "colour"),
        (format!("/storage/v1/log/head?after={after}"), "after"),
        ("/storage/v1/consumers?limit=1".to_owned(), "limit"),
        ("/storage/v1/consumers/hub/parked?limit=0".to_owned(), "limit"),
        ("/storage/v1/consumers/hub/parked?after=7".to_owned(), "after"),
        ("/storage/v1/consumers/HUB/parked".to_owned(), "name"),
    ];
    for (path, field) in cases {
        let (status, problem) = served.get(&path).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{path}");
        assert_eq!(problem["violations"][0]["field"], field, "{path}");
    }
    let holder = Uuid::now_v7();
    let bodies = [
        ("Hub/lease", json!({ "holder": holder, "lease_ms": 1 }), "name"),
        ("hub/lease", json!({ "holder": holder, "lease_ms": -1 }), "lease_ms"),
        ("hub/lease", json!({ "holder": 7, "lease_ms": 1 }), "holder"),
        ("hub/advance", json!({ "lease": holder, "to": "x" }), "to"),
        ("hub/park", json!({ "lease": holder, "event": event(1), "reason": 7 }), "reason"),
        ("hub/discard", json!({ "ids": vec![holder; 1001] }), "ids"),
        ("hub/unpark", json!({ "ids": [7] }), "ids[0]"),
    ];
    for (path, body, field) in bodies {
        let (status, problem) = served.post(&format!("/storage/v1/consumers/{path}"), body).await;
        assert_eq!((status, &problem["violations"][0]["field"]), (422, &json!(field)), "{path}");
    }
}

#[actix_web::test]
async fn a_follower_is_woken_by_a_commit() {
    tokio::time::pause();
    let served = Served::new();
    let head = served.storage.head().await.unwrap();
    let started = Instant::now();
    let commit = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        served.commit(0).await
    };
    let (batch, id) = tokio::join!(served.follow(&head, 100, Duration::from_secs(60)), commit);
    assert_eq!(transactions(&batch), [id]);
    assert!(started.elapsed() < Duration::from_millis(510), "{:?}", started.elapsed());
}

#[actix_web::test]
async fn a_follower_whose_token_is_revoked_is_unauthorized_at_once() {
    tokio::time::pause();
    let served = Served::new();
    let head = served.storage.head().await.unwrap();
    let started = Instant::now();
    let path = format!("/storage/v1/log?after={head}&wait_ms=60000");
    let revoke = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        served.tokens.replace(["next".to_owned().into()]).unwrap();
        served.commit(0).await
    };
    let ((status, problem), _) = tokio::join!(served.get(path), revoke);
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{problem}");
    assert!(started.elapsed() < Duration::from_millis(510), "{:?}", started.elapsed());
}

#[actix_web::test]
async fn a_follower_waits_as_long_as_it_asks_but_no_longer_than_a_shutdown_may() {
    tokio::time::pause();
    let served = Served::new();
    let head = served.storage.head().await.unwrap();
    for (asked, waited) in [(0, Duration::ZERO), (700, Duration::from_millis(700)), (60_000, LONGEST_WAIT)] {
        let started = Instant::now();
        let batch = served.follow(&head, 100, Duration::from_millis(asked)).await;
        let took = started.elapsed();
        assert!(batch.commits.is_empty() && batch.next == head && !batch.more);
        assert!(took >= waited && took < waited + Duration::from_millis(10), "{asked} ms: {took:?}");
    }
}

#[actix_web::test]
async fn commits_that_are_too_large_together_come_one_batch_after_the_other() {
    let served = Served::new();
    let mut after = served.storage.head().await.unwrap();
    let mut told = Vec::new();
    for large in [3, 2, 0, 9, 0, 1, 1, 1] {
        told.push(served.commit(large).await);
    }
    let (mut heard, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let (status, body) = served.get(format!("/storage/v1/log?after={after}&limit=1000")).await;
        assert_eq!(status, 200);
        let batch: LogBatch = serde_json::from_value(body).unwrap();
        heard.extend(transactions(&batch));
        sizes.push(batch.commits.len());
        assert_eq!(batch.more, heard.len() < told.len());
        after = batch.next;
        if !batch.more {
            break;
        }
    }
    assert_eq!((heard, sizes), (told, vec![1, 2, 1, 4]));
}

#[actix_web::test]
async fn a_consumer_is_leased_moved_and_given_back() {
    let served = Served::new();
    served.commit(0).await;
    let leased = served.lease("hub").await;
    let (lease, cursor) = (leased["token"]["lease"].clone(), leased["cursor"].as_str().unwrap().to_owned());
    assert_eq!(leased["token"]["consumer"], "hub");
    assert_eq!(served.lease("hub").await, Value::Null, "another holder has it");

    let batch = served.follow(&cursor.parse().unwrap(), 100, Duration::ZERO).await;
    let advance = json!({ "lease": lease, "to": batch.next });
    assert_eq!(served.post("/storage/v1/consumers/hub/advance", advance.clone()).await, (204, Value::Null));
    let elsewhere = json!({ "lease": lease, "to": LogCursor::new(Epoch::new(), &0) });
    let (status, problem) = served.post("/storage/v1/consumers/hub/advance", elsewhere).await;
    assert_eq!((status, &problem["code"]), (410, &json!("gone")));

    for _ in 0..2 {
        let release = json!({ "lease": lease });
        assert_eq!(served.post("/storage/v1/consumers/hub/release", release).await, (204, Value::Null));
    }
    let (status, problem) = served.post("/storage/v1/consumers/hub/advance", advance).await;
    assert_eq!((status, &problem["code"]), (409, &json!("lease-lost")));
    assert_eq!(served.lease("hub").await["cursor"], json!(batch.next));
    let (_, consumers) = served.get(wire::CONSUMERS).await;
    assert_eq!(consumers["consumers"][0]["name"], "hub");
}

#[actix_web::test]
async fn events_are_parked_listed_replayed_and_dropped() {
    let served = Served::new();
    let lease = served.lease("hub").await["token"]["lease"].clone();
    let mut ids = Vec::new();
    for _ in 0..6 {
        let event = event(LARGE);
        ids.push(event.id);
        let park = json!({ "lease": lease, "event": event, "reason": "the hub refused it" });
        assert_eq!(served.post("/storage/v1/consumers/hub/park", park).await, (204, Value::Null));
    }
    let parked = |body: &Value| -> Vec<EventId> {
        let events = body["events"].as_array().unwrap().iter();
        events.map(|parked| serde_json::from_value(parked["event"]["id"].clone()).unwrap()).collect()
    };
    let (_, first) = served.get("/storage/v1/consumers/hub/parked").await;
    assert_eq!((parked(&first), &first["more"]), (ids[..4].to_vec(), &json!(true)));
    let (_, rest) = served.get(format!("/storage/v1/consumers/hub/parked?after={}", ids[3])).await;
    assert_eq!((parked(&rest), rest.get("more")), (ids[4..].to_vec(), None));
    assert_eq!(rest["events"][0]["reason"], "the hub refused it");

    let (status, count) = served.post("/storage/v1/consumers/hub/unpark", json!({ "ids": ids })).await;
    assert_eq!((status, count), (200, json!({ "count": 6 })));
    assert_eq!(served.post("/storage/v1/consumers/hub/release", json!({ "lease": lease })).await.0, 204);
    let replays = served.lease("hub").await["replays"].clone();
    assert_eq!(replays.as_array().unwrap().len(), 4, "the others would make the answer too large");
    assert_eq!(replays[0]["event"]["id"], json!(ids[0]));
    for expected in [6, 0] {
        let (_, count) = served.post("/storage/v1/consumers/hub/discard", json!({ "ids": ids })).await;
        assert_eq!(count, json!({ "count": expected }));
    }
}

#[test]
fn a_follower_takes_no_room_of_large_requests() {
    for path in [wire::LOG, wire::LOG_HEAD, wire::CONSUMERS, "/storage/v1/consumers/hub/parked"] {
        assert!(!is_list(&Method::GET, path), "{path}");
    }
}
