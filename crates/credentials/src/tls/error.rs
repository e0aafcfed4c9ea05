//! Why files cannot be used for TLS.

use std::path::PathBuf;

/// The part that a file has in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificates of authorities that are trusted.
    Ca,
    /// The own certificate, with those that lead to its authority.
    Certificate,
    /// The private key of the own certificate.
    Key,
}

/// Why files cannot be used for TLS. The text holds paths, and nothing of what is in the files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing, unreadable or of no use.
    #[error("{path:?}: {reason}")]
    File {
        /// The part of the file.
        file: TlsFile,
        /// Its path.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// No file of trusted certificates was named, and the system has none.
    #[error("the system has no trusted certificates; name a file of them")]
    NoSystemCertificates,
    /// The library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
