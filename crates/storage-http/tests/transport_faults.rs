//! What the transport stack does about faults on the wire, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_storage_http::{
    ApiRequest, ApiResponse, BreakerState, ConnectError, HttpStorage, HttpStorageConfig, ReqwestTransport, Sent,
    Transport, TransportErrorKind, TransportStack,
};
use character_storage_port::{Commit, ErrorKind, Probe, Transaction};
use prometheus_client::{encoding::text, registry::Registry};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

fn config(base: &str) -> HttpStorageConfig {
    HttpStorageConfig {
        retry_base: Duration::from_millis(1),
        ..HttpStorageConfig::new(base.parse().unwrap(), "secret".to_owned().into())
    }
}

fn request(idempotent: bool) -> ApiRequest {
    ApiRequest { idempotent, ..ApiRequest::get("test", "/storage/v1/probe") }
}

async fn answering(answers: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    for answer in answers {
        Mock::given(matchers::any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    server
}

/// Answers each connection with these bytes, and closes it.
async fn raw(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    address
}

fn scraped(storage: &HttpStorage<TransportStack>) -> String {
    let mut registry = Registry::default();
    storage.metrics().register(&mut registry);
    let mut text = String::new();
    text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test]
async fn a_body_cut_in_the_middle_is_a_lost_answer() {
    const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"half\":";
    let address = raw(&[CUT]).await;
    let transport = ReqwestTransport::new(&config(&format!("http://{address}"))).unwrap();
    let error = transport.call(request(true)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportErrorKind::Interrupted, Sent::Perhaps));
    let address = raw(&[CUT, "HTTP/1.1 204 No Content\r\n\r\n"]).await;
    HttpStorage::connect(config(&format!("http://{address}"))).unwrap().probe().await.unwrap();
}

/// Lesson 40: every way in which a connection fails is tested by itself.
#[tokio::test]
async fn a_connection_closed_without_an_answer_may_have_been_served_and_a_refused_one_was_not() {
    let address = raw(&[""]).await;
    let transport = ReqwestTransport::new(&config(&format!("http://{address}"))).unwrap();
    let error = transport.call(request(true)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportErrorKind::Interrupted, Sent::Perhaps));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let transport = ReqwestTransport::new(&config(&format!("http://{closed}"))).unwrap();
    let error = transport.call(request(true)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportErrorKind::Connect, Sent::Never));
}

/// Lesson 35: time is bounded, and not only the number of tries.
#[tokio::test]
async fn the_bare_transport_waits_no_longer_than_the_deadline() {
    let server = answering([ResponseTemplate::new(204).set_delay(Duration::from_secs(30))]).await;
    let config = HttpStorageConfig { deadline: Duration::from_millis(50), ..config(&server.uri()) };
    let error = ReqwestTransport::new(&config).unwrap().call(request(true)).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (TransportErrorKind::Timeout, Sent::Perhaps));
}

/// Lesson 42: the policy of retries sees the answer.
#[tokio::test]
async fn retry_after_arrives_in_seconds_and_as_a_date() {
    let far = "Wed, 21 Oct 2099 07:28:00 GMT";
    for (header, expected) in
        [("1", Duration::from_secs(1)..=Duration::from_secs(1)), (far, Duration::from_secs(3600)..=Duration::MAX)]
    {
        let server = answering([ResponseTemplate::new(503).insert_header("retry-after", header)]).await;
        let response = ReqwestTransport::new(&config(&server.uri())).unwrap().call(request(true)).await.unwrap();
        assert!(response.retry_after.is_some_and(|wait| expected.contains(&wait)), "{header}: {response:?}");
    }
}

#[tokio::test]
async fn an_answer_that_leaves_the_effect_open_is_not_forgotten_for_a_later_refusal() {
    let not_applied = |status| {
        ResponseTemplate::new(status)
            .set_body_raw(r#"{"code": "unavailable", "certainly_not_applied": true}"#, "application/problem+json")
    };
    for (first, certainly_not_applied) in [
        (ResponseTemplate::new(504), false),
        (ResponseTemplate::new(503), false),
        (not_applied(503), true),
        (ResponseTemplate::new(429), true),
    ] {
        let server = answering([first.clone(), ResponseTemplate::new(401)]).await;
        let storage = HttpStorage::connect(config(&server.uri())).unwrap();
        let error = storage.commit(Transaction::new()).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unauthorized);
        assert_eq!(error.certainly_not_applied(), certainly_not_applied, "{first:?}");
    }
}

/// Lesson 18: who runs it can see how often a call was tried.
#[tokio::test]
async fn requests_on_the_wire_are_counted_apart_from_calls() {
    let server = answering([503, 503, 204].map(ResponseTemplate::new)).await;
    let storage = HttpStorage::connect(config(&server.uri())).unwrap();
    storage.probe().await.unwrap();
    let text = scraped(&storage);
    for line in [
        r#"storage_client_requests_total{operation="probe",outcome="success",cause="none"} 1"#,
        r#"storage_client_attempts_total{operation="probe",outcome="server_error"} 2"#,
        r#"storage_client_attempts_total{operation="probe",outcome="success"} 1"#,
        r#"storage_client_retries_total{operation="probe",reason="503"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn an_open_breaker_costs_no_request_and_no_budget() {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(ResponseTemplate::new(503)).expect(1).mount(&server).await;
    let config = HttpStorageConfig { breaker_failures: 1, retry_max: 0, ..config(&server.uri()) };
    let storage = HttpStorage::connect(config).unwrap();
    storage.probe().await.unwrap_err();
    for _ in 0..20 {
        let error = storage.probe().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CircuitOpen { .. }), "{error:?}");
    }
    let text = scraped(&storage);
    for line in [
        "storage_client_retry_budget_tokens 20",
        "storage_client_retry_budget_exhausted_total 0",
        r#"circuit_breaker_state{breaker="reads",state="open"} 1"#,
        r#"circuit_breaker_state{breaker="changes",state="closed"} 1"#,
        r#"circuit_breaker_rejected_total{breaker="reads"} 20"#,
        r#"storage_client_requests_total{operation="probe",outcome="circuit_open",cause="server_error"} 20"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

/// A transport that counts those inside it and lets them out when told to.
#[derive(Clone, Debug)]
struct Held {
    healthy: Arc<std::sync::atomic::AtomicBool>,
    entered: Arc<std::sync::atomic::AtomicUsize>,
    release: Arc<tokio::sync::Notify>,
}

#[async_trait::async_trait]
impl Transport for Held {
    async fn call(&self, _: ApiRequest) -> Result<ApiResponse, character_storage_http::TransportError> {
        use std::sync::atomic::Ordering::SeqCst;
        self.entered.fetch_add(1, SeqCst);
        let status = if self.healthy.load(SeqCst) {
            self.release.notified().await;
            204
        } else {
            503
        };
        Ok(ApiResponse::of_status(status))
    }
}

/// Lesson 20: a lost probe does not leave the breaker half open.
#[tokio::test]
async fn one_of_two_hundred_callers_probes_and_a_cancelled_probe_makes_room_for_the_next() {
    use std::sync::atomic::Ordering::SeqCst;
    let held = Held { healthy: Default::default(), entered: Default::default(), release: Default::default() };
    let config = HttpStorageConfig {
        breaker_recovery: Duration::from_millis(20),
        breaker_probe: Duration::ZERO,
        retry_max: 0,
        attempt_timeout: Duration::from_secs(60),
        deadline: Duration::from_secs(60),
        ..config("http://127.0.0.1:1")
    };
    let storage = Arc::new(HttpStorage::over(TransportStack::around(held.clone(), &config)));
    for _ in 0..5 {
        storage.probe().await.unwrap_err();
    }
    assert_eq!((held.entered.swap(0, SeqCst), storage.breakers().reads.state()), (5, BreakerState::Open));
    held.healthy.store(true, SeqCst);
    // The machine's clock is the system's: callers come until one is let in.
    let mut callers = Vec::new();
    while held.entered.load(SeqCst) == 0 {
        let caller = Arc::clone(&storage);
        callers.push(tokio::spawn(async move { caller.probe().await }));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let cancelled = callers.pop().unwrap();
    let late: Vec<_> = (0..200)
        .map(|_| Arc::clone(&storage))
        .map(|caller| tokio::spawn(async move { caller.probe().await }))
        .collect();
    for refused in late {
        let error = refused.await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::CircuitOpen { .. }), "{error:?}");
    }
    assert_eq!(held.entered.load(SeqCst), 1);
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    assert_eq!(storage.breakers().reads.state(), BreakerState::HalfOpen);
    let call = storage.probe();
    let released = async {
        for _ in 0..2 {
            held.release.notify_one();
            while held.entered.load(SeqCst) < 3 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::join!(call, released).0.unwrap();
    assert_eq!(storage.breakers().reads.state(), BreakerState::Closed);
    assert_eq!(held.entered.load(SeqCst), 3, "the cancelled probe, the next probe, and the call after it");
    assert_eq!(storage.breakers().reads.recovery_attempts(), 2);
}

/// Runs itself again with proxy variables, because a process cannot safely change its own.
#[test]
fn proxy_variables_do_not_lead_the_token_away() {
    const CHILD: &str = "STORAGE_HTTP_TEST_BEHIND_PROXY";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = answering([ResponseTemplate::new(204)]).await;
            HttpStorage::connect(config(&server.uri())).unwrap().probe().await.unwrap();
        });
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "proxy_variables_do_not_lead_the_token_away"])
        .envs([(CHILD, "1"), ("HTTP_PROXY", "http://127.0.0.1:1"), ("http_proxy", "http://127.0.0.1:1")])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

#[test]
fn an_address_or_a_token_that_http_cannot_use_is_refused_at_once() {
    for address in ["ftp://host", "http://host/?a=b", "http://host/#part", "http://user:word@host"] {
        assert!(matches!(HttpStorage::connect(config(address)), Err(ConnectError::Address { .. })), "{address}");
    }
    let told = HttpStorage::connect(config("http://user:word@host")).unwrap_err().to_string();
    assert!(told.contains("(host) must have no user and no password") && !told.contains("word@"), "{told}");
    for token in ["", "two\nlines", "two words"] {
        let config = HttpStorageConfig { token: token.to_owned().into(), ..config("http://host") };
        assert!(matches!(HttpStorage::connect(config), Err(ConnectError::Token)), "{token:?}");
    }
}

#[test]
fn settings_with_which_no_call_could_succeed_are_refused_by_name() {
    let valid = || config("http://host");
    let zero = Duration::ZERO;
    for (setting, config) in [
        ("deadline", HttpStorageConfig { deadline: zero, ..valid() }),
        ("attempt_timeout", HttpStorageConfig { attempt_timeout: zero, ..valid() }),
        ("large_timeout", HttpStorageConfig { large_timeout: zero, ..valid() }),
        ("connect_timeout", HttpStorageConfig { connect_timeout: zero, ..valid() }),
        ("breaker_recovery", HttpStorageConfig { breaker_recovery: zero, ..valid() }),
        ("breaker_failures", HttpStorageConfig { breaker_failures: 0, ..valid() }),
        ("max_response_bytes", HttpStorageConfig { max_response_bytes: 0, ..valid() }),
        ("retry_budget_ratio", HttpStorageConfig { retry_budget_ratio: -0.1, ..valid() }),
        ("retry_budget_ratio", HttpStorageConfig { retry_budget_ratio: f64::NAN, ..valid() }),
    ] {
        let refused = HttpStorage::connect(config).unwrap_err();
        assert!(matches!(&refused, ConnectError::Setting { setting: named, .. } if *named == setting), "{refused}");
    }
}
