use crate::client::{CHARACTERS, Client, USER};
use character_domain::Character;
use character_storage_port::{ErrorKind, MemoryStorage, Read, Source, StaleReason, Tier};
use character_storage_testkit::{Fault, MockStorage, Operation, SCRIPTED_CAUSE, ScriptedFaults};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// A storage that fails every call in one way.
fn failing(kind: ErrorKind) -> ScriptedFaults<MemoryStorage> {
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
    storage.break_down(Fault::FailBefore(kind));
    storage
}

/// A storage whose finds panic, and whose other calls fail.
fn panicking() -> ScriptedFaults<MemoryStorage> {
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
    storage.direct(|operation| match operation {
        Operation::Find => panic!("a handler that panics"),
        _ => Fault::FailBefore(ErrorKind::Unsupported).into(),
    });
    storage
}

/// Lesson 2: a storage that is down does not look like a conflict.
#[actix_web::test]
async fn each_failure_of_the_storage_has_its_status_and_tells_nothing_of_its_inside() {
    let wait = Duration::from_millis(2_100);
    for (kind, status, code, retry) in [
        (ErrorKind::Unavailable { retry_after: None }, 503, "storage-unavailable", Some("1")),
        (ErrorKind::Unavailable { retry_after: Some(wait) }, 503, "storage-unavailable", Some("3")),
        (ErrorKind::CircuitOpen { retry_after: Duration::ZERO }, 503, "storage-unavailable", Some("1")),
        (ErrorKind::CircuitOpen { retry_after: wait }, 503, "storage-unavailable", Some("3")),
        (ErrorKind::RateLimited { retry_after: Some(wait) }, 503, "storage-unavailable", Some("3")),
        (ErrorKind::Unauthorized, 503, "storage-unavailable", Some("1")),
        (ErrorKind::Forbidden, 503, "storage-unavailable", Some("1")),
        (ErrorKind::Timeout, 504, "storage-timeout", Some("1")),
        (ErrorKind::Corrupt, 502, "storage-corrupt", None),
    ] {
        let client = Client::over(failing(kind));
        let single = format!("{CHARACTERS}/{USER}");
        let body = json!({ "name": "x", "user_id": USER });
        let reads = [client.get(&single).await, client.get(CHARACTERS).await];
        let writes = [
            client.post(&body).await,
            client.json("PUT", &single, &[], &body).await,
            client.send("DELETE", &single, &[], None).await,
        ];
        for answer in reads.iter().chain(&writes) {
            answer.is_problem(status, code);
            assert_eq!(answer.header("retry-after"), retry);
            assert!(!answer.text.contains(SCRIPTED_CAUSE));
        }
    }
}

#[actix_web::test]
async fn a_write_of_unknown_outcome_says_so_and_one_that_certainly_failed_too() {
    let body = json!({ "name": "x", "user_id": USER });
    let unknown = Client::over(failing(ErrorKind::Timeout)).post(&body).await.json();
    assert!(unknown["detail"].as_str().unwrap().contains("may have been made"));
    let open = ErrorKind::CircuitOpen { retry_after: Duration::from_secs(9) };
    let certain = Client::over(failing(open)).post(&body).await.json();
    assert_eq!(certain["detail"], "nothing was changed");
}

#[actix_web::test]
async fn a_bulk_of_each_is_one_transaction_and_an_outage_refuses_it_whole() {
    let client = Client::over(failing(ErrorKind::Unavailable { retry_after: None }));
    let body = json!({ "atomic": false, "characters": [{ "name": "x", "user_id": USER }, {}] });
    client.json("POST", "/api/v2/characters/bulk", &[], &body).await.is_problem(503, "storage-unavailable");
}

#[actix_web::test]
async fn a_last_known_value_is_answered_and_called_stale() {
    let character = Character::new(character_domain::UserId::new(), "Torormir", character_domain::now());
    let source = Source::Stale { tier: Tier::Shared, age: Duration::from_secs(77), reason: StaleReason::CircuitOpen };
    let place = format!("{CHARACTERS}/{}", character.id);
    let mut storage = MockStorage::new();
    storage.expect_find::<Character>().returning(move |_, _| Ok(Read { value: Some(character.clone()), source }));
    let client = Client::over(storage);
    let answer = client.get(&place).await;
    assert_eq!((answer.status, answer.header("age")), (200, Some("77")));
    let status = "character-service; hit; ttl=-77; detail=\"stale-circuit-open-shared\"";
    assert_eq!(answer.header("cache-status"), Some(status));
    client.json("PATCH", &place, &[], &json!({})).await.is_problem(503, "storage-unavailable");
}

#[actix_web::test]
async fn a_panic_in_a_handler_is_answered_and_the_service_goes_on() {
    let client = Client::over(panicking());
    let answer = client.get(&format!("{CHARACTERS}/{USER}")).await;
    let problem = answer.is_problem(500, "internal");
    assert_eq!(problem.get("detail"), None);
    let counted = "http_server_requests_total{method=\"GET\",route=\"/api/v2/characters/{id}\",status=\"500\"} 1";
    assert!(client.get("/metrics").await.text.lines().any(|line| line == counted));
    client.get(CHARACTERS).await.is_problem(501, "storage-unsupported");
}

#[actix_web::test]
async fn a_panic_and_a_failed_storage_can_be_read_by_an_allowed_page() {
    const PAGE: &str = "https://play.example";
    let api = Client::over(panicking()).api;
    let origins = character_http_kit::AllowedOrigins::parse(PAGE).ok();
    let guard = character_http_kit::BrowserGuard { origins, ..character_http_kit::BrowserGuard::default() };
    let app =
        actix_web::App::new().configure(character_api::configure_for(api, guard, character_http_kit::HealthPaths::All));
    let service = actix_web::test::init_service(app).await;
    for (path, status) in [(format!("{CHARACTERS}/{USER}"), 500), (CHARACTERS.to_owned(), 501)] {
        let request = actix_web::test::TestRequest::with_uri(&path).append_header(("origin", PAGE)).to_request();
        // A server turns an error into its answer.
        let answer = actix_web::test::try_call_service(&service, request).await;
        let response = answer.map_or_else(|error| error.error_response(), |response| response.into_parts().1);
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), PAGE);
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(response.headers().get("x-content-type-options").unwrap(), "nosniff");
    }
}
