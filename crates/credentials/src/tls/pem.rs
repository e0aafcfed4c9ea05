//! Certificates and keys from files in PEM form, with every mistake named.

use super::{TlsError, TlsFile, usage::is_for_servers, validity::Validity};
use jiff::Timestamp;
use rustls::{
    Error, InconsistentKeys, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{fs, path::Path, sync::Arc};

/// A file of certificates is larger than this only by mistake. 4 MiB.
const MOST: u64 = 4 << 20;

/// A file as it was read.
pub(crate) struct PemFile<'a> {
    file: TlsFile,
    path: &'a Path,
    pub(crate) bytes: Vec<u8>,
}

impl<'a> PemFile<'a> {
    pub(crate) fn read(file: TlsFile, path: &'a Path) -> Result<Self, TlsError> {
        let error = |reason: String| TlsError::File { file, path: path.to_owned(), reason };
        let metadata = fs::metadata(path).map_err(|failed| error(format!("cannot be read: {failed}")))?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(error(format!("must be a regular file of at most {MOST} bytes")));
        }
        let bytes = fs::read(path).map_err(|failed| error(format!("cannot be read: {failed}")))?;
        Ok(Self { file, path, bytes })
    }

    fn wrong(&self, reason: impl Into<String>) -> TlsError {
        TlsError::File { file: self.file, path: self.path.to_owned(), reason: reason.into() }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        let certificates = certificates.map_err(|_| self.wrong("is not PEM: a block is damaged"))?;
        match certificates.is_empty() {
            true => Err(self.wrong("holds no certificate; expected a PEM block BEGIN CERTIFICATE")),
            false => Ok(certificates),
        }
    }

    fn validity(&self, certificate: &[u8]) -> Result<Validity, TlsError> {
        Validity::of(certificate).ok_or_else(|| self.wrong("holds a certificate that cannot be read"))
    }

    /// Fails unless the first certificate may be that of a server.
    pub(crate) fn check_for_servers(&self) -> Result<(), TlsError> {
        let certificates = self.certificates()?;
        match certificates.first().and_then(|first| is_for_servers(first)) {
            Some(true) => Ok(()),
            Some(false) => Err(self.wrong(
                "the certificate is not for servers: its extended key usage must list serverAuth, or there must be none",
            )),
            None => Err(self.wrong("holds a certificate that cannot be read")),
        }
    }

    /// The authorities of the file, of which at least one is valid now.
    pub(crate) fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let now = Timestamp::now();
        let mut last_end = None;
        for certificate in self.certificates()? {
            last_end = last_end.max(Some(self.validity(&certificate)?.ends));
            let added = roots.add(certificate);
            added.map_err(|_| self.wrong("holds a certificate that cannot be that of an authority"))?;
        }
        match last_end {
            Some(ended) if ended < now => {
                Err(self.wrong(format!("every certificate in it has expired, the last at {ended}")))
            }
            _ => Ok(roots),
        }
    }
}

/// The own certificate with its key, and when the certificate expires.
pub(crate) fn identity(
    certificate: &PemFile<'_>,
    key: &PemFile<'_>,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, Timestamp), TlsError> {
    let chain = certificate.certificates()?;
    let Some(first) = chain.first() else { return Err(certificate.wrong("holds no certificate")) };
    let Validity { begins, ends } = certificate.validity(first)?;
    let now = Timestamp::now();
    if ends < now {
        return Err(certificate.wrong(format!("the certificate expired at {ends}")));
    }
    if begins > now {
        return Err(certificate.wrong(format!("the certificate is not valid before {begins}")));
    }
    let found = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|_| {
        let is_encrypted = key.bytes.windows(9).any(|window| window == b"ENCRYPTED");
        key.wrong(match is_encrypted {
            true => "holds a key with a passphrase; remove the passphrase, and let only the service read the file",
            false => "holds no private key; expected a PEM block BEGIN PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY",
        })
    })?;
    let signer = provider.key_provider.load_private_key(found);
    let signer = signer.map_err(|_| key.wrong("holds a key of a kind that is not supported"))?;
    let identity = CertifiedKey::new(chain, signer);
    match identity.keys_match() {
        // A signer that does not know its public key is tried at the first handshake.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok((Arc::new(identity), ends)),
        Err(Error::InconsistentKeys(_)) => {
            Err(key.wrong(format!("the key does not belong to the certificate in {:?}", certificate.path)))
        }
        Err(_) => Err(certificate.wrong("holds a certificate that cannot be read")),
    }
}
