//! A client with many connections, each of which sends its next request when it has its response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use character_tests::exchange;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) const CONNECTIONS: usize = 64;

/// The request with this number, as bytes of HTTP/1.1.
pub(crate) type Requests = Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

/// A request with a body of JSON, or without one.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let entity = match method {
        "GET" => String::new(),
        _ => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{entity}\r\n{body}").into_bytes()
}

/// Sends this many requests; panics when one is not answered by a success.
pub(crate) async fn send(server: SocketAddr, count: usize, requests: &Requests) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS.min(count) {
        let (next, requests) = (Arc::clone(&next), Arc::clone(requests));
        connections.spawn(async move {
            let mut connection = Connection::open(server).await;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                connection.exchange(&requests(number)).await;
            }
        });
    }
    while let Some(ended) = connections.join_next().await {
        ended.unwrap();
    }
}

/// Sends one request and returns the body of its response.
pub(crate) async fn ask(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    Connection::open(server).await.exchange(request).await.to_vec()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 64 << 10] }
    }

    /// The body of the response.
    async fn exchange(&mut self, request: &[u8]) -> &[u8] {
        let response = exchange(&mut self.stream, request, &mut self.buffer).await.unwrap();
        let body = &self.buffer[response.body];
        let is_success = (200..300).contains(&response.status);
        assert!(is_success, "{}\n{}", response.head, String::from_utf8_lossy(body));
        body
    }
}
