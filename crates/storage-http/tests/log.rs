//! Following the log and moving its consumers: answers that no log gives, and what the layers do about a poll.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;
#[expect(dead_code, reason = "tests/operations.rs goes through all of them")]
mod examples;
#[expect(dead_code, reason = "tests/transport_stack.rs follows every step")]
mod scripted;

use character_storage_http::{
    ApiRequest, BreakerState, HttpStorage, HttpStorageConfig, RequestKind, Transport, TransportErrorKind,
    TransportStack,
};
use character_storage_port::{
    Consumers, Epoch, ErrorKind, EventId, FOLLOW, Log, LogCursor, MAX_FOLLOW_WAIT, Probe, Retry, RowChange,
    StorageError, StoragePort,
};
use direct::direct;
use examples::{Operation, client, log};
use prometheus_client::{encoding::text, registry::Registry};
use scripted::{Scripted, Step};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// What the client makes of this answer to the operation.
async fn asked(operation: &Operation, answer: &Value) -> Result<Value, StorageError> {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    let storage: Arc<dyn StoragePort> = client(direct(server.uri(), "secret"));
    (operation.ask)(storage).await
}

fn with(answer: &Value, member: &str, value: Value) -> Value {
    let mut answer = answer.clone();
    *answer.pointer_mut(member).unwrap() = value;
    answer
}

#[tokio::test]
async fn a_batch_that_no_log_tells_is_not_believed() {
    let (operation, batch) = (log::follow(), log::batch());
    let commit = batch["commits"][0].clone();
    for (what, wrong) in [
        ("more commits than asked for", with(&batch, "/commits", json!([commit, commit, commit]))),
        ("another epoch", with(&batch, "/next", json!(LogCursor::new(Epoch::new(), &7)))),
        ("a cursor that is none", with(&batch, "/next", json!("x"))),
        ("no commits, and more", with(&batch, "/commits", json!([]))),
        ("the cursor before its commits", with(&batch, "/next", json!(operation.parameters[0].1))),
        ("settled above the ceiling", with(&batch, "/settled", json!(105))),
        ("a commit at the ceiling", with(&batch, "/ceiling", json!(103))),
        ("a tick below zero", with(&batch, "/commits/0/tick", json!(-1))),
        ("an owner that is none", with(&batch, "/commits/0/rows/0/after", json!(["user_id:7"]))),
    ] {
        let error = asked(&operation, &wrong).await.expect_err(what);
        assert_eq!((error.kind(), error.operation()), (&ErrorKind::Corrupt, FOLLOW), "{what}");
    }
}

#[tokio::test]
async fn rows_and_owners_of_a_newer_storage_are_left_out_and_nothing_fails() {
    let (operation, batch) = (log::follow(), log::batch());
    let mut newer = batch.clone();
    let rows = newer.pointer_mut("/commits/0/rows").unwrap().as_array_mut().unwrap();
    rows[0]["after"].as_array_mut().unwrap().push(json!("guild_id:01890a5d-ac96-774b-bcce-b302099a0002"));
    rows.insert(0, json!({ "kind": "guild", "id": examples::ID, "revision": 1, "after": ["realm_id:x"] }));
    newer["oldest"] = json!("a member that is not known");
    assert_eq!(asked(&operation, &newer).await.unwrap(), batch);
    let unknown_alone = with(&batch, "/commits/0/rows", json!([newer["commits"][0]["rows"][0]]));
    let heard = asked(&operation, &unknown_alone).await.unwrap();
    assert_eq!(heard["commits"][0]["rows"], json!(Vec::<RowChange>::new()));
}

#[tokio::test]
async fn a_lease_of_another_consumer_or_with_events_not_to_be_replayed_is_not_believed() {
    let operation = log::lease();
    let answer = operation.answer.clone().unwrap();
    for wrong in [
        with(&answer, "/leased/token/consumer", json!("archive")),
        with(&answer, "/leased/token/consumer", json!("HUB")),
        with(&answer, "/leased/replays/0/replay", json!(false)),
    ] {
        let error = asked(&operation, &wrong).await.unwrap_err();
        assert_eq!((error.kind(), error.certainly_not_applied()), (&ErrorKind::Corrupt, false), "{wrong}");
    }
}

#[tokio::test]
async fn parked_events_that_were_not_asked_for_are_not_believed() {
    let operation = log::parked();
    let answer = operation.answer.clone().unwrap();
    let event = answer["events"][0].clone();
    let asked_behind = json!(operation.parameters[0].1);
    for wrong in [
        json!({ "events": [event, event, event] }),
        json!({ "events": [event, event] }),
        json!({ "events": [], "more": true }),
        with(&answer, "/events/0/event/id", asked_behind),
    ] {
        assert_eq!(asked(&operation, &wrong).await.unwrap_err().kind(), &ErrorKind::Corrupt, "{wrong}");
    }
}

#[tokio::test]
async fn parked_events_that_come_in_parts_are_put_together() {
    let server = MockServer::start().await;
    let event = log::parked().answer.unwrap()["events"][0].clone();
    let part = |id: u128, more: bool| {
        let event = with(&event, "/event/id", json!(EventId(uuid::Uuid::from_u128(id))));
        ResponseTemplate::new(200).set_body_json(json!({ "events": [event], "more": more }))
    };
    for (query, answer) in [("limit=3", part(1, true)), ("limit=2", part(2, true)), ("limit=1", part(3, false))] {
        let (name, value) = query.split_once('=').unwrap();
        let asked = Mock::given(matchers::path("/storage/v1/consumers/hub/parked"));
        asked.and(matchers::query_param(name, value)).respond_with(answer).expect(1).mount(&server).await;
    }
    let storage = HttpStorage::over(direct(server.uri(), "secret"));
    let events = storage.parked(&"hub".parse().unwrap(), None, 3).await.unwrap();
    let ids: Vec<_> = events.iter().map(|parked| parked.event.id.0.as_u128()).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test]
async fn what_is_out_of_range_is_refused_unsent_and_a_longer_wait_counts_as_the_longest() {
    let server = MockServer::start().await;
    let storage = HttpStorage::over(direct(server.uri(), "secret"));
    let (after, hub) = (LogCursor::new(Epoch::new(), &7), "hub".parse().unwrap());
    for limit in [0, 1001] {
        let errors = [
            storage.follow(&after, limit, Duration::ZERO).await.unwrap_err(),
            storage.parked(&hub, None, limit).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| matches!(error.kind(), ErrorKind::Invalid(_))), "{errors:?}");
    }
    let ids = vec![EventId(uuid::Uuid::nil()); 1001];
    assert!(matches!(storage.unpark(&hub, &ids).await.unwrap_err().kind(), ErrorKind::Invalid(_)));
    assert!(matches!(storage.discard(&hub, &ids).await.unwrap_err().kind(), ErrorKind::Invalid(_)));
    assert!(server.received_requests().await.unwrap().is_empty());
    storage.follow(&after, 1, Duration::MAX).await.unwrap_err();
    let asked = server.received_requests().await.unwrap();
    let wait = asked[0].url.query_pairs().find(|(name, _)| name == "wait_ms").unwrap().1.into_owned();
    assert_eq!(wait, MAX_FOLLOW_WAIT.as_millis().to_string());
}

const FAILURES: [Step; 4] = [Step::Answer(503), Step::Refuse, Step::LoseAnswer, Step::Silence];

fn over(upstream: &Scripted) -> HttpStorage<TransportStack<Scripted>> {
    let config = HttpStorageConfig::new("http://127.0.0.1:1".parse().unwrap(), "secret".to_owned().into());
    let config = HttpStorageConfig { breaker_failures: 2, breaker_probe: Duration::ZERO, ..config };
    HttpStorage::over(TransportStack::around(upstream.clone(), &config))
}

fn cursor() -> LogCursor {
    LogCursor::new(Epoch::new(), &7)
}

#[tokio::test(start_paused = true)]
async fn a_follower_of_a_dead_upstream_asks_once_each_time_and_does_not_open_the_breaker() {
    for failure in FAILURES {
        let upstream = Scripted::new(&[failure]);
        let storage = over(&upstream);
        for asked in 1..=20 {
            let error = storage.follow(&cursor(), 100, Duration::from_secs(1)).await.unwrap_err();
            assert!(error.is_outage() && error.retry() != Retry::Never, "{error:?}");
            assert!(storage.head().await.unwrap_err().is_outage());
            assert_eq!(upstream.calls(), 2 * asked, "{failure:?}");
        }
        assert_eq!(storage.breakers().worst_state(), BreakerState::Closed, "{failure:?}");
        assert_eq!(storage.breakers().reads.failures(), 0);
        assert_eq!(storage.metrics().retry_budget(), (20.0, 20.0), "a poll takes no retries");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_does_not_stop_a_follower_and_a_follower_does_not_close_it() {
    let upstream = Scripted::new(&[Step::Answer(503)]);
    let storage = over(&upstream);
    storage.probe().await.unwrap_err();
    assert_eq!(storage.breakers().reads.state(), BreakerState::Open);
    upstream.now(Step::Answer(410));
    let asked = upstream.calls();
    for _ in 0..3 {
        storage.follow(&cursor(), 100, Duration::ZERO).await.unwrap_err();
    }
    assert_eq!(upstream.calls() - asked, 3);
    assert_eq!(storage.breakers().reads.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_poll_has_the_time_that_the_storage_may_wait_and_that_of_one_attempt() {
    let storage = over(&Scripted::new(&[Step::Silence]));
    for wait in [Duration::ZERO, Duration::from_millis(300), Duration::from_secs(60)] {
        let started = Instant::now();
        let error = storage.follow(&cursor(), 100, wait).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Timeout);
        let over = started.elapsed() - wait;
        assert!(over >= Duration::from_secs(2) && over < Duration::from_millis(2_010), "{wait:?}: {over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn polls_are_counted_under_their_operations() {
    let storage = over(&Scripted::new(&[Step::Answer(410)]));
    storage.follow(&cursor(), 100, Duration::ZERO).await.unwrap_err();
    storage.head().await.unwrap_err();
    let mut registry = Registry::default();
    storage.metrics().register(&mut registry);
    let mut text = String::new();
    text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"storage_client_requests_total{operation="log_follow",outcome="client_error",cause="none"} 1"#,
        r#"storage_client_attempts_total{operation="log_follow",outcome="client_error"} 1"#,
        r#"storage_client_requests_total{operation="log_head",outcome="client_error",cause="none"} 1"#,
        "storage_client_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn the_bare_transport_does_not_cut_a_poll_off_at_the_deadline_of_calls() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(204).set_delay(Duration::from_millis(300));
    Mock::given(matchers::any()).respond_with(answer).mount(&server).await;
    let config = HttpStorageConfig::new(server.uri().parse().unwrap(), "secret".to_owned().into());
    let config = HttpStorageConfig { deadline: Duration::from_millis(50), ..config };
    let transport = character_storage_http::ReqwestTransport::new(&config).unwrap();
    let poll = |kind| ApiRequest { kind, ..ApiRequest::get(FOLLOW, "/storage/v1/log") };
    assert_eq!(transport.call(poll(RequestKind::Call)).await.unwrap_err().kind, TransportErrorKind::Timeout);
    let patient = RequestKind::Follow { wait: Duration::from_secs(30) };
    assert_eq!(transport.call(poll(patient)).await.unwrap().status, 204);
}
