//! TLS of clients and listeners, from files in PEM form that are read again while it is in use.

mod client;
mod error;
mod pem;
mod server;
mod usage;
mod validity;
mod verifier;

pub use client::{ClientPem, ClientTls, ClientTlsFiles};
pub use error::{TlsError, TlsFile};
pub use server::{ClientCertificates, ServerTls, ServerTlsFiles};
pub use verifier::Verification;
