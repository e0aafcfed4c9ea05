//! What a call costs at least: a request, and the reply of a process that only waits, over HTTP and through NATS.
#![expect(clippy::disallowed_methods, reason = "the thread has nothing else to do while it waits")]

use character_tests::RawResponse;
use futures_util::StreamExt as _;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The roles of this program as a server.
pub(crate) const HTTP: &str = "floor-http";
pub(crate) const NATS: &str = "floor-nats";
/// The subject of the server at NATS.
pub(crate) const SUBJECT: &str = "floor";
/// About as long as a read of a row takes: a server of NATS whose threads have gone to sleep meanwhile takes longer for the reply.
const WORK: Duration = Duration::from_micros(100);
/// The size of a reply: about a row with its version.
const REPLY: [u8; 700] = [b'x'; 700];

/// A server of the benchmark itself, as a process of its own; ended when dropped.
pub(crate) struct Floor {
    child: Child,
    /// Where it listens, or the address of NATS.
    pub(crate) address: String,
}

impl Floor {
    pub(crate) fn start(role: &str, address: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args([role, address]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().to_owned() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Answers until it is killed.
pub(crate) async fn serve(role: &str, address: &str) {
    if role == HTTP {
        let listener = TcpListener::bind(address).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            // A client may open another one before the last has become idle.
            let (connection, _) = listener.accept().await.unwrap();
            connection.set_nodelay(true).unwrap();
            tokio::spawn(answer(connection));
        }
    }
    let client = async_nats::connect(address).await.unwrap();
    let mut requests = client.queue_subscribe(SUBJECT, "instances".to_owned()).await.unwrap();
    client.flush().await.unwrap();
    println!("{address}");
    while let Some(request) = requests.next().await {
        sleep(WORK);
        client.publish(request.reply.unwrap(), REPLY.as_slice().into()).await.unwrap();
    }
}

async fn answer(mut connection: TcpStream) {
    let mut reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", REPLY.len()).into_bytes();
    reply.extend(REPLY);
    assert!(RawResponse::within(&reply).is_some());
    let mut received = [0; 4096];
    // A request of the benchmark arrives as a whole.
    while connection.read(&mut received).await.is_ok_and(|read| read > 0) {
        sleep(WORK);
        connection.write_all(&reply).await.unwrap();
    }
}
