//! Export and import: one folder, one file of newline-delimited JSON for each kind of row, one row a line. A line of
//! our own exports has a `revision`, and its row is restored exactly; a line of the service before ours has none, and
//! its row starts at revision 1.

mod belongings;
mod diverged;
mod export;
mod file;
mod hashing;
mod import;
mod line;
mod lines;
mod manifest;
mod partial;
mod references;
mod row;
#[cfg(test)]
mod tests;
mod verdict;

pub use belongings::BrokenRule;
pub use export::{ExportReport, Exported, export};
pub use import::{DamagedFile, ImportReport, Imported, RejectedLine, import, size};

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
    /// The storage failed, so that the rest could not be transferred. An import that is started again continues where
    /// this one ended; an export starts from the beginning.
    #[error("the storage failed; run the same command again")]
    Storage(#[source] character_storage_port::StorageError),
}
