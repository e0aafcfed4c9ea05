//! A client with many connections, each of which sends its next request when it has its response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
    let mut connection = Connection::open(server).await;
    let body = connection.exchange(request).await;
    connection.buffer[body].to_vec()
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

    /// Where the body of the response is in the buffer.
    async fn exchange(&mut self, request: &[u8]) -> std::ops::Range<usize> {
        self.stream.write_all(request).await.unwrap();
        let mut filled = 0;
        let (start, end) = loop {
            filled += self.read(filled).await;
            let Some(head) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            assert!(text.starts_with("http/1.1 2"), "{text}\n{}", String::from_utf8_lossy(&self.buffer[head..filled]));
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            break (head + 4, head + 4 + length.map_or(0, |length| length.parse().unwrap()));
        };
        while filled < end {
            filled += self.read(filled).await;
        }
        start..end
    }

    async fn read(&mut self, filled: usize) -> usize {
        if self.buffer.len() == filled {
            self.buffer.resize(filled * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        read
    }
}
