//! Import and export of the newline-delimited JSON that the service before ours exports: one folder, one file per
//! kind of row, one row per line.

mod export;
mod file;
mod import;
mod line;
mod references;
mod row;
#[cfg(test)]
mod tests;

pub use export::{Exported, export};
pub use import::{ImportReport, Imported, Refusal, import, size};

use std::path::PathBuf;

/// Why a transfer could not go on. Refused rows are not errors: they are reported one by one.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file could not be read or written.
    #[error("{path}: cannot be {action}")]
    File {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The storage failed, so that the rest could not be transferred. Starting again goes on where this ended.
    #[error("the storage failed; run the same command again to go on")]
    Storage(#[source] character_storage_port::StorageError),
}
