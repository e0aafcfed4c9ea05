//! The socket of a client, with TLS or without.

use super::{
    connection::{Connection, OpenConnection},
    connections::Connections,
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
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

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
    let handshake = TlsAcceptor::from(tls.config(clients)).accept(stream);
    match timeout(connection.handshake_patience(), handshake).await {
        Ok(Ok(stream)) => {
            connection.handshake_ends();
            Ok(GuardedStream::new(ClientSocket::Tls(Box::new(stream)), connection))
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
