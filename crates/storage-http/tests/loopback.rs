//! The client against the server, over a real socket, with the reference storage behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod direct;

use actix_web::{App, HttpServer, dev::ServerHandle, rt::System};
use character_storage_http::{BreakerState, HttpStorage, HttpStorageConfig, ReqwestTransport};
use character_storage_port::{ErrorKind, EventId, MemoryStorage, Outbox, Probe, StoragePort};
use character_storage_server::{AcceptedTokens, Limits, StorageServer};
use character_storage_testkit::{Harness, storage_conformance};
use direct::direct;
use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A server on a port of its own; stopped when dropped.
struct Serving {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    fn start(limits: Limits) -> Self {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let tokens = AcceptedTokens::new(["current".to_owned().into(), "next".to_owned().into()]).unwrap();
                let storage = StorageServer::new(Arc::new(MemoryStorage::new()), tokens, limits);
                let server = HttpServer::new(move || App::new().configure(|config| storage.configure(config)))
                    .workers(1)
                    .disable_signals()
                    .bind("127.0.0.1:0")
                    .unwrap();
                let address = *server.addrs().first().unwrap();
                let server = server.run();
                sender.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = receiver.recv().unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    fn storage(&self, token: &'static str) -> HttpStorage<ReqwestTransport> {
        HttpStorage::over(direct(format!("http://{}", self.address), token))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The command is sent by the call; the future would only wait for its end, as the join does.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

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
    let ids: Vec<EventId> = (0..200_000).map(|number| EventId(uuid::Uuid::from_u128(number))).collect();
    for _ in 0..10 {
        let error = storage.acknowledge(&ids).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
        assert_eq!(storage.breakers().reads.state(), BreakerState::Closed, "{error:?}");
    }
    storage.probe().await.unwrap();
}
