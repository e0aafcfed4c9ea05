//! What a call becomes on the hub, and what each outcome on the hub becomes for the storage port.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_credentials::Secret;
use character_domain::{Character, CharacterId};
use character_message_hub::{
    Applied, ErrorKind as Hub, HubError, MemoryHub, MessageHub, REQUEST, Reply, ServiceRequest,
};
use character_message_hub_testkit::{Call, ScriptedHub, Step};
use character_storage_http::{HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_hub::HubTransport;
use character_storage_port::{Deleted, ErrorKind, PageRequest, Probe, Retry, Snapshot, Store};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

type ThroughHub = HttpStorage<TransportStack<HubTransport>>;

fn config() -> HttpStorageConfig {
    let config = HttpStorageConfig::new("http://unused".parse().unwrap(), "secret".to_owned().into());
    let request_id: fn() -> Option<String> = || Some("the-request".to_owned());
    HttpStorageConfig { retry_max: 0, max_response_bytes: 1_000, request_id: Some(request_id), ..config }
}

fn storage(hub: Arc<dyn MessageHub>) -> ThroughHub {
    let config = config();
    let transport = HubTransport::new(hub, "storage-service".parse().unwrap(), &config).unwrap();
    HttpStorage::over(TransportStack::around(transport, &config))
}

/// A storage behind a hub that answers every request with the same outcome, and the requests.
fn scripted(outcome: Result<Reply, HubError>) -> (Arc<Mutex<Vec<ServiceRequest>>>, ThroughHub) {
    let asked: Arc<Mutex<Vec<_>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let hub = ScriptedHub::over(MemoryHub::new(), move |call| {
        let Call::Request(request) = call else { return Step::Pass };
        kept.lock().unwrap().push(request.clone());
        outcome.clone().map_or_else(Step::Fail, Step::Reply)
    });
    (asked, storage(Arc::new(hub)))
}

fn reply(status: u16, content_type: &'static str, body: &'static str) -> Result<Reply, HubError> {
    Ok(Reply { content_type: Some(content_type.into()), ..Reply::new(status, body) })
}

async fn found(storage: &ThroughHub) -> Result<(), character_storage_port::StorageError> {
    let found = Store::<Character>::find(storage, CharacterId::from(uuid::Uuid::nil()), Deleted::Exclude).await;
    found.map(|read| assert!(read.value.is_none()))
}

#[tokio::test]
async fn a_call_is_a_request_to_the_service_with_path_token_and_the_time_of_the_attempt() {
    let (asked, storage) = scripted(Ok(Reply::new(204, "")));
    storage.probe().await.unwrap();
    let asked = asked.lock().unwrap();
    let [request] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((request.to.as_str(), &*request.method, request.idempotent), ("storage-service", "GET", true));
    assert!(request.path.starts_with("/storage/v1/"), "{request:?}");
    assert_eq!(request.authorization.as_deref(), Some("Bearer secret"));
    let attempt = Duration::from_secs(2);
    assert!(request.timeout <= attempt && request.timeout > attempt / 4, "{request:?}");
    assert_eq!((request.content_type.as_deref(), request.correlation_id.as_deref()), (None, Some("the-request")));
}

#[tokio::test]
async fn a_commit_carries_its_body_and_may_be_repeated() {
    use character_storage_port::{Commit, Transaction};
    let (asked, storage) = scripted(reply(500, "text/plain", "broken"));
    storage.commit(Transaction::new()).await.unwrap_err();
    let asked = asked.lock().unwrap();
    assert_eq!((&*asked[0].method, asked[0].content_type.as_deref()), ("POST", Some("application/json")));
    assert!(asked[0].idempotent && asked[0].body.starts_with(b"{"), "{asked:?}");
}

#[tokio::test]
async fn every_failure_of_the_hub_is_the_failure_of_the_storage_that_it_means() {
    let unavailable = || Hub::Unavailable { retry_after: None };
    let table = [
        (Hub::NoResponder, Applied::No, "unavailable", Retry::Exhausted),
        (unavailable(), Applied::No, "unavailable", Retry::Exhausted),
        (unavailable(), Applied::Unknown, "unavailable", Retry::Exhausted),
        (Hub::Timeout, Applied::Unknown, "timeout", Retry::Exhausted),
        (Hub::TooLarge { limit: 1, size: 2 }, Applied::No, "invalid", Retry::Never),
        (Hub::TooLarge { limit: 1, size: 2 }, Applied::Unknown, "corrupt", Retry::Never),
        (Hub::Unauthorized, Applied::No, "unauthorized", Retry::Never),
        (Hub::Forbidden, Applied::No, "forbidden", Retry::Never),
        (Hub::Corrupt, Applied::Unknown, "unavailable", Retry::Exhausted),
    ];
    for (kind, applied, code, retry) in table {
        let (_, storage) = scripted(Err(HubError::new(kind.clone(), REQUEST).with_applied(applied)));
        let error = found(&storage).await.unwrap_err();
        assert_eq!((error.kind().code(), error.retry()), (code, retry), "{kind:?}: {error}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(cause.is_some(), "{kind:?} has lost its cause");
    }
}

#[tokio::test]
async fn a_hub_that_refuses_its_credentials_is_not_taken_for_the_storage() {
    for kind in [Hub::Unauthorized, Hub::Forbidden] {
        let (_, storage) = scripted(Err(HubError::new(kind, REQUEST).with_applied(Applied::No)));
        let error = found(&storage).await.unwrap_err();
        assert!(error.detail().unwrap().starts_with("the Message Hub refuses"), "{error}");
        assert!(error.certainly_not_applied(), "{error}");
    }
}

#[tokio::test]
async fn a_request_that_the_storage_refuses_is_sent_again_once_if_its_token_was_replaced_meanwhile() {
    for (replacements, expected, is_served) in [
        (vec!["new"], vec!["old", "new"], true),
        (vec![], vec!["old"], false),
        (vec!["between", "new"], vec!["old", "between"], false),
    ] {
        let (secret, asked) = (Secret::from("old"), Arc::new(Mutex::new(Vec::new())));
        let config = HttpStorageConfig { token: secret.clone(), ..config() };
        let (kept, next) = (Arc::clone(&asked), Mutex::new(replacements.into_iter()));
        let hub = ScriptedHub::over(MemoryHub::new(), move |call| {
            let Call::Request(request) = call else { return Step::Pass };
            let token = request.authorization.as_deref().unwrap().replace("Bearer ", "");
            kept.lock().unwrap().push(token.clone());
            if token == "new" {
                return Step::Reply(Reply::new(204, ""));
            }
            if let Some(token) = next.lock().unwrap().next() {
                secret.replace(token.into());
            }
            Step::Reply(Reply::new(401, ""))
        });
        let transport = HubTransport::new(Arc::new(hub), "storage-service".parse().unwrap(), &config).unwrap();
        let outcome = HttpStorage::over(TransportStack::around(transport, &config)).probe().await;
        assert_eq!(*asked.lock().unwrap(), expected);
        assert_eq!(outcome.is_ok(), is_served, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_hub_without_the_service_opens_the_breaker_as_a_storage_that_is_down_does() {
    let storage = storage(Arc::new(MemoryHub::new()));
    for _ in 0..5 {
        assert_eq!(found(&storage).await.unwrap_err().kind().code(), "unavailable");
    }
    let error = found(&storage).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::CircuitOpen { .. }), "{error}");
}

#[tokio::test]
async fn a_hub_that_is_overloaded_opens_no_breaker_and_its_pause_is_kept() {
    let pause = Duration::from_secs(3);
    let overloaded = HubError::new(Hub::Unavailable { retry_after: Some(pause) }, REQUEST).with_applied(Applied::No);
    let (asked, storage) = scripted(Err(overloaded));
    for call in 1..=20 {
        let error = found(&storage).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::RateLimited { retry_after: Some(pause) }, "{error:?}");
        assert_eq!(asked.lock().unwrap().len(), call, "an open breaker would not ask");
    }
}

#[tokio::test]
async fn a_hub_without_room_for_the_reply_or_the_request_opens_no_breaker() {
    let pause = Some(Duration::from_secs(1));
    let no_room =
        |body| reply(503, "application/problem+json", body).map(|reply| Reply { retry_after: pause, ..reply });
    let unknown = HubError::new(Hub::Unavailable { retry_after: pause }, REQUEST).with_applied(Applied::Unknown);
    let unavailable = ErrorKind::Unavailable { retry_after: None };
    for (outcome, kind) in [
        (Err(unknown), unavailable.clone()),
        (no_room(r#"{"code":"no-room","certainly_not_applied":false}"#), unavailable),
        (no_room(r#"{"code":"no-room","certainly_not_applied":true}"#), ErrorKind::RateLimited { retry_after: pause }),
    ] {
        let (asked, storage) = scripted(outcome);
        for call in 1..=20 {
            let error = found(&storage).await.unwrap_err();
            assert_eq!(*error.kind(), kind, "{error:?}");
            assert_eq!(asked.lock().unwrap().len(), call, "an open breaker would not ask");
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_refused() {
    let body = Box::leak(format!("{{\"items\":[{}]}}", " ".repeat(2_000)).into_boxed_str());
    let (_, storage) = scripted(reply(200, "application/json", body));
    let error = Store::<Character>::list(&storage, &Default::default(), PageRequest::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.detail()), (&ErrorKind::Corrupt, Some("the answer of the storage is too large")));
}

#[tokio::test]
async fn a_snapshot_is_read_from_one_reply() {
    let (_, storage) = scripted(reply(200, "application/x-ndjson", "{\"end\":{\"items\":0}}\n"));
    let mut items = storage.snapshot().await.unwrap();
    let first = futures_util::StreamExt::next(&mut items).await;
    assert!(first.is_none(), "{first:?}");
}
