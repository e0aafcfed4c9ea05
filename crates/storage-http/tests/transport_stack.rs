//! The transport stack, on paused time and against a real HTTP server.

#![expect(clippy::unwrap_used, reason = "tests")]

mod scripted;

use character_storage_http::{
    ApiRequest, BreakerState, HttpStorage, HttpStorageConfig, RequestSize, Transport, TransportStack,
};
use character_storage_port::{Commit, ErrorKind, Probe, Retry, Transaction, within_deadline};
use scripted::{Scripted, Step};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::Instant;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

fn config() -> HttpStorageConfig {
    let config = HttpStorageConfig::new("http://127.0.0.1:1".parse().unwrap(), "secret".to_owned().into());
    HttpStorageConfig { breaker_failures: 1000, ..config }
}

fn stack(steps: &[Step], config: &HttpStorageConfig) -> (Scripted, TransportStack<Scripted>) {
    let scripted = Scripted::new(steps);
    (scripted.clone(), TransportStack::around(scripted, config))
}

fn request(idempotent: bool) -> ApiRequest {
    ApiRequest { idempotent, ..ApiRequest::get("test", "/") }
}

#[tokio::test(start_paused = true)]
async fn at_most_four_requests_are_on_the_wire() {
    for steps in [[Step::Answer(503)], [Step::Refuse], [Step::LoseAnswer], [Step::After(429, 1)]] {
        let (server, stack) = stack(&steps, &config());
        let result = stack.call(request(true)).await;
        assert_eq!(server.calls(), 4, "{steps:?}");
        assert!(result.map_or_else(|error| error.exhausted, |response| response.exhausted), "{steps:?}");
    }
}

/// Lesson 14: what the client did wrong is final.
#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_is_not_repeated() {
    for status in [200, 400, 401, 403, 404, 409, 412, 422, 500, 501] {
        let (server, stack) = stack(&[Step::Answer(status)], &config());
        let response = stack.call(request(true)).await.unwrap();
        assert_eq!((server.calls(), response.status, response.exhausted), (1, status, false));
    }
}

/// Lesson 44: nothing that is not idempotent is replayed.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_idempotent_is_repeated_only_when_it_was_never_sent() {
    for (step, calls) in [(Step::LoseAnswer, 1), (Step::Silence, 1), (Step::Answer(503), 1), (Step::Refuse, 4)] {
        let (server, stack) = stack(&[step], &config());
        drop(stack.call(request(false)).await);
        assert_eq!(server.calls(), calls, "{step:?}");
    }
}

/// Lesson 15: who says when to come back is obeyed.
#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_and_a_longer_one_than_the_cap_ends_the_call() {
    let (_, patient) = stack(&[Step::After(503, 4), Step::Answer(200)], &config());
    let started = Instant::now();
    assert_eq!(patient.call(request(true)).await.unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_secs(4));
    let (server, stack) = stack(&[Step::After(503, 6)], &config());
    assert_eq!(stack.call(request(true)).await.unwrap().status, 503);
    assert_eq!(server.calls(), 1);
}

/// Lesson 30: one deadline bounds the whole call, retries and pauses included.
#[tokio::test(start_paused = true)]
async fn no_call_outlives_its_deadline_and_none_sleeps_towards_it() {
    for step in [Step::Silence, Step::After(503, 4), Step::LoseAnswer] {
        let config = HttpStorageConfig { retry_max: 100, ..config() };
        let (_, stack) = stack(&[step], &config);
        let started = Instant::now();
        drop(stack.call(request(true)).await);
        assert!(started.elapsed() <= config.deadline, "{step:?}: {:?}", started.elapsed());
    }
}

/// Lesson 32: each attempt is bounded (33: or retries never begin).
#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_never_answers_is_left_after_each_attempts_time() {
    let (server, stack) = stack(&[Step::Silence, Step::Silence, Step::Answer(200)], &config());
    let started = Instant::now();
    assert_eq!(stack.call(request(true)).await.unwrap().status, 200);
    assert_eq!(server.calls(), 3);
    assert!(started.elapsed() >= Duration::from_secs(4), "two attempts of two seconds");
}

/// Lesson 17: an open breaker is a refusal, and shows as one.
#[tokio::test(start_paused = true)]
async fn an_open_breaker_answers_at_once_and_is_not_retried() {
    let config = HttpStorageConfig { breaker_failures: 5, retry_max: 0, ..config() };
    let (server, stack) = stack(&[Step::Answer(503)], &config);
    let storage = HttpStorage::over(stack);
    for _ in 0..5 {
        assert_eq!(storage.breakers().reads.state(), BreakerState::Closed);
        storage.probe().await.unwrap_err();
    }
    assert_eq!((server.calls(), storage.breakers().reads.state()), (5, BreakerState::Open));
    let error = storage.probe().await.unwrap_err();
    // Two background probes are due within this time.
    assert_eq!(*error.kind(), ErrorKind::CircuitOpen { retry_after: Duration::from_millis(2_500) });
    assert!(error.certainly_not_applied());
    assert_eq!(server.calls(), 5);
}

fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_an_open_breaker_names_the_failure_that_opened_it() {
    let config = HttpStorageConfig { breaker_failures: 1, retry_max: 0, ..config() };
    let (_, stack) = stack(&[Step::Answer(503)], &config);
    let storage = HttpStorage::over(stack);
    storage.probe().await.unwrap_err();
    let refused = storage.probe().await.unwrap_err();
    let first = innermost(&refused);
    assert!(matches!(refused.kind(), ErrorKind::CircuitOpen { .. }) && first.contains("answered 503"), "{first}");
    storage.breakers().reads.force_open();
    let forced = storage.probe().await.unwrap_err();
    assert!(!innermost(&forced).contains("answered 503"), "an operator opened it");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_names_the_limit_that_was_over_and_how_long_it_is() {
    let patient = HttpStorageConfig { retry_max: 0, ..config() };
    let hurried = HttpStorageConfig { deadline: Duration::from_millis(700), ..patient.clone() };
    for (config, limit) in [(patient, "an attempt may take 2s"), (hurried, "the call had 700ms left for this attempt")]
    {
        let (_, stack) = stack(&[Step::Silence], &config);
        let error = HttpStorage::over(stack).probe().await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Timeout);
        assert!(error.detail().is_some_and(|detail| detail.ends_with(limit)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_has_no_answer_in_time_names_the_failure_before_it() {
    let config =
        HttpStorageConfig { deadline: Duration::from_secs(1), retry_base: Duration::from_millis(500), ..config() };
    for (step, failure) in [(Step::Refuse, "Connect"), (Step::Answer(503), "the storage answered 503")] {
        for caller in [None, Some(Duration::from_millis(900))] {
            let deadline = caller.map(|time| (Instant::now() + time).into_std());
            let (_, stack) = stack(&[step, Step::Silence], &config);
            let storage = HttpStorage::over(stack);
            let error = within_deadline(deadline, storage.probe()).await.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Timeout);
            assert!(innermost(&error).contains(failure), "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_a_success_to_the_breaker_whatever_its_status() {
    let config = HttpStorageConfig { breaker_failures: 2, retry_max: 0, ..config() };
    for status in [400, 401, 404, 409, 413, 422, 429, 500, 501] {
        let (_, stack) =
            stack(&[Step::Answer(503), Step::Answer(status), Step::Answer(503), Step::Answer(status)], &config);
        let storage = HttpStorage::over(stack);
        for _ in 0..8 {
            storage.probe().await.unwrap_err();
            assert_eq!(storage.breakers().reads.state(), BreakerState::Closed, "{status}");
        }
    }
}

/// Lesson 19: a probe that is never answered has an end, and counts.
#[tokio::test(start_paused = true)]
async fn silence_counts_against_the_breaker() {
    let config = HttpStorageConfig { breaker_failures: 4, deadline: Duration::from_secs(60), ..config() };
    let (_, stack) = stack(&[Step::Silence], &config);
    let storage = HttpStorage::over(stack);
    let error = storage.probe().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    assert_eq!((error.retry(), storage.breakers().reads.state()), (Retry::Exhausted, BreakerState::Open));
}

/// Lesson 27: no way out of a call forgets to settle it.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_neither_counts_nor_stays_in_flight() {
    let config = HttpStorageConfig { breaker_failures: 1, ..config() };
    let (_, stack) = stack(&[Step::Silence, Step::Answer(204)], &config);
    let storage = HttpStorage::over(stack);
    tokio::time::timeout(Duration::from_millis(1), storage.probe()).await.unwrap_err();
    assert_eq!(storage.breakers().reads.state(), BreakerState::Closed);
    let mut registry = prometheus_client::registry::Registry::default();
    storage.metrics().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "storage_client_in_flight 0",
        "circuit_breaker_state{breaker=\"reads\",state=\"closed\"} 1",
        "circuit_breaker_state{breaker=\"reads\",state=\"open\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

const PROBE: &str = "GET /storage/v1/probe";

fn change() -> ApiRequest {
    ApiRequest { method: reqwest::Method::POST, ..request(true) }
}

/// A storage that failed five times, and answers this from now on.
async fn failed_five_times(config: &HttpStorageConfig, then: u16) -> (Scripted, HttpStorage<TransportStack<Scripted>>) {
    let config = HttpStorageConfig { breaker_failures: 5, retry_max: 0, ..config.clone() };
    let server = Scripted::new(&[Step::Answer(503)]);
    let storage = HttpStorage::over(TransportStack::around(server.clone(), &config));
    for _ in 0..5 {
        drop(storage.transport().call(change()).await);
    }
    assert_eq!((storage.breakers().changes.state(), server.take().len()), (BreakerState::Open, 5));
    server.now(Step::Answer(then));
    (server, storage)
}

#[tokio::test(start_paused = true)]
async fn a_blink_of_the_storage_ends_with_the_second_answer_to_a_background_probe() {
    let (server, storage) = failed_five_times(&config(), 204).await;
    let back = Instant::now();
    while storage.breakers().changes.state() != BreakerState::Closed {
        assert!(back.elapsed() < Duration::from_secs(3), "still open");
        assert!(storage.transport().call(change()).await.is_err(), "a call of a user is no probe");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked: Vec<_> = server.take().into_iter().map(|(_, what)| what).collect();
    assert_eq!(asked, [PROBE, PROBE]);
    assert_eq!(storage.transport().call(change()).await.unwrap().status, 204);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(server.take().len(), 1, "a closed breaker is not probed");
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_stays_away_gets_at_most_one_probe_in_each_interval() {
    let (server, storage) = failed_five_times(&config(), 503).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let asked = server.take();
    assert!((500..=600).contains(&asked.len()), "{} probes in 600 s", asked.len());
    for pair in asked.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= Duration::from_secs(1), "{pair:?}");
        assert_eq!(pair[1].1, PROBE);
    }
    assert_eq!(storage.breakers().changes.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn one_answer_between_failures_does_not_close_the_breaker() {
    let (server, storage) = failed_five_times(&config(), 204).await;
    for status in [503, 204, 503, 204] {
        while server.take().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.now(Step::Answer(status));
        assert_eq!(storage.breakers().changes.state(), BreakerState::Open);
    }
}

#[tokio::test(start_paused = true)]
async fn background_probes_end_with_the_client() {
    let (server, storage) = failed_five_times(&config(), 503).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    drop(storage);
    server.take();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(server.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_an_operator_forces_open_is_not_closed_by_probes() {
    let (server, storage) = failed_five_times(&config(), 204).await;
    storage.breakers().changes.force_open();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(storage.breakers().changes.state(), BreakerState::Open);
    assert!(server.take().is_empty(), "nobody waits for the storage");
    storage.breakers().changes.reset();
    assert_eq!(storage.transport().call(change()).await.unwrap().status, 204);
}

/// The recovery time is of the system's clock.
#[tokio::test]
async fn without_background_probes_the_first_call_after_the_recovery_time_probes_before_it_is_sent() {
    let recovery = Duration::from_millis(20);
    let config = HttpStorageConfig { breaker_probe: Duration::ZERO, breaker_recovery: recovery, ..config() };
    let (server, storage) = failed_five_times(&config, 503).await;
    let asked = async || {
        let end = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            let answer = storage.transport().call(change()).await;
            let asked: Vec<_> = server.take().into_iter().map(|(_, what)| what).collect();
            if !asked.is_empty() {
                return (answer.is_ok(), asked);
            }
            assert!(std::time::Instant::now() < end, "no probe was admitted");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert_eq!(asked().await, (false, vec![PROBE.to_owned()]), "the call itself is not sent to a storage that fails");
    server.now(Step::Answer(204));
    assert_eq!(asked().await, (true, vec![PROBE.to_owned(), "POST /".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_takes_no_writes_does_not_refuse_reads() {
    let (server, storage) = failed_five_times(&config(), 200).await;
    assert!(storage.transport().call(change()).await.is_err());
    assert_eq!(storage.transport().call(request(true)).await.unwrap().status, 200);
    assert_eq!((storage.breakers().reads.state(), server.take().len()), (BreakerState::Closed, 1));
}

#[tokio::test(start_paused = true)]
async fn a_large_request_has_more_time_is_not_repeated_and_shows_nothing_when_it_fails() {
    let config = HttpStorageConfig { breaker_failures: 1, ..config() };
    for step in [Step::Silence, Step::Answer(504)] {
        let (server, stack) = stack(&[step], &config);
        let started = Instant::now();
        let large = ApiRequest { size: RequestSize::Large, ..change() };
        let answer = stack.call(large).await;
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 504));
        assert_eq!(server.calls(), 1, "{step:?}");
        let expected = if matches!(step, Step::Silence) { config.large_timeout } else { Duration::ZERO };
        assert_eq!(started.elapsed().as_secs(), expected.as_secs());
        let storage = HttpStorage::over(stack);
        assert_eq!(storage.breakers().worst_state(), BreakerState::Closed, "{step:?}");
    }
}

/// Lesson 29: retries that wait for their turn are paid for already, so that they do not burst out together.
#[tokio::test(start_paused = true)]
async fn the_budget_is_charged_when_a_retry_is_scheduled_and_not_when_it_is_sent() {
    let config = HttpStorageConfig { retry_budget: 3, retry_budget_ratio: 0.0, ..config() };
    let (server, stack) = stack(&[Step::Answer(503)], &config);
    let stack = Arc::new(stack);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move { stack.call(request(true)).await })
        })
        .collect();
    // The clock stands still while somebody is awake, so every first attempt is made and no retry is due.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.calls(), 100);
    assert_eq!(calls.iter().filter(|call| call.is_finished()).count(), 97);
}

/// Lesson 31: retries are paid from a budget.
#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_sees_little_more_than_what_is_offered_once_the_budget_is_drained() {
    let (server, stack) = stack(&[Step::Answer(503)], &config());
    for _ in 0..100 {
        drop(stack.call(request(true)).await);
    }
    let drained = server.calls();
    for _ in 0..1000 {
        drop(stack.call(request(true)).await);
    }
    assert!(server.calls() - drained <= 1200, "{} requests for 1000 calls", server.calls() - drained);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_does_not_claim_that_nothing_was_applied() {
    let (_, stack) = stack(&[Step::LoseAnswer, Step::Answer(401)], &config());
    let error = HttpStorage::over(stack).commit(Transaction::new()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unauthorized);
    assert!(!error.certainly_not_applied());
}

async fn connected(server: &MockServer, config: HttpStorageConfig) -> HttpStorage<TransportStack> {
    HttpStorage::connect(HttpStorageConfig {
        base_url: server.uri().parse().unwrap(),
        retry_base: Duration::from_millis(1),
        ..config
    })
    .unwrap()
}

/// Lesson 43: a request can be sent again, its body included.
#[tokio::test]
async fn two_failures_and_then_an_answer_is_an_answer() {
    let server = MockServer::start().await;
    let probe =
        || Mock::given(matchers::path("/storage/v1/probe")).and(matchers::header("authorization", "Bearer secret"));
    probe().respond_with(ResponseTemplate::new(503)).up_to_n_times(2).with_priority(1).expect(2).mount(&server).await;
    probe().respond_with(ResponseTemplate::new(204)).expect(1).mount(&server).await;
    connected(&server, config()).await.probe().await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_an_oversized_answer_is_cut_off() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:1/"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 4096]))
        .mount(&server)
        .await;
    let storage = connected(&server, HttpStorageConfig { max_response_bytes: 1024, ..config() }).await;
    for _ in 0..2 {
        assert_eq!(*storage.probe().await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn a_refused_connection_was_certainly_not_applied() {
    let storage = HttpStorage::connect(HttpStorageConfig { retry_base: Duration::from_millis(1), ..config() }).unwrap();
    let error = storage.probe().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }) && error.certainly_not_applied(), "{error:?}");
    assert_eq!(error.retry(), Retry::Exhausted);
}

#[test]
fn the_token_is_never_shown() {
    let storage = HttpStorage::connect(config()).unwrap();
    assert!(!format!("{storage:?} {:?}", config()).contains("secret"));
}
