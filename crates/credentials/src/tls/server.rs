//! TLS of a listener: the certificate that it shows, and what it asks of its clients.

use super::{
    TlsError, TlsFile,
    pem::{PemFile, identity},
};
use crate::Current;
use jiff::Timestamp;
use rustls::{
    Error, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
    sign::SingleCertAndKey,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// The files of a listener, each in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// Its key, without a passphrase.
    pub key: PathBuf,
    /// The authorities of client certificates; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// Whether the clients of a listener must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// As [`ServerTlsFiles::client_ca`] says.
    AsConfigured,
    /// Never: for probes of an orchestrator, which have none.
    NotAsked,
}

/// TLS of the listeners of a process. Clones share the state.
#[derive(Clone)]
pub struct ServerTls {
    files: Arc<ServerTlsFiles>,
    provider: Arc<CryptoProvider>,
    loaded: Current<Loaded>,
}

struct Loaded {
    as_configured: Arc<ServerConfig>,
    not_asked: Arc<ServerConfig>,
    expires_at: Timestamp,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the file and what is wrong with it.
    pub fn load(files: ServerTlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let loaded = Current::new(load(&files, &provider)?);
        Ok(Self { files: Arc::new(files), provider, loaded })
    }

    /// Reads the files again. New connections see the new certificate; open ones go on.
    ///
    /// # Errors
    /// [`TlsError`]; what was in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.loaded.replace(load(&self.files, &self.provider)?);
        Ok(())
    }

    /// The configuration for the next connection: HTTP/1.1, TLS 1.2 or 1.3.
    #[must_use]
    pub fn config(&self, clients: ClientCertificates) -> Arc<ServerConfig> {
        let loaded = self.loaded.get();
        match clients {
            ClientCertificates::AsConfigured => Arc::clone(&loaded.as_configured),
            ClientCertificates::NotAsked => Arc::clone(&loaded.not_asked),
        }
    }

    /// The paths of the files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let ServerTlsFiles { certificate, key, client_ca } = &*self.files;
        [Some(certificate), Some(key), client_ca.as_ref()].into_iter().flatten().cloned().collect()
    }

    /// When the certificate in use expires.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.loaded.get().expires_at.into()
    }
}

fn load(files: &ServerTlsFiles, provider: &Arc<CryptoProvider>) -> Result<Loaded, TlsError> {
    let certificate = PemFile::read(TlsFile::Certificate, &files.certificate)?;
    let key = PemFile::read(TlsFile::Key, &files.key)?;
    let (identity, expires_at) = identity(&certificate, &key, provider)?;
    certificate.check_for_servers()?;
    let config = |client_ca: Option<&Path>| -> Result<Arc<ServerConfig>, TlsError> {
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(PemFile::read(TlsFile::Ca, path)?.roots()?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| Error::General(error.to_string()))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity))));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    };
    let not_asked = config(None)?;
    let as_configured = match &files.client_ca {
        Some(path) => config(Some(path))?,
        None => Arc::clone(&not_asked),
    };
    Ok(Loaded { as_configured, not_asked, expires_at })
}
