//! HTTP/1.1 as bytes, for clients that must cost little or control their connections.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A response with a `Content-Length`, or without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawResponse {
    /// The status, such as 200.
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    /// Where the body is in the received bytes.
    pub body: Range<usize>,
}

impl RawResponse {
    /// The response at the beginning of the received bytes; `None` while it is not complete. Panics when the status or the
    /// length is no number.
    pub fn within(received: &[u8]) -> Option<Self> {
        let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(received.get(..end)?).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a response has a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length is a number"));
        let body = end + 4..end + 4 + length;
        (received.len() >= body.end).then_some(Self { status, head, body })
    }
}

/// Sends a request and reads its response into the buffer, which grows when it is too small. Not cancel safe: a connection
/// whose exchange was dropped cannot be used again.
pub async fn exchange(connection: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> io::Result<RawResponse> {
    connection.write_all(request).await?;
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize((filled * 2).max(16 << 10), 0);
        }
        let read = connection.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(response) = RawResponse::within(buffer.get(..filled).unwrap_or_default()) {
            return Ok(response);
        }
    }
}
