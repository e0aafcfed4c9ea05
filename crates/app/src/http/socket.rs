//! The socket of a client, with TLS or without.

use super::{
    connection::{Connection, OpenConnection},
    connections::Connections,
    refusal::EarlyRefusal,
    stream::GuardedStream,
};
use actix_http::error::DispatchError;
use character_credentials::{ClientCertificates, ServerTls};
use character_error_reporter::redacted;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How much of a request without TLS is read, in bytes: its head, and what follows until the client has the answer.
const MOST_OF_PLAIN_HTTP: u64 = 256 * 1024;

/// The TLS of a listener.
#[derive(Clone, Debug)]
pub(crate) struct ListenerTls {
    pub(crate) tls: ServerTls,
    pub(crate) clients: ClientCertificates,
}

/// The socket of a client.
#[derive(Debug)]
pub(super) enum ClientSocket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that was accepted, after the handshake when the listener has TLS. The handshake has the time of a head.
pub(super) async fn accepted(
    stream: TcpStream,
    all: Arc<Connections>,
    tls: Option<ListenerTls>,
) -> Result<GuardedStream, DispatchError> {
    // An answer is written in large pieces, the last of which would otherwise wait for those before. A socket that
    // refuses the option is only slower.
    let _ = stream.set_nodelay(true);
    let connection = OpenConnection::new(Connection::new(all));
    let Some(ListenerTls { tls, clients }) = tls else {
        return Ok(GuardedStream::new(ClientSocket::Plain(stream), connection));
    };
    let handshake = async {
        if begins_as_plain_http(&stream).await? {
            return Ok::<_, io::Error>(ClientSocket::Plain(stream));
        }
        let stream = TlsAcceptor::from(tls.config(clients)).accept(stream).await?;
        Ok(ClientSocket::Tls(Box::new(stream)))
    };
    match timeout(connection.handshake_patience(), handshake).await {
        Ok(Ok(ClientSocket::Plain(stream))) => {
            connection.handshake_failed();
            // How it ends makes no difference: the client has its answer, or is gone.
            let _ = timeout(connection.disconnect_patience(), refuse_plain_http(stream, &connection)).await;
            Err(DispatchError::Io(io::ErrorKind::InvalidData.into()))
        }
        Ok(Ok(stream)) => {
            connection.handshake_ends();
            Ok(GuardedStream::new(stream, connection))
        }
        Ok(Err(error)) => {
            // A probe of a load balancer opens a connection and closes it again.
            if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) {
                connection.left_in_handshake();
            } else {
                tracing::info!(target: "access", error = %redacted(&error), "a TLS handshake failed");
                connection.handshake_failed();
            }
            Err(DispatchError::Io(error))
        }
        Err(_) => {
            connection.handshake_failed();
            Err(DispatchError::SlowRequestTimeout)
        }
    }
}

/// Whether the client sends a request of HTTP without TLS: its method begins with a letter, which no record of TLS does.
async fn begins_as_plain_http(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0].is_ascii_alphabetic()),
    }
}

/// Answers a request without TLS, and ends the connection. What the client has sent is read, because the system would otherwise
/// reset the connection and drop the answer.
async fn refuse_plain_http(mut stream: TcpStream, connection: &Connection) -> io::Result<()> {
    let refusal = EarlyRefusal::without_tls(connection.problem_types());
    stream.write_all(refusal.rest()).await?;
    stream.shutdown().await?;
    let request_id = refusal.request_id;
    tracing::info!(target: "access", status = 400, %request_id, "answered a request without TLS");
    let mut sent = stream.take(MOST_OF_PLAIN_HTTP);
    tokio::io::copy(&mut sent, &mut tokio::io::sink()).await.map(drop)
}

impl ClientSocket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.tcp().peer_addr().ok()
    }

    /// What the system still holds for the client is dropped with the socket.
    pub(super) fn drop_unsent(&self) {
        // If that fails, it is dropped later.
        let _ = self.tcp().set_zero_linger();
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
