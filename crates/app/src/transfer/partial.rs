//! A file in the making: it gets its name once it is whole, so that a reader never finds half of one.

use super::{TransferError, hashing::Hashing};
use crate::private_files;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Writes to `<name>.partial` beside the file.
pub(super) struct Partial {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<Hashing<File>>,
}

impl Partial {
    pub(super) fn new(folder: &Path, name: &str) -> Result<Self, TransferError> {
        let (path, partial) = (folder.join(name), folder.join(format!("{name}.partial")));
        let unwritable = |source| TransferError::File { path: partial.clone(), action: "written", source };
        let file = BufWriter::new(Hashing::new(private_files::create_anew(&partial).map_err(unwritable)?));
        Ok(Self { path, partial, file })
    }

    /// Writes what `put` writes, and the end of a line.
    pub(super) fn line(
        &mut self,
        put: impl FnOnce(&mut dyn Write) -> serde_json::Result<()>,
    ) -> Result<(), TransferError> {
        let put = put(&mut self.file).map_err(io::Error::other);
        put.and_then(|()| self.file.write_all(b"\n")).map_err(|error| self.failed(error))
    }

    /// Makes what was written so far durable, still under the temporary name.
    pub(super) fn finish(&mut self) -> Result<(), TransferError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().file.sync_all());
        synced.map_err(|error| self.failed(error))
    }

    /// The SHA-256 of a finished file.
    pub(super) fn sha256(&self) -> String {
        self.file.get_ref().sha256()
    }

    /// Gives a finished file its name.
    pub(super) fn publish(&self) -> Result<(), TransferError> {
        fs::rename(&self.partial, &self.path).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> TransferError {
        TransferError::File { path: self.path.clone(), action: "written", source }
    }
}
