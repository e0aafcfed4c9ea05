//! What counts as a failure of the storage, and what only looks like one, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use character_domain::{Character, CharacterId};
use character_storage_http::{BreakerState, HttpStorage, HttpStorageConfig, TransportStack};
use character_storage_port::{CharacterQuery, Deleted, ErrorKind, PageRequest, Probe, Store};
use std::{fs::File, time::Duration};
use tokio::net::TcpListener;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// Opens the breaker with the first failure, and tries twice.
fn storage(base: &str) -> HttpStorage<TransportStack> {
    let config = HttpStorageConfig::new(base.parse().unwrap(), "secret".to_owned().into());
    HttpStorage::connect(HttpStorageConfig {
        breaker_failures: 1,
        retry_max: 1,
        retry_base: Duration::from_millis(1),
        max_response_bytes: 1000,
        ..config
    })
    .unwrap()
}

async fn answering(answer: ResponseTemplate, requests: u64) -> (MockServer, HttpStorage<TransportStack>) {
    let server = MockServer::start().await;
    Mock::given(matchers::any()).respond_with(answer).expect(requests).mount(&server).await;
    let storage = storage(&server.uri());
    (server, storage)
}

async fn find(storage: &HttpStorage<TransportStack>) -> ErrorKind {
    let found = Store::<Character>::find(storage, CharacterId::new(), Deleted::Exclude).await;
    found.unwrap_err().kind().clone()
}

#[tokio::test]
async fn an_answer_that_came_whole_leaves_the_breaker_closed_whatever_is_in_it() {
    let json = |body: &str| ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json");
    for (answer, kind) in [
        (json("{\"half\":"), ErrorKind::Corrupt),
        (json("[1, 2, 3]"), ErrorKind::Corrupt),
        (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), ErrorKind::Corrupt),
        (json(&format!("{:?}", "x".repeat(2000))), ErrorKind::Corrupt),
        (
            ResponseTemplate::new(500).set_body_raw(r#"{"code": "corrupt"}"#, "application/problem+json"),
            ErrorKind::Corrupt,
        ),
        (ResponseTemplate::new(500), ErrorKind::Unavailable { retry_after: None }),
        (ResponseTemplate::new(401), ErrorKind::Unauthorized),
    ] {
        let (_server, storage) = answering(answer.clone(), 5).await;
        for _ in 0..5 {
            assert_eq!(find(&storage).await, kind, "{answer:?}");
        }
        assert_eq!(
            (storage.breakers().reads.state(), storage.breakers().reads.failures()),
            (BreakerState::Closed, 0),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_of_something_in_between_that_there_is_none_opens_the_breaker() {
    for status in [502, 503, 504] {
        let (_server, storage) = answering(ResponseTemplate::new(status), 1).await;
        find(&storage).await;
        assert_eq!(storage.breakers().reads.state(), BreakerState::Open, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_opens_the_breaker() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storage = storage(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
    });
    assert!(matches!(find(&storage).await, ErrorKind::CircuitOpen { .. }), "the second attempt is refused");
    assert_eq!(storage.breakers().reads.state(), BreakerState::Open);
}

/// Slashes are three bytes each in a query.
#[tokio::test]
async fn a_request_that_cannot_be_written_as_http_is_invalid_is_not_sent_and_counts_for_nothing() {
    let (_server, storage) = answering(ResponseTemplate::new(204), 1).await;
    let query = CharacterQuery { theme: Some("/".repeat(22_000)), ..CharacterQuery::default() };
    for _ in 0..5 {
        let error = Store::<Character>::list(&storage, &query, PageRequest::default()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)) && error.certainly_not_applied(), "{error:?}");
    }
    assert_eq!((storage.breakers().reads.state(), storage.breakers().reads.failures()), (BreakerState::Closed, 0));
    storage.probe().await.unwrap();
}

/// Runs itself again under a low limit, because a process shares its descriptors with all its tests.
#[test]
fn a_want_of_descriptors_in_this_process_does_not_open_the_breaker() {
    const CHILD: &str = "STORAGE_HTTP_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_server, storage) = answering(ResponseTemplate::new(204), 1).await;
            let mut taken = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                taken.push(file);
            }
            for _ in 0..5 {
                let error = storage.probe().await.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error:?}");
                assert!(error.detail().is_some_and(|detail| detail.contains("descriptor")), "{error:?}");
                assert!(error.certainly_not_applied());
            }
            assert_eq!(
                (storage.breakers().reads.state(), storage.breakers().reads.failures()),
                (BreakerState::Closed, 0)
            );
            taken.clear();
            storage.probe().await.unwrap();
        });
        return;
    }
    let child = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 64 && exec \"$0\" --exact a_want_of_descriptors_in_this_process_does_not_open_the_breaker",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}
