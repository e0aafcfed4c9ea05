//! The server, asked over its routes.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use actix_web::{
    App,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header},
    test::{TestRequest, init_service, read_body},
};
use character_domain::{Character, CharacterId, UserId, now};
use character_http_kit::AcceptedTokens;
use character_storage_port::{
    Change, Deleted, EntityKind, ErrorKind, MemoryStorage, Read, StorageExt, StoragePort, Store, Transaction,
};
use character_storage_server::{Limits, StorageServer};
use character_storage_testkit::{Course, Fault, Gate, Operation, SCRIPTED_CAUSE, ScriptedFaults};
use character_storage_wire::{self as wire, Problem};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const TOKEN: (header::HeaderName, &str) = (header::AUTHORIZATION, "Bearer current");

fn server(port: Arc<dyn StoragePort>, limits: Limits) -> StorageServer {
    let tokens = AcceptedTokens::new(["current".to_owned().into(), "next".to_owned().into()]).unwrap();
    StorageServer::new(port, tokens, limits).unwrap()
}

async fn answer(server: &StorageServer, request: TestRequest) -> (StatusCode, header::HeaderMap, Vec<u8>) {
    let app = init_service(App::new().configure(|config| server.configure(config))).await;
    let response: ServiceResponse<_> = app.call(request.to_request()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, read_body(response).await.try_into_bytes().unwrap().to_vec())
}

async fn problem(server: &StorageServer, request: TestRequest) -> (Problem, header::HeaderMap) {
    let (status, headers, body) = answer(server, request).await;
    assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), wire::PROBLEM_JSON);
    let problem: Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem.status, status.as_u16());
    assert_eq!(problem.type_uri, wire::problem_type(&problem.code).unwrap().uri());
    (problem, headers)
}

fn memory() -> StorageServer {
    server(Arc::new(MemoryStorage::new()), Limits::default())
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(TOKEN)
}

fn post(path: &str, body: impl Into<String>) -> TestRequest {
    let body: String = body.into();
    TestRequest::post()
        .uri(path)
        .insert_header(TOKEN)
        .insert_header((header::CONTENT_TYPE, wire::JSON))
        .set_payload(body)
}

#[actix_web::test]
async fn each_accepted_token_opens_the_door_and_no_other() {
    for good in ["Bearer current", "Bearer next", "bearer next"] {
        let request = TestRequest::get().uri(wire::PROBE).insert_header((header::AUTHORIZATION, good));
        assert_eq!(answer(&memory(), request).await.0, StatusCode::NO_CONTENT, "{good}");
    }
    for bad in ["Bearer wrong", "Bearer ", "Basic current", "current"] {
        let request = TestRequest::get().uri(wire::PROBE).insert_header((header::AUTHORIZATION, bad));
        let (problem, headers) = problem(&memory(), request).await;
        assert_eq!((problem.code.as_str(), problem.status), ("unauthorized", 401), "{bad}");
        assert_eq!(headers.get(header::WWW_AUTHENTICATE).unwrap(), "Bearer");
    }
}

#[actix_web::test]
async fn no_path_can_be_seen_without_a_token() {
    for path in [wire::PROBE, "/storage/v1/characters", "/storage/v1/nothing", "/storage/v1"] {
        let (problem, _) = problem(&memory(), TestRequest::get().uri(path)).await;
        assert_eq!(problem.code, "unauthorized", "{path}");
    }
    // The same paths in other spellings.
    for path in ["/%73torage/v1/probe", "/storage/%76%31/probe", "/storage/v1/%70robe"] {
        let (problem, _) = problem(&memory(), TestRequest::get().uri(path)).await;
        assert_eq!(problem.code, "unauthorized", "{path}");
        assert_eq!(answer(&memory(), get(path)).await.0, StatusCode::NO_CONTENT, "{path}");
    }
    let twice = TestRequest::get().uri(wire::PROBE).append_header(TOKEN).append_header(TOKEN);
    assert_eq!(answer(&memory(), twice).await.0, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn every_kind_of_row_has_its_paths() {
    for kind in EntityKind::ALL.iter().copied() {
        let all = wire::collection(kind);
        let (status, _, body) = answer(&memory(), get(&all)).await;
        assert_eq!((status, body.as_slice()), (StatusCode::OK, &br#"{"items":[],"next_cursor":null}"#[..]), "{kind}");
        let (problem, _) = problem(&memory(), get(&format!("{all}/{}", CharacterId::new()))).await;
        let about = problem.entity.map(|entity| entity.kind);
        assert_eq!((problem.code.as_str(), about.as_deref()), ("not-found", Some(kind.as_str())));
    }
}

#[actix_web::test]
async fn a_row_is_given_with_its_revision_as_tag() {
    let storage = MemoryStorage::new();
    let created = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    let server = server(Arc::new(storage), Limits::default());
    let path = format!("/storage/v1/characters/{}", created.id);
    let (status, headers, body) = answer(&server, get(&path)).await;
    assert_eq!((status, headers.get(header::ETAG).unwrap().as_bytes()), (StatusCode::OK, &b"\"1\""[..]));
    assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), wire::JSON);
    assert_eq!(serde_json::from_slice::<Character>(&body).unwrap(), created);
    for known in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let (status, _, body) = answer(&server, get(&path).insert_header((header::IF_NONE_MATCH, known))).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
    }
    let other = get(&path).insert_header((header::IF_NONE_MATCH, "\"2\""));
    assert_eq!(answer(&server, other).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn a_deleted_row_is_given_only_when_asked_for() {
    let storage = MemoryStorage::new();
    let created = storage.create_character(Character::new(UserId::new(), "Torormir", now())).await.unwrap();
    storage.delete_character(created.id, character_storage_port::Expect::Any).await.unwrap();
    let server = server(Arc::new(storage), Limits::default());
    let path = format!("/storage/v1/characters/{}", created.id);
    let (absent, _) = problem(&server, get(&path)).await;
    assert_eq!((absent.code.as_str(), absent.entity.unwrap().id), ("not-found", created.id.0));
    assert_eq!(answer(&server, get(&format!("{path}?deleted=include"))).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn an_unknown_path_is_told_from_an_absent_row() {
    for path in
        ["/", "/nowhere", "/storage/v1", "/storage/v1/", "/storage/v1/dragons/1", "/storage/v1/characters/a/b", "*"]
    {
        let (problem, _) = problem(&memory(), get(path)).await;
        assert_eq!((problem.code.as_str(), problem.status), ("unknown-path", 404), "{path}");
    }
    let (problem, _) = problem(&memory(), get(&format!("/storage/v1/characters/{}", CharacterId::new()))).await;
    assert_eq!((problem.code.as_str(), problem.status), ("not-found", 404));
}

#[actix_web::test]
async fn another_method_is_refused_and_the_right_one_named() {
    let cases = [
        (Method::DELETE, "/storage/v1/characters", "GET"),
        (Method::HEAD, "/storage/v1/characters", "GET"),
        (Method::PUT, "/storage/v1/characters/x", "GET"),
        (Method::GET, wire::TRANSACTIONS, "POST"),
        (Method::GET, wire::BATCH, "POST"),
        (Method::POST, wire::LOG, "GET"),
        (Method::POST, wire::LOG_HEAD, "GET"),
        (Method::POST, wire::CONSUMERS, "GET"),
        (Method::GET, "/storage/v1/consumers/hub/lease", "POST"),
        (Method::POST, "/storage/v1/consumers/hub/parked", "GET"),
        (Method::POST, wire::PROBE, "GET"),
    ];
    for (method, path, allowed) in cases {
        let request = TestRequest::default().method(method).uri(path).insert_header(TOKEN);
        let (problem, headers) = problem(&memory(), request).await;
        assert_eq!((problem.code.as_str(), problem.status), ("method-not-allowed", 405), "{path}");
        assert_eq!(headers.get(header::ALLOW).unwrap(), allowed, "{path}");
    }
}

#[actix_web::test]
async fn wrong_ids_and_parameters_are_named() {
    let cases = [
        ("/storage/v1/characters/7", "id"),
        ("/storage/v1/characters?limit=1001", "limit"),
        ("/storage/v1/characters?cursor=x", "cursor"),
        ("/storage/v1/characters?colour=red", "colour"),
    ];
    for (path, field) in cases {
        let (problem, _) = problem(&memory(), get(path)).await;
        assert_eq!((problem.code.as_str(), problem.status), ("invalid", 422), "{path}");
        assert_eq!(problem.violations[0].field, field, "{path}");
    }
}

#[actix_web::test]
async fn a_body_that_cannot_be_taken_is_refused_with_its_reason() {
    let (broken, _) = problem(&memory(), post(wire::TRANSACTIONS, "{")).await;
    assert_eq!((broken.code.as_str(), broken.status), ("malformed", 400));
    let (wrong, _) = problem(&memory(), post(wire::TRANSACTIONS, r#"{"id": 7}"#)).await;
    assert_eq!((wrong.code.as_str(), wrong.violations[0].field.as_str()), ("invalid", "id"));
    let (deep, _) = problem(&memory(), post(wire::BATCH, "[".repeat(100_000))).await;
    assert_eq!(deep.code, "invalid");
    for content_type in ["text/plain", "application/jsonp", ""] {
        let request = post(wire::BATCH, "{}").insert_header((header::CONTENT_TYPE, content_type));
        let (media, _) = problem(&memory(), request).await;
        assert_eq!((media.code.as_str(), media.status), ("unsupported-media-type", 415), "{content_type}");
    }
    let compressed = post(wire::BATCH, "{}").insert_header((header::CONTENT_ENCODING, "gzip"));
    assert_eq!(problem(&memory(), compressed).await.0.code, "unsupported-media-type");
}

#[actix_web::test]
async fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let body = json!({ "transactions": [] }).to_string();
    let limited = |body_bytes| server(Arc::new(MemoryStorage::new()), Limits { body_bytes, ..Limits::default() });
    assert_eq!(answer(&limited(body.len()), post(wire::BATCH, body.clone())).await.0, StatusCode::OK);
    let (problem, _) = problem(&limited(body.len() - 1), post(wire::BATCH, body)).await;
    assert_eq!((problem.code.as_str(), problem.status), ("too-large", 413));
    assert_eq!(problem.certainly_not_applied, Some(true));
}

#[actix_web::test]
async fn a_batch_answers_each_transaction_on_its_own() {
    let character = Character::new(UserId::new(), "Torormir", now());
    let create = || Transaction::new().with(Change::Create(character.clone()));
    let body = serde_json::to_string(&wire::BatchBody { transactions: vec![create(), create()] }).unwrap();
    let (status, _, body) = answer(&memory(), post(wire::BATCH, body)).await;
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["outcomes"][0]["committed"]["written"][0]["revision"], 1);
    assert_eq!(answer["outcomes"][1]["problem"]["code"], "already-exists");
    assert_eq!(answer["outcomes"][1]["problem"]["entity"]["id"], character.id.to_string());
}

#[actix_web::test]
async fn an_outage_says_when_to_come_back_and_keeps_its_cause_to_itself() {
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
    storage.break_down(Fault::FailBefore(ErrorKind::Unavailable { retry_after: Some(Duration::from_millis(2500)) }));
    let server = server(Arc::new(storage), Limits::default());
    let (problem, headers) = problem(&server, get(wire::PROBE)).await;
    assert_eq!((problem.code.as_str(), problem.status, problem.retry_after_ms), ("unavailable", 503, Some(2500)));
    assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), "3");
    assert!(!serde_json::to_string(&problem).unwrap().contains(SCRIPTED_CAUSE));
}

#[actix_web::test]
async fn a_commit_that_waits_is_given_up_when_its_client_disconnects() {
    let (memory, gate) = (MemoryStorage::new(), Gate::closed());
    let storage = ScriptedFaults::new(Arc::new(memory.clone()));
    storage.next_of(Operation::Commit, Course::default().before(gate.pass()));
    let server = server(Arc::new(storage), Limits::default());
    let character = Character::new(UserId::new(), "Torormir", now());
    let transaction = Transaction::new().with(Change::Create(character.clone()));
    let app = init_service(App::new().configure(|config| server.configure(config))).await;
    let request = post(wire::TRANSACTIONS, serde_json::to_string(&transaction).unwrap()).to_request();
    let hung_up = tokio::time::timeout(Duration::from_millis(50), app.call(request)).await;
    assert!(hung_up.is_err(), "the commit must still be waiting");
    gate.open();
    let next = Transaction::new().with(Change::Create(Character::new(UserId::new(), "Next", now())));
    let request = post(wire::TRANSACTIONS, serde_json::to_string(&next).unwrap()).to_request();
    assert_eq!(app.call(request).await.unwrap().status(), 200);
    let found: Read<Option<Character>> = memory.find(character.id, Deleted::Exclude).await.unwrap();
    assert!(found.value.is_none());
}
