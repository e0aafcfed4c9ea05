//! The client against the server, over a real socket, with the reference storage behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;
mod serving;

use character_domain::{CharacterId, now};
use character_storage_http::{BreakerState, HttpStorage, HttpStorageConfig};
use character_storage_port::{Commit, DomainEvent, ErrorKind, Log, MemoryStorage, Probe, StoragePort, Transaction};
use character_storage_server::{LONGEST_WAIT, Limits};
use character_storage_testkit::{Harness, Operation, ScriptedFaults, storage_conformance};
use serving::Serving;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Loopback;

impl Harness for Loopback {
    type Guard = Serving;

    async fn fresh() -> (Serving, Arc<dyn StoragePort>) {
        let serving = Serving::start(Limits::default());
        let storage = Arc::new(serving.storage("current"));
        (serving, storage)
    }
}

storage_conformance!(conformance, Loopback);

#[tokio::test]
async fn each_valid_token_is_accepted_and_a_wrong_one_is_not() {
    let serving = Serving::start(Limits::default());
    for valid in ["current", "next"] {
        serving.storage(valid).probe().await.unwrap();
    }
    let error = serving.storage("wrong").probe().await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (&ErrorKind::Unauthorized, "probe"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let serving = Serving::start(Limits { body_timeout: Duration::from_millis(100), ..Limits::default() });
    let mut stream = TcpStream::connect(serving.address).await.unwrap();
    let head = "POST /storage/v1/transactions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer current\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer));
    assert!(read.await.is_ok(), "the server waits for ever");
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

/// The server answers before it has read the body, and the client still sends: the answer must win over the broken pipe.
#[tokio::test]
async fn a_body_over_the_servers_limit_is_refused_without_a_retry_and_is_no_failure_of_the_server() {
    let serving = Serving::start(Limits { body_bytes: 1024, ..Limits::default() });
    let base = format!("http://{}", serving.address).parse().unwrap();
    let config = HttpStorageConfig { breaker_failures: 1, ..HttpStorageConfig::new(base, "current".to_owned().into()) };
    let storage = HttpStorage::connect(config).unwrap();
    let event = || {
        let data = serde_json::json!({ "text": "x".repeat(1_000_000) });
        DomainEvent::new("character.updated", CharacterId::new(), now(), data)
    };
    let large = (0..8).fold(Transaction::new(), |transaction, _| transaction.with_event(event()));
    for _ in 0..10 {
        let error = storage.commit(large.clone()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
        assert_eq!(storage.breakers().worst_state(), BreakerState::Closed, "{error:?}");
    }
    storage.probe().await.unwrap();
}

#[tokio::test]
async fn a_waiting_follower_does_not_hold_a_graceful_shutdown_up_for_its_wait() {
    let storage = ScriptedFaults::new(Arc::new(MemoryStorage::new()));
    let serving = Serving::over(Arc::new(storage.clone()), Limits::default());
    let client = serving.storage("current");
    let head = client.head().await.unwrap();
    let started = std::time::Instant::now();
    let stopped = async {
        storage.called(Operation::Follow, 1).await;
        serving.handle.stop(true).await;
    };
    let (batch, ()) = tokio::join!(client.follow(&head, 100, Duration::from_secs(60)), stopped);
    assert!(batch.unwrap().commits.is_empty());
    assert!(started.elapsed() < LONGEST_WAIT * 5, "{:?}", started.elapsed());
}
