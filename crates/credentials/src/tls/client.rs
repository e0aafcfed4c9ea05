//! TLS of a client: what it trusts, and its own certificate.

use super::{
    TlsError, TlsFile, Verification,
    pem::{PemFile, identity},
    verifier::{CurrentVerifier, Trusted, trusted},
};
use crate::Current;
use jiff::Timestamp;
use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::{ResolvesClientCert, Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    sign::CertifiedKey,
};
use std::{fmt, path::PathBuf, sync::Arc, time::SystemTime};

/// The files of a client, each in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// The certificates of the authorities that are trusted, instead of those of the system; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// The own certificate and its key; `None`: the client shows none.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The contents of the files, for libraries that read PEM by themselves.
#[derive(Clone, Default)]
pub struct ClientPem {
    /// The authorities that are trusted; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// The own certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for ClientPem {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ca, identity) = (self.ca.is_some(), self.identity.is_some());
        f.debug_struct("ClientPem").field("ca", &ca).field("identity", &identity).finish()
    }
}

/// TLS of a client. Clones share the state, and [`reload`](Self::reload) reaches every configuration that was made of it.
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    files: ClientTlsFiles,
    verification: Verification,
    provider: Arc<CryptoProvider>,
    loaded: Current<Loaded>,
    /// It reads `loaded` at each handshake.
    config: ClientConfig,
}

/// All that the files say.
pub(super) struct Loaded {
    pub(super) trusted: Trusted,
    identity: Option<Arc<CertifiedKey>>,
    pem: Arc<ClientPem>,
    expires_at: Option<Timestamp>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ClientTls");
        text.field("files", &self.0.files).field("verification", &self.0.verification).finish()
    }
}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the file and what is wrong with it.
    pub fn load(files: ClientTlsFiles, verification: Verification) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let loaded = Current::new(load(&files, verification, &provider)?);
        let config = config(&loaded, verification, &provider)?;
        Ok(Self(Arc::new(Inner { files, verification, provider, loaded, config })))
    }

    /// Reads the files again. New connections use them; open ones go on.
    ///
    /// # Errors
    /// [`TlsError`]; what was in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.0.loaded.replace(load(&self.0.files, self.0.verification, &self.0.provider)?);
        Ok(())
    }

    /// The configuration for a connector, which follows every [`reload`](Self::reload).
    #[must_use]
    pub fn config(&self) -> ClientConfig {
        self.0.config.clone()
    }

    /// The paths of the files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let identity = self.0.files.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.0.files.ca.iter().chain(identity).cloned().collect()
    }

    /// The contents of the files in use. Another `Arc` after each [`reload`](Self::reload).
    #[must_use]
    pub fn pem(&self) -> Arc<ClientPem> {
        Arc::clone(&self.0.loaded.get().pem)
    }

    /// When the own certificate in use expires; `None`: there is none.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.loaded.get().expires_at.map(SystemTime::from)
    }
}

fn config(
    loaded: &Current<Loaded>,
    verification: Verification,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, TlsError> {
    let verifier = CurrentVerifier { loaded: loaded.clone(), verification, provider: Arc::clone(provider) };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(CurrentIdentity(loaded.clone())));
    // A resumed session would go past a verifier that no longer trusts the server.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn load(
    files: &ClientTlsFiles,
    verification: Verification,
    provider: &Arc<CryptoProvider>,
) -> Result<Loaded, TlsError> {
    let (mut pem, mut expires_at) = (ClientPem::default(), None);
    let trusted = match &files.ca {
        Some(path) => {
            let file = PemFile::read(TlsFile::Ca, path)?;
            let roots = file.roots()?;
            pem.ca = Some(file.bytes);
            trusted(roots, provider)?
        }
        None if verification == Verification::Nothing => None,
        None => trusted(of_the_system()?, provider)?,
    };
    let mut shown = None;
    if let Some((certificate, key)) = &files.identity {
        let (certificate, key) = (PemFile::read(TlsFile::Certificate, certificate)?, PemFile::read(TlsFile::Key, key)?);
        let (found, ends) = identity(&certificate, &key, provider)?;
        (shown, expires_at) = (Some(found), Some(ends));
        pem.identity = Some((certificate.bytes, key.bytes));
    }
    Ok(Loaded { trusted, identity: shown, pem: Arc::new(pem), expires_at })
}

fn of_the_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // What of the store of the system cannot be read is of no use to any program.
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(TlsError::NoSystemCertificates) } else { Ok(roots) }
}

/// Shows, for each handshake, the certificate of that moment.
#[derive(Debug)]
struct CurrentIdentity(Current<Loaded>);

impl ResolvesClientCert for CurrentIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.get().identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.get().identity.is_some()
    }
}
