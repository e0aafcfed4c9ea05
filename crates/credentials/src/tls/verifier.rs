//! How a client checks the certificate of a server, with authorities that are replaced while it runs.

use super::client::Loaded;
use crate::Current;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{fmt, sync::Arc};

/// What a client checks of the certificate of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// That a trusted authority has signed it, and that it is for the host that was called.
    #[default]
    AuthorityAndHost,
    /// That a trusted authority has signed it, for whatever host: PostgreSQL's `verify-ca`.
    Authority,
    /// Nothing: the connection is encrypted, but anyone may be at its other end. PostgreSQL's `require`.
    Nothing,
}

/// What is trusted at a moment; `None`: anything.
pub(crate) type Trusted = Option<Arc<WebPkiServerVerifier>>;

pub(crate) fn trusted(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Trusted, Error> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map(Some).map_err(|error| Error::General(error.to_string()))
}

/// Asks, for each handshake, the verifier of that moment.
pub(crate) struct CurrentVerifier {
    pub(super) loaded: Current<Loaded>,
    pub(crate) verification: Verification,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl fmt::Debug for CurrentVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentVerifier").field("verification", &self.verification).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for CurrentVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let loaded = self.loaded.get();
        let Some(verifier) = loaded.trusted.as_ref() else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is checked last, so that the authority is right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verification == Verification::Authority => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
