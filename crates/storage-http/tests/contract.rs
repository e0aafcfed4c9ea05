//! The HTTP contract as the client speaks it, in what concerns single operations: what errors keep on their way, what
//! is not sent at all, and batches. `operations.rs` goes through all operations.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;

use character_domain::{Character, CharacterId, Revision, UserId, Violations, size::MAX_DOCUMENT};
use character_storage_http::HttpStorage;
use character_storage_http::ReqwestTransport;
use character_storage_port::{
    Change, Commit, Deleted, ErrorKind, Expect, Fingerprint, Probe, Retry, StorageError, Store, Transaction,
    TransactionId,
};
use direct::direct;
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_partial_json, method, path},
};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const TRANSACTION: &str = "01890a5d-ac96-774b-bcce-b302099a8001";

async fn server() -> (MockServer, HttpStorage<ReqwestTransport>) {
    let server = MockServer::start().await;
    let storage = HttpStorage::over(direct(server.uri(), "secret"));
    (server, storage)
}

/// A server that gives this answer to every request.
async fn answering(answer: ResponseTemplate) -> (MockServer, HttpStorage<ReqwestTransport>) {
    let (server, storage) = server().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    (server, storage)
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn problem(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

fn proxy(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html>nothing of ours</html>", "text/html")
}

fn meta(revision: u64) -> Value {
    json!({
        "revision": revision,
        "created_at": "2026-01-02T03:04:05.678901Z",
        "updated_at": "2026-01-02T03:04:05.678901Z",
        "deleted_at": null,
    })
}

fn character() -> Value {
    json!({
        "id": ID,
        "parent_id": null,
        "theme": "traditional",
        "name": "Torormir",
        "user_id": "01890a5d-ac96-774b-bcce-b302099a9999",
        "campaign_id": null,
        "data": { "hit_points": 12, "spells": ["light"] },
        "is_active": true,
        "meta": meta(3),
    })
}

fn id() -> CharacterId {
    ID.parse().unwrap()
}

fn transaction() -> Transaction {
    let entity: Character = serde_json::from_value(character()).unwrap();
    Transaction { id: TransactionId(TRANSACTION.parse().unwrap()), ..Transaction::new() }
        .with(Change::Replace { entity, expect: Expect::Revision(Revision(2)) })
}

fn transaction_json() -> Value {
    json!({
        "id": TRANSACTION,
        "writes": [{ "character": { "replace": { "entity": character(), "expect": { "revision": 2 } } } }],
        "events": [],
    })
}

fn committed_json() -> Value {
    let change = json!({ "kind": "character", "id": ID, "revision": 3, "after": [] });
    json!({ "id": TRANSACTION, "tick": 7, "written": [meta(3)], "changes": [change] })
}

async fn find(storage: &HttpStorage<ReqwestTransport>) -> Result<Option<Character>, StorageError> {
    storage.find(id(), Deleted::Exclude).await.map(|read| read.value)
}

#[tokio::test]
async fn a_media_type_may_have_parameters() {
    let answer = ResponseTemplate::new(200).set_body_raw(character().to_string(), "Application/JSON; charset=utf-8");
    let (_server, storage) = answering(answer).await;
    assert!(find(&storage).await.unwrap().is_some());
}

#[tokio::test]
async fn a_transaction_that_breaks_a_rule_is_not_sent() {
    let (server, storage) = server().await;
    let mut wrong = transaction();
    let Some(character_storage_port::Write::Character(Change::Replace { entity, .. })) = wrong.writes.first_mut()
    else {
        panic!("the transaction replaces a character");
    };
    entity.name = String::new();
    let error = storage.commit(wrong).await.unwrap_err();
    let ErrorKind::Invalid(violations) = error.kind() else { panic!("{error}") };
    assert_eq!(violations[0].field, "writes[0].name");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn every_problem_type_becomes_the_error_it_was() {
    let wait = Some(Duration::from_millis(1500));
    let violations = Violations::one("writes[0].name", "must not be empty");
    let cases = [
        (404, json!({ "code": "not-found" }), ErrorKind::NotFound),
        (
            409,
            json!({ "code": "conflict", "expected_revision": 2, "actual_revision": 5 }),
            ErrorKind::Conflict { expected: Revision(2), actual: Revision(5) },
        ),
        (409, json!({ "code": "already-exists" }), ErrorKind::AlreadyExists),
        (422, json!({ "code": "transaction-reused" }), ErrorKind::TransactionReused),
        (422, json!({ "code": "invalid", "violations": violations }), ErrorKind::Invalid(violations)),
        (401, json!({ "code": "unauthorized" }), ErrorKind::Unauthorized),
        (403, json!({ "code": "forbidden" }), ErrorKind::Forbidden),
        (429, json!({ "code": "rate-limited", "retry_after_ms": 1500 }), ErrorKind::RateLimited { retry_after: wait }),
        (503, json!({ "code": "unavailable" }), ErrorKind::Unavailable { retry_after: None }),
        (
            503,
            json!({ "code": "circuit-open", "retry_after_ms": 1500 }),
            ErrorKind::CircuitOpen { retry_after: Duration::from_millis(1500) },
        ),
        (504, json!({ "code": "timeout" }), ErrorKind::Timeout),
        (500, json!({ "code": "corrupt" }), ErrorKind::Corrupt),
        (501, json!({ "code": "unsupported" }), ErrorKind::Unsupported),
        (410, json!({ "code": "gone" }), ErrorKind::Gone),
        (409, json!({ "code": "lease-lost" }), ErrorKind::LeaseLost),
    ];
    assert_eq!(cases.len(), ErrorKind::CODES.len());
    for (status, mut body, kind) in cases {
        body["status"] = json!(status);
        body["detail"] = json!("as the server put it");
        for certainly in [true, false] {
            body["certainly_not_applied"] = json!(certainly);
            body["entity"] = json!({ "kind": "character", "id": ID });
            let (_server, storage) = answering(problem(status, body.clone())).await;
            let error = storage.commit(transaction()).await.unwrap_err();
            assert_eq!(error.kind(), &kind);
            assert_eq!(error.certainly_not_applied(), certainly);
            assert_eq!((error.operation(), error.detail()), ("commit", Some("as the server put it")));
            assert_eq!(error.entity().unwrap().1, id().0);
        }
    }
}

#[tokio::test]
async fn an_answer_from_something_on_the_way_is_read_by_its_status() {
    let cases = [
        (400, "corrupt", false),
        (401, "unauthorized", true),
        (403, "forbidden", true),
        (404, "unsupported", true),
        (405, "unsupported", true),
        (408, "timeout", false),
        (409, "corrupt", false),
        (410, "corrupt", false),
        (413, "invalid", true),
        (429, "rate-limited", true),
        (500, "unavailable", false),
        (502, "unavailable", false),
        (503, "unavailable", false),
        (504, "timeout", false),
    ];
    for (status, code, certainly) in cases {
        let broken_problem = ResponseTemplate::new(status).set_body_raw("{\"code\":", "application/problem+json");
        for answer in [proxy(status), ResponseTemplate::new(status), broken_problem] {
            let (_server, storage) = answering(answer).await;
            let error = storage.commit(transaction()).await.unwrap_err();
            assert_eq!((error.kind().code(), error.certainly_not_applied()), (code, certainly), "{status}");
            assert_eq!(error.detail(), Some(format!("the storage answered {status}").as_str()));
        }
    }
}

#[tokio::test]
async fn the_header_says_when_to_come_back_where_the_body_does_not() {
    let body = json!({ "code": "unavailable", "status": 503 });
    for answer in [problem(503, body), proxy(503)] {
        let (_server, storage) = answering(answer.insert_header("retry-after", "7")).await;
        let error = storage.probe().await.unwrap_err();
        assert_eq!((error.retry_after(), error.retry()), (Some(Duration::from_secs(7)), Retry::Later));
    }
}

#[tokio::test]
async fn a_storage_that_cannot_be_reached_has_certainly_not_applied_anything() {
    // Port 1 of the loopback has no listener.
    let storage = HttpStorage::over(direct("http://127.0.0.1:1", "secret"));
    let error = storage.commit(transaction()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unavailable { retry_after: None });
    assert!(error.certainly_not_applied());
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_batch_posts_all_and_gives_each_its_outcome() {
    let (server, storage) = server().await;
    let second = Transaction::new();
    let refused = json!({ "code": "already-exists", "status": 409, "certainly_not_applied": true });
    Mock::given(method("POST"))
        .and(path("/storage/v1/transactions/batch"))
        .and(body_partial_json(json!({ "transactions": [transaction_json(), { "id": second.id }] })))
        .respond_with(ok(json!({ "outcomes": [{ "committed": committed_json() }, { "problem": refused }] })))
        .expect(1)
        .mount(&server)
        .await;
    let outcomes = storage.commit_each(vec![transaction(), second]).await;
    assert_eq!(outcomes[0].as_ref().unwrap().id, transaction().id);
    assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), &ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn a_repeat_under_a_fingerprint_of_its_own_may_be_answered_with_other_rows() {
    let repeat = Transaction { fingerprint: Some(Fingerprint::of(b"give the hero a level")), ..transaction() };
    let change =
        |id: u8| json!({ "kind": "quest", "id": uuid::Uuid::from_bytes([id; 16]), "revision": 1, "after": [] });
    let answer =
        |changes: Value| json!({ "id": TRANSACTION, "tick": 7, "written": [meta(1), meta(1)], "changes": changes });
    let (_server, storage) = answering(ok(answer(json!([change(1), change(2)])))).await;
    assert_eq!(storage.commit(repeat.clone()).await.unwrap().changes.len(), 2);
    let error = storage.commit(transaction()).await.unwrap_err();
    assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false), "it wrote one row");
    let (_server, storage) = answering(ok(answer(json!([change(1)])))).await;
    assert_eq!(storage.commit(repeat).await.unwrap_err().kind(), &ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_empty_batch_is_not_sent() {
    let (server, storage) = server().await;
    assert!(storage.commit_each(Vec::new()).await.is_empty());
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_with_the_wrong_number_of_outcomes_leaves_all_unknown() {
    for outcomes in [json!([]), json!([{ "committed": committed_json() }, { "committed": committed_json() }])] {
        let (_server, storage) = answering(ok(json!({ "outcomes": outcomes }))).await;
        let outcomes = storage.commit_each(vec![transaction()]).await;
        let error = outcomes[0].as_ref().unwrap_err();
        assert_eq!((outcomes.len(), error.kind(), error.certainly_not_applied()), (1, &ErrorKind::Corrupt, false));
    }
}

/// Answers a batch as a storage would that applies everything.
fn apply_all(request: &Request) -> ResponseTemplate {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let outcomes: Vec<_> = body["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transaction| {
            let writes = transaction["writes"].as_array().unwrap();
            let written = vec![meta(1); writes.len()];
            let id = |write: &Value| write["character"]["create"]["id"].clone();
            let change =
                |write| json!({ "kind": "character", "id": id(write), "revision": 1, "before": [], "after": [] });
            let changes: Vec<_> = writes.iter().map(change).collect();
            json!({ "committed": { "id": transaction["id"], "tick": 7, "written": written, "changes": changes } })
        })
        .collect();
    ok(json!({ "outcomes": outcomes }))
}

/// Rows with sheets of the largest size, so that each takes a little more than a megabyte.
fn large(megabytes: usize) -> Transaction {
    let text = "x".repeat(MAX_DOCUMENT - json!({ "notes": "" }).to_string().len());
    (0..megabytes).fold(Transaction::new(), |transaction, _| {
        let mut character = Character::new(UserId::new(), "Torormir", character_domain::now());
        character.data.0.insert("notes".into(), text.clone().into());
        transaction.with(Change::Create(character))
    })
}

#[tokio::test]
async fn a_large_batch_goes_in_parts_and_keeps_its_order() {
    let (server, storage) = server().await;
    Mock::given(method("POST")).respond_with(apply_all).mount(&server).await;
    let mut transactions: Vec<_> = [3, 3, 3, 10, 1].map(large).into();
    let mut wrong = transaction();
    wrong.writes.extend(transaction().writes);
    transactions.insert(1, wrong);
    let ids: Vec<_> = transactions.iter().map(|transaction| transaction.id).collect();
    let outcomes = storage.commit_each(transactions).await;
    for (place, (id, outcome)) in ids.iter().zip(&outcomes).enumerate() {
        match outcome {
            Ok(committed) => assert_eq!(&committed.id, id),
            Err(error) => assert!(place == 1 && matches!(error.kind(), ErrorKind::Invalid(_)), "{place}: {error}"),
        }
    }
    let sizes: Vec<_> = server.received_requests().await.unwrap().iter().map(|asked| asked.body.len() >> 20).collect();
    assert_eq!(sizes, [6, 3, 10, 1]);
}

#[tokio::test]
async fn the_parts_after_an_outage_are_not_sent() {
    let (server, storage) = server().await;
    Mock::given(method("POST")).respond_with(proxy(503)).expect(1).mount(&server).await;
    let outcomes = storage.commit_each(vec![large(6), large(6)]).await;
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap_err())
        .map(|error| (error.kind().code(), error.certainly_not_applied()))
        .collect();
    assert_eq!(told, [("unavailable", false), ("unavailable", true)]);
}

#[tokio::test]
async fn more_than_a_thousand_transactions_are_refused_unsent() {
    let (server, storage) = server().await;
    let outcomes = storage.commit_each((0..1001).map(|_| Transaction::new()).collect()).await;
    assert_eq!(outcomes.len(), 1001);
    assert!(outcomes.iter().all(|outcome| matches!(outcome.as_ref().unwrap_err().kind(), ErrorKind::Invalid(_))));
    assert!(server.received_requests().await.unwrap().is_empty());
}
