//! The HTTP contract as the client speaks it: each request as documented, each documented answer, and what becomes
//! of answers that break the contract. The bodies are written out, so that they serve as examples.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;

use character_domain::{CampaignId, Character, CharacterId, Revision, UserId, Violations};
use character_storage_http::HttpStorage;
use character_storage_http::ReqwestTransport;
use character_storage_port::{
    Change, CharacterQuery, Commit, Cursor, Deleted, ErrorKind, EventId, Expect, Limit, Outbox, PageRequest, Probe,
    Retry, Source, StorageError, Store, Transaction, TransactionId,
};
use direct::direct;
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_json, body_partial_json, header, method, path, query_param, query_param_is_missing},
};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const TRANSACTION: &str = "01890a5d-ac96-774b-bcce-b302099a8001";
const EVENT: &str = "01890a5d-ac96-774b-bcce-b302099a8002";
const ONE: &str = "/storage/v1/characters/01890a5d-ac96-774b-bcce-b302099a8057";

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
    json!({ "id": TRANSACTION, "written": [meta(3)] })
}

async fn find(storage: &HttpStorage<ReqwestTransport>) -> Result<Option<Character>, StorageError> {
    storage.find(id(), Deleted::Exclude).await.map(|read| read.value)
}

#[tokio::test]
async fn a_find_asks_for_one_row_with_the_token() {
    let (server, storage) = server().await;
    Mock::given(method("GET"))
        .and(path(ONE))
        .and(query_param_is_missing("deleted"))
        .and(header("authorization", "Bearer secret"))
        .respond_with(ok(character()).insert_header("etag", "\"3\""))
        .expect(1)
        .mount(&server)
        .await;
    let read = storage.find(id(), Deleted::Exclude).await.unwrap();
    let expected: Character = serde_json::from_value(character()).unwrap();
    assert_eq!((read.value, read.source), (Some(expected), Source::Origin));
}

#[tokio::test]
async fn a_find_that_includes_deleted_rows_says_so() {
    let (server, storage) = server().await;
    let mut deleted = character();
    deleted["meta"]["deleted_at"] = json!("2026-01-02T03:04:06Z");
    Mock::given(method("GET"))
        .and(path(ONE))
        .and(query_param("deleted", "include"))
        .respond_with(ok(deleted))
        .expect(1)
        .mount(&server)
        .await;
    let read: Option<Character> = storage.find(id(), Deleted::Include).await.unwrap().value;
    assert!(read.unwrap().meta.is_deleted());
}

#[tokio::test]
async fn only_the_not_found_problem_says_that_a_row_is_absent() {
    let absent = json!({ "code": "not-found", "status": 404, "entity": { "kind": "character", "id": ID } });
    let (_server, storage) = answering(problem(404, absent)).await;
    assert_eq!(find(&storage).await.unwrap(), None);

    let elsewhere = json!({ "code": "unknown-path", "status": 404 });
    for answer in [problem(404, elsewhere), proxy(404), ResponseTemplate::new(404)] {
        let (_server, storage) = answering(answer).await;
        let error = find(&storage).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert_eq!((error.operation(), error.entity().unwrap().1), ("character.find", id().0));
    }
    let another = json!({ "code": "not-found", "status": 404, "entity": { "kind": "character", "id": EVENT } });
    let (_server, storage) = answering(problem(404, another)).await;
    assert_eq!(find(&storage).await.unwrap_err().kind(), &ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_row_that_was_not_asked_for_is_never_given_out() {
    let mut another = character();
    another["id"] = json!(EVENT);
    let mut deleted = character();
    deleted["meta"]["deleted_at"] = json!("2026-01-02T03:04:06Z");
    for answer in [another, deleted] {
        let (_server, storage) = answering(ok(answer)).await;
        let error = find(&storage).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (&ErrorKind::Corrupt, Retry::Never));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_corrupt() {
    let mut missing = character();
    missing.as_object_mut().unwrap().remove("name");
    let answers = [
        ok(json!({})),
        ok(json!(null)),
        ok(missing),
        ResponseTemplate::new(200).set_body_raw("{\"id\":", "application/json"),
        ResponseTemplate::new(200).set_body_raw("", "application/json"),
        ResponseTemplate::new(200).set_body_raw("[".repeat(100_000), "application/json"),
        ResponseTemplate::new(200).set_body_raw(character().to_string(), "text/html"),
        ResponseTemplate::new(200).set_body_raw(character().to_string(), "application/problem+json"),
        ResponseTemplate::new(204),
        ResponseTemplate::new(206).set_body_json(character()),
        ResponseTemplate::new(302).insert_header("location", "/nowhere"),
        ResponseTemplate::new(304),
        proxy(400),
        proxy(418),
    ];
    for answer in answers {
        let (_server, storage) = answering(answer).await;
        let error = find(&storage).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Corrupt, "{error}");
        assert_ne!(error.detail(), None);
    }
}

#[tokio::test]
async fn a_media_type_may_have_parameters() {
    let answer = ResponseTemplate::new(200).set_body_raw(character().to_string(), "Application/JSON; charset=utf-8");
    let (_server, storage) = answering(answer).await;
    assert!(find(&storage).await.unwrap().is_some());
}

#[tokio::test]
async fn a_list_names_each_filter_and_the_page() {
    let (server, storage) = server().await;
    let (user, campaign) = (UserId::new(), CampaignId::new());
    let cursor = Cursor { created_at: "2026-01-02T03:04:05.678901Z".parse().unwrap(), id: id().0 };
    let next = Cursor { id: EVENT.parse().unwrap(), ..cursor };
    Mock::given(method("GET"))
        .and(path("/storage/v1/characters"))
        .and(query_param("user_id", user.to_string()))
        .and(query_param("campaign_id", campaign.to_string()))
        .and(query_param("theme", "steam & punk"))
        .and(query_param("active_only", "true"))
        .and(query_param("include_deleted", "true"))
        .and(query_param("limit", "2"))
        .and(query_param("cursor", cursor.to_string()))
        .and(query_param_is_missing("offset"))
        .respond_with(ok(json!({ "items": [character()], "next_cursor": next })))
        .expect(1)
        .mount(&server)
        .await;
    let query = CharacterQuery {
        user_id: Some(user),
        campaign_id: Some(campaign),
        theme: Some("steam & punk".into()),
        active_only: true,
        include_deleted: true,
    };
    let page = PageRequest::first(Limit::new(2).unwrap()).after(cursor);
    let read = Store::<Character>::list(&storage, &query, page).await.unwrap();
    assert_eq!((read.value.items.len(), read.value.next), (1, Some(next)));
}

#[tokio::test]
async fn a_list_without_filters_asks_for_the_limit_alone_or_with_an_offset() {
    let (server, storage) = server().await;
    for offset in [None, Some(7)] {
        server.reset().await;
        Mock::given(method("GET"))
            .and(path("/storage/v1/characters"))
            .respond_with(ok(json!({ "items": [], "next_cursor": null })))
            .mount(&server)
            .await;
        let page = offset.map_or_else(PageRequest::default, |rows| PageRequest::default().offset(rows));
        let read = Store::<Character>::list(&storage, &CharacterQuery::default(), page).await.unwrap();
        assert_eq!((read.value.items.len(), read.value.next), (0, None));
        let asked = server.received_requests().await.unwrap();
        let expected = offset.map_or_else(|| "limit=100".to_owned(), |rows| format!("limit=100&offset={rows}"));
        assert_eq!(asked[0].url.query(), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_corrupt() {
    let too_many = json!({ "items": [character(), character()], "next_cursor": null });
    let without_end = json!({ "items": [], "next_cursor": Cursor { created_at: character_domain::now(), id: id().0 } });
    let no_cursor = json!({ "items": [], "next_cursor": "x" });
    for answer in [too_many, without_end, no_cursor, json!({ "next_cursor": null }), json!([])] {
        let (_server, storage) = answering(ok(answer)).await;
        let page = PageRequest::first(Limit::new(1).unwrap());
        let error = Store::<Character>::list(&storage, &CharacterQuery::default(), page).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (&ErrorKind::Corrupt, "character.list"));
    }
}

#[tokio::test]
async fn a_commit_posts_the_transaction() {
    let (server, storage) = server().await;
    Mock::given(method("POST"))
        .and(path("/storage/v1/transactions"))
        .and(header("authorization", "Bearer secret"))
        .and(header("content-type", "application/json"))
        .and(body_json(transaction_json()))
        .respond_with(ok(committed_json()))
        .expect(1)
        .mount(&server)
        .await;
    let committed = storage.commit(transaction()).await.unwrap();
    assert_eq!((committed.id, committed.written[0].revision), (transaction().id, Revision(3)));
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
    assert_eq!(violations.0[0].field, "writes[0].name");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_whose_answer_cannot_be_believed_may_have_been_applied() {
    let answers = [
        json!({ "id": EVENT, "written": [meta(3)] }),
        json!({ "id": TRANSACTION, "written": [] }),
        json!({ "id": TRANSACTION, "written": [meta(3), meta(4)] }),
        json!({ "written": [meta(3)] }),
    ];
    for answer in answers {
        let (_server, storage) = answering(ok(answer)).await;
        let error = storage.commit(transaction()).await.unwrap_err();
        assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false));
    }
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
async fn the_problems_of_http_itself_are_read_too() {
    let cases = [
        (400, "malformed", "invalid"),
        (404, "unknown-path", "unsupported"),
        (405, "method-not-allowed", "unsupported"),
        (408, "request-timeout", "timeout"),
        (413, "too-large", "invalid"),
        (415, "unsupported-media-type", "unsupported"),
    ];
    for (status, code, kind) in cases {
        let body = json!({ "code": code, "status": status, "certainly_not_applied": true });
        let (_server, storage) = answering(problem(status, body)).await;
        let error = storage.commit(transaction()).await.unwrap_err();
        assert_eq!((error.kind().code(), error.certainly_not_applied()), (kind, true), "{code}");
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
            let written: Vec<_> = transaction["writes"].as_array().unwrap().iter().map(|_| meta(1)).collect();
            json!({ "committed": { "id": transaction["id"], "written": written } })
        })
        .collect();
    ok(json!({ "outcomes": outcomes }))
}

fn large(megabytes: usize) -> Transaction {
    let mut character = Character::new(UserId::new(), "Torormir", character_domain::now());
    character.data.0.insert("notes".into(), "x".repeat(megabytes << 20).into());
    Transaction::new().with(Change::Create(character))
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

#[tokio::test]
async fn a_claim_posts_limit_and_lease() {
    let (server, storage) = server().await;
    let event = json!({
        "position": 7,
        "event": {
            "id": EVENT,
            "type": "character.created",
            "subject": ID,
            "time": "2026-01-02T03:04:05.678901Z",
            "data": { "character_id": ID },
        },
    });
    Mock::given(method("POST"))
        .and(path("/storage/v1/outbox/claim"))
        .and(body_json(json!({ "limit": 10, "lease_ms": 30_000 })))
        .respond_with(ok(json!({ "events": [event] })))
        .expect(1)
        .mount(&server)
        .await;
    let events = storage.claim(10, Duration::from_secs(30)).await.unwrap();
    assert_eq!((events.len(), events[0].position, events[0].event.subject), (1, 7, id()));
}

#[tokio::test]
async fn a_claim_out_of_range_is_refused_unsent() {
    let (server, storage) = server().await;
    for limit in [0, 1001] {
        let error = storage.claim(limit, Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)));
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_acknowledgement_posts_the_ids_and_is_answered_with_nothing() {
    let (server, storage) = server().await;
    Mock::given(method("POST"))
        .and(path("/storage/v1/outbox/acknowledge"))
        .and(body_json(json!({ "ids": [EVENT] })))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    storage.acknowledge(&[EventId(EVENT.parse().unwrap())]).await.unwrap();
}

#[tokio::test]
async fn a_probe_is_answered_with_nothing_and_with_nothing_else() {
    let (server, storage) = server().await;
    Mock::given(method("GET"))
        .and(path("/storage/v1/probe"))
        .and(header("authorization", "Bearer secret"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    storage.probe().await.unwrap();
    let (_captive_portal, storage) = answering(proxy(200)).await;
    assert_eq!(storage.probe().await.unwrap_err().kind(), &ErrorKind::Corrupt);
}
