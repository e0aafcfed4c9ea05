//! Secrets and TLS certificates that a process replaces while connections use them.
//!
//! [`Secret`] and, with the feature `tls`, `ClientTls` and `ServerTls` share one rule: each holder of a clone reads the current
//! state for each new request or connection, and a new state that cannot be used leaves the old one in use. Nothing here watches files or
//! reads the environment.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod current;
mod secret;
#[cfg(feature = "tls")]
mod tls;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The TLS whose configurations `ClientTls` and `ServerTls` make.
#[cfg(feature = "tls")]
pub use rustls;
/// The text of a secret, which is erased when it is dropped, and the trait that reads it.
pub use secrecy::{ExposeSecret, SecretString};

pub use current::Current;
pub use secret::Secret;
#[cfg(feature = "tls")]
pub use tls::{
    ClientCertificates, ClientPem, ClientTls, ClientTlsFiles, ServerTls, ServerTlsFiles, TlsError, TlsFile,
    Verification,
};
