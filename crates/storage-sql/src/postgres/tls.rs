//! TLS to PostgreSQL: what the parameters of a URL say, as PostgreSQL's own clients understand them, and the streams.

use character_credentials::{ClientTls, ClientTlsFiles, TlsError, TlsFile, Verification};
use rustls::pki_types::ServerName;
use std::{
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    config::SslMode,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// PostgreSQL takes a connection with TLS from the first byte only for this protocol.
const PROTOCOL: &[u8] = b"postgresql";

/// The values of the parameters of TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsParameters {
    pub(crate) mode: Option<String>,
    pub(crate) root: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
}

impl TlsParameters {
    /// The mode for the client library, and what it uses for TLS. An error says which parameter is wrong, and holds paths at
    /// most.
    pub(crate) fn load(self) -> Result<(SslMode, ClientTls), String> {
        let Self { mode, root, certificate, key } = self;
        let (mode, verification) = match (mode.as_deref().unwrap_or("prefer"), &root) {
            ("disable", _) => (SslMode::Disable, Verification::Nothing),
            ("prefer", _) => (SslMode::Prefer, Verification::Nothing),
            ("require", None) => (SslMode::Require, Verification::Nothing),
            ("require" | "verify-ca", _) => (SslMode::Require, Verification::Authority),
            ("verify-full", _) => (SslMode::Require, Verification::AuthorityAndHost),
            _ => return Err("sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned()),
        };
        if mode == SslMode::Disable && (root.is_some() || certificate.is_some() || key.is_some()) {
            return Err("sslrootcert, sslcert and sslkey have no effect with sslmode=disable".to_owned());
        }
        if mode == SslMode::Prefer && root.is_some() {
            return Err("sslrootcert needs an sslmode that checks it: require, verify-ca or verify-full".to_owned());
        }
        let ca = match root.as_deref() {
            Some("system") if verification == Verification::AuthorityAndHost => None,
            Some("system") => return Err("sslrootcert=system needs sslmode=verify-full".to_owned()),
            root => root.map(PathBuf::from),
        };
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => return Err("sslcert and sslkey must be set together".to_owned()),
        };
        let tls = ClientTls::load(ClientTlsFiles { ca, identity }, verification).map_err(|error| described(&error))?;
        Ok((mode, tls))
    }
}

/// The error with the name of the parameter.
fn described(error: &TlsError) -> String {
    format!("{}: {error}", parameter_of(error))
}

/// The same without the path of the file, which a log leaves out.
pub(crate) fn reason_of(error: &TlsError) -> String {
    match error {
        TlsError::File { reason, .. } => format!("{}: {reason}", parameter_of(error)),
        other => described(other),
    }
}

fn parameter_of(error: &TlsError) -> &'static str {
    match error {
        TlsError::File { file: TlsFile::Ca, .. } | TlsError::NoSystemCertificates => "sslrootcert",
        TlsError::File { file: TlsFile::Certificate, .. } => "sslcert",
        TlsError::File { file: TlsFile::Key, .. } => "sslkey",
        _ => "sslmode",
    }
}

/// Connects with the certificates of the moment.
#[derive(Clone)]
pub(crate) struct PostgresTls(pub(crate) ClientTls);

impl MakeTlsConnect<Socket> for PostgresTls {
    type Stream = PostgresTlsStream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        let mut config = self.0.config();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A Unix socket has no name, and the client library asks also for connections without TLS.
        let host = ServerName::try_from(domain.to_owned())
            .map_err(|_| io::Error::other("TLS handshake: the host is no name that a certificate can have"));
        Ok(Handshake { connector: TlsConnector::from(Arc::new(config)), host })
    }
}

/// A connection that is about to begin.
pub(crate) struct Handshake {
    connector: TlsConnector,
    host: io::Result<ServerName<'static>>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = PostgresTlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<PostgresTlsStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.connector.connect(self.host?, socket).await?;
            Ok(PostgresTlsStream(Box::new(stream)))
        })
    }
}

/// The encrypted stream.
pub(crate) struct PostgresTlsStream(Box<TlsStream<Socket>>);

impl tokio_postgres::tls::TlsStream for PostgresTlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for PostgresTlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PostgresTlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
