//! The HTTP contract of every operation, from one table of examples: each request as documented, each documented
//! answer, each type of problem, and the outcome of answers that no storage should give.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;
mod examples;

use character_storage_http::{HttpStorageConfig, ReqwestTransport};
use character_storage_port::{EntityKind, ErrorKind, Retry, StorageError, StoragePort};
use character_storage_wire::PROBLEMS;
use direct::direct;
use examples::{Operation, client, meta, operations};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

async fn server() -> (MockServer, Arc<dyn StoragePort>) {
    let server = MockServer::start().await;
    let storage = client(direct(server.uri(), "secret"));
    (server, storage)
}

/// Asks once, of a storage that gives this answer; what the client made of it, and what it had sent.
async fn asked(
    (server, storage): &(MockServer, Arc<dyn StoragePort>),
    operation: &Operation,
    answer: ResponseTemplate,
) -> (Result<Value, StorageError>, Request) {
    server.reset().await;
    Mock::given(any()).respond_with(answer).mount(server).await;
    let outcome = (operation.ask)(Arc::clone(storage)).await;
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "{}: one attempt is one request", operation.name);
    (outcome, requests.remove(0))
}

fn hoped_for(operation: &Operation) -> ResponseTemplate {
    match &operation.answer {
        Some(body) => ResponseTemplate::new(200).set_body_json(body),
        None => ResponseTemplate::new(204),
    }
}

#[tokio::test]
async fn every_request_is_sent_as_documented_and_every_answer_is_understood() {
    let server = server().await;
    for operation in operations() {
        let (outcome, request) = asked(&server, &operation, hoped_for(&operation)).await;
        let about = format!("{} {:?}", operation.name, operation.parameters);
        assert_eq!(outcome.unwrap(), operation.answer.clone().unwrap_or_default(), "{about}");

        assert_eq!((request.method.as_str(), request.url.path()), (operation.method, operation.path.as_str()));
        let given: BTreeSet<(String, String)> = request.url.query_pairs().into_owned().collect();
        let documented = operation.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        assert_eq!(given, documented.collect(), "{about}");
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("authorization").as_deref(), Some("Bearer secret"), "{about}");
        assert_eq!(header("accept").as_deref(), Some("application/json, application/problem+json"), "{about}");
        let json = operation.body.is_some().then_some("application/json");
        assert_eq!(header("content-type").as_deref(), json, "{about}");
        match &operation.body {
            Some(body) => assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), *body, "{about}"),
            None => assert!(request.body.is_empty(), "{about}"),
        }
    }
}

#[test]
fn every_kind_of_row_is_found_listed_and_written() {
    let names: Vec<String> = operations().into_iter().map(|operation| operation.name).collect();
    for kind in EntityKind::ALL {
        for (name, times) in [(format!("{kind}.find"), 2), (format!("{kind}.list"), 3), (format!("{kind}.count"), 2)] {
            assert_eq!(names.iter().filter(|it| **it == name).count(), times, "{name}");
        }
    }
    assert_eq!(names.iter().filter(|name| *name == "commit").count(), EntityKind::ALL.len() + 1);
}

/// What a problem of this code is to the client.
fn meaning(code: &str) -> &str {
    match code {
        "malformed" | "too-large" => "invalid",
        "unknown-path" | "method-not-allowed" | "unsupported-media-type" => "unsupported",
        "request-timeout" => "timeout",
        of_the_port => of_the_port,
    }
}

#[tokio::test]
async fn every_operation_tells_every_type_of_problem() {
    let server = server().await;
    for operation in operations() {
        for entry in PROBLEMS {
            let body = json!({
                "type": entry.uri(),
                "title": entry.title,
                "status": entry.status,
                "detail": "as the server put it",
                "code": entry.code,
                "expected_revision": 2,
                "actual_revision": 5,
                "violations": [{ "field": "name", "reason": "must not be empty" }],
                "retry_after_ms": 1500,
                "certainly_not_applied": true,
            });
            let answer = ResponseTemplate::new(entry.status).set_body_raw(body.to_string(), "application/problem+json");
            let (outcome, _) = asked(&server, &operation, answer).await;
            let about = format!("{}: {}", operation.name, entry.code);
            if entry.code == "not-found" && operation.name.ends_with(".find") {
                assert_eq!(outcome.unwrap(), Value::Null, "{about}");
                continue;
            }
            let error = outcome.unwrap_err();
            assert_eq!(error.kind().code(), meaning(entry.code), "{about}");
            assert_eq!((error.operation(), error.detail()), (operation.name.as_str(), Some("as the server put it")));
            assert!(error.certainly_not_applied(), "{about}");
        }
    }
}

/// Answers that no server of the contract gives.
fn broken(operation: &Operation) -> Vec<(&'static str, ResponseTemplate)> {
    let raw = |text: &str, media: &str| ResponseTemplate::new(200).set_body_raw(text, media);
    let mut broken = vec![
        ("half a text", raw("{\"items\": [", "application/json")),
        ("no text", raw("", "application/json")),
        ("a text without end", raw(&"[".repeat(100_000), "application/json")),
        ("nothing", raw("null", "application/json")),
        ("an empty object", raw("{}", "application/json")),
        ("a list", raw("[]", "application/json")),
        ("a page of a proxy", raw("<html>welcome</html>", "text/html")),
        ("another status of success", ResponseTemplate::new(206)),
        ("a redirection", ResponseTemplate::new(302).insert_header("location", "/elsewhere")),
        ("not modified", ResponseTemplate::new(304)),
        ("a status that nobody knows", ResponseTemplate::new(418)),
    ];
    if let Some(answer) = &operation.answer {
        let text = answer.to_string();
        broken.extend([
            ("the right text as something else", raw(&text, "text/plain")),
            ("the right text as a problem", raw(&text, "application/problem+json")),
            ("the right text without its type", ResponseTemplate::new(200).set_body_bytes(text.clone())),
            ("the right text and more", raw(&format!("{text}{text}"), "application/json")),
            ("no content", ResponseTemplate::new(204)),
        ]);
    }
    broken
}

#[tokio::test]
async fn no_operation_believes_a_broken_answer() {
    let server = server().await;
    for operation in operations() {
        for (what, answer) in broken(&operation) {
            let (outcome, _) = asked(&server, &operation, answer).await;
            let error = outcome.expect_err(what);
            assert_eq!(error.kind(), &ErrorKind::Corrupt, "{}: {what}", operation.name);
            assert_eq!(error.operation(), operation.name);
            assert!(!operation.writes || !error.certainly_not_applied(), "{}: {what}", operation.name);
        }
    }
}

#[tokio::test]
async fn no_operation_takes_an_answer_that_is_too_large() {
    let server = MockServer::start().await;
    let config = HttpStorageConfig::new(server.uri().parse().unwrap(), "secret".to_owned().into());
    let config = HttpStorageConfig { max_response_bytes: 4096, ..config };
    let server = (server, client(ReqwestTransport::new(&config).unwrap()));
    for operation in operations() {
        let (outcome, _) = asked(&server, &operation, hoped_for(&operation)).await;
        outcome.unwrap();
        // Blanks are as good JSON as any: only the size is wrong.
        let text = operation.answer.clone().unwrap_or_default().to_string() + &" ".repeat(4096);
        for status in [200, 503] {
            let answer = ResponseTemplate::new(status).set_body_raw(text.clone(), "application/json");
            let (outcome, _) = asked(&server, &operation, answer).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (&ErrorKind::Corrupt, operation.name.as_str()));
            assert_eq!(error.detail(), Some("the answer of the storage is too large"));
        }
    }
}

fn problem(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

fn finds() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(|operation| operation.name.ends_with(".find"))
}

#[tokio::test]
async fn only_the_not_found_problem_about_the_row_says_that_it_is_absent() {
    let server = server().await;
    for operation in finds() {
        let kind = operation.name.trim_end_matches(".find");
        let not_found = |id: &str| json!({ "code": "not-found", "status": 404, "entity": { "kind": kind, "id": id } });
        let (outcome, _) = asked(&server, &operation, problem(404, &not_found(examples::ID))).await;
        assert_eq!(outcome.unwrap(), Value::Null, "{kind}");

        let elsewhere = json!({ "code": "unknown-path", "status": 404 });
        let proxy = ResponseTemplate::new(404).set_body_raw("<html>nothing here</html>", "text/html");
        for answer in [problem(404, &elsewhere), proxy, ResponseTemplate::new(404)] {
            let (outcome, _) = asked(&server, &operation, answer).await;
            let error = outcome.unwrap_err();
            let about = error.entity().map(|(kind, id)| (kind.to_string(), id.to_string()));
            assert_eq!(
                (error.kind(), about),
                (&ErrorKind::Unsupported, Some((kind.to_owned(), examples::ID.to_owned())))
            );
        }
        let about_another = problem(404, &not_found("01890a5d-ac96-774b-bcce-b302099a8002"));
        let (outcome, _) = asked(&server, &operation, about_another).await;
        assert_eq!(outcome.unwrap_err().kind(), &ErrorKind::Corrupt, "{kind}");
    }
}

#[tokio::test]
async fn a_row_that_was_not_asked_for_is_never_given_out() {
    let server = server().await;
    for operation in finds() {
        let row = || operation.answer.clone().unwrap();
        let mut wrong = vec![row(), row()];
        wrong[0]["id"] = json!("01890a5d-ac96-774b-bcce-b302099a8002");
        wrong[1]["meta"]["revision"] = json!(-1);
        if operation.parameters.is_empty() {
            let mut deleted = row();
            deleted["meta"]["deleted_at"] = json!("2026-01-02T03:04:06Z");
            wrong.push(deleted);
        }
        for row in wrong {
            let (outcome, _) = asked(&server, &operation, ResponseTemplate::new(200).set_body_json(&row)).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (&ErrorKind::Corrupt, Retry::Never), "{}: {row}", operation.name);
        }
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_never_given_out() {
    let server = server().await;
    for operation in operations() {
        let answer = operation.answer.clone().unwrap_or_default();
        if !answer["items"].is_array() {
            continue;
        }
        let limit = if operation.parameters.contains(&("limit", "2".to_owned())) { 2 } else { 100 };
        let mut half = answer["items"].clone();
        for row in half.as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("id");
        }
        let mut wrong = vec![
            json!({ "items": [], "next_cursor": "AAZHXvZXTzUBiQpdrJZ3S7zOswIJmoBX" }),
            json!({ "items": [], "next_cursor": "x" }),
            json!({ "next_cursor": null }),
        ];
        if let Some(row) = answer["items"].get(0) {
            wrong.push(json!({ "items": vec![row; limit + 1], "next_cursor": null }));
            wrong.push(json!({ "items": half, "next_cursor": null }));
        }
        let unreadable =
            |position: usize| json!({ "position": position, "id": examples::UNREADABLE, "problem": "the column name" });
        wrong.push(json!({ "items": [], "next_cursor": null, "unreadable": [unreadable(1)] }));
        wrong.push(json!({ "items": [], "next_cursor": null, "unreadable": vec![unreadable(0); limit + 1] }));
        wrong.push(json!({ "items": [], "next_cursor": null, "unreadable": [{ "id": examples::UNREADABLE }] }));
        let other_order = "name.AAAAAAAAAAAAAAAAAAAAAA";
        wrong.push(json!({ "items": [], "next_cursor": other_order, "unreadable": [unreadable(0)] }));
        for page in wrong {
            let (outcome, _) = asked(&server, &operation, ResponseTemplate::new(200).set_body_json(&page)).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (&ErrorKind::Corrupt, operation.name.as_str()), "{page}");
        }
    }
}

#[tokio::test]
async fn a_storage_of_before_the_log_is_recognised_and_named() {
    let server = server().await;
    for operation in operations().into_iter().filter(|operation| operation.name == "commit") {
        for member in ["tick", "changes"] {
            let mut older = operation.answer.clone().unwrap();
            let committed = older.pointer_mut("/outcomes/0/committed").map(std::mem::take);
            let mut committed = committed.unwrap_or_else(|| std::mem::take(&mut older));
            committed.as_object_mut().unwrap().remove(member);
            let older = match older {
                Value::Null => committed,
                _ => json!({ "outcomes": [{ "committed": committed }] }),
            };
            let (outcome, _) = asked(&server, &operation, ResponseTemplate::new(200).set_body_json(&older)).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false), "{older}");
            assert!(error.detail().unwrap().contains("the storage-service must be upgraded first"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_cannot_be_believed_may_have_been_applied() {
    let server = server().await;
    let commits = operations().into_iter().filter(|operation| operation.path.ends_with("/transactions"));
    for operation in commits {
        let with = |member: &str, value: Value| {
            let mut answer = operation.answer.clone().unwrap();
            answer[member] = value;
            answer
        };
        let another = json!("01890a5d-ac96-774b-bcce-b302099a8002");
        let five = json!(vec![meta(1); 5]);
        let changes = operation.answer.as_ref().unwrap()["changes"].as_array().unwrap();
        let mut out_of_order = changes.clone();
        out_of_order.swap(0, 1);
        let (mut of_another_row, mut of_another_kind) = (changes.clone(), changes.clone());
        of_another_row[2]["id"] = another.clone();
        of_another_kind[2]["kind"] = json!("dragon");
        let wrong_changes = [out_of_order, of_another_row, of_another_kind, changes[..3].to_vec()];
        let wrong_changes = wrong_changes.map(|changes| with("changes", json!(changes)));
        let wrong = [with("id", another), with("id", json!(null)), with("written", json!([])), with("written", five)];
        for answer in wrong.into_iter().chain(wrong_changes) {
            let (outcome, _) = asked(&server, &operation, ResponseTemplate::new(200).set_body_json(&answer)).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false), "{answer}");
        }
    }
}
