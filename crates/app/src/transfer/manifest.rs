//! The names of the files of an export with their sizes and hashes, by which an import notices one that is cut, changed or missing.

use super::{TransferError, lines::open_regular};
use crate::private_files;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

pub(super) const MANIFEST: &str = "manifest.json";
/// The maximum size of a manifest that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Each file of an export, by its name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<String, Summary>,
}

/// One file: how many rows it has, and the SHA-256 of its bytes in hexadecimal digits.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// Writes it under a temporary name, and returns a closure that gives it the final name.
    pub(super) fn write(
        &self,
        folder: &Path,
    ) -> Result<impl FnOnce() -> Result<(), TransferError> + use<>, TransferError> {
        let (path, partial) = (folder.join(MANIFEST), folder.join(format!("{MANIFEST}.partial")));
        let target = path.clone();
        let failed = move |source| TransferError::File { path: target.clone(), action: "written", source };
        let mut file = private_files::create_anew(&partial).map_err(&failed)?;
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other).map_err(&failed)?;
        file.write_all(&text).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(&failed)?;
        Ok(move || fs::rename(&partial, &path).map_err(&failed))
    }

    /// Reads the manifest of a folder. `None`: there is none, because another program or an older release wrote the files. The error is a
    /// sentence fragment.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, String> {
        let unreadable = |error: &dyn std::fmt::Display| format!("cannot be read: {error}");
        let file = match open_regular(&folder.join(MANIFEST)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| unreadable(&error))?,
        };
        serde_json::from_reader(file.take(LONGEST)).map(Some).map_err(|error| unreadable(&error))
    }

    /// What is wrong with a file; `found`: `None` when it is not there.
    pub(super) fn fault(&self, file: &str, found: Option<&Summary>) -> Option<String> {
        let written = self.files.get(file)?;
        match found {
            None if written.rows > 0 => Some(format!("is missing; the export wrote {} rows", written.rows)),
            Some(found) if found.rows != written.rows => {
                Some(format!("the number of rows is {}; the export wrote {}", found.rows, written.rows))
            }
            Some(found) if found.sha256 != written.sha256 => Some("is not as the export wrote it".to_owned()),
            _ => None,
        }
    }
}

/// A file whose bytes are hashed as they are read or written.
#[derive(Debug)]
pub(super) struct Hashing<F> {
    pub(super) file: F,
    hash: Sha256,
}

impl<F> Hashing<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, hash: Sha256::new() }
    }

    /// Of what was read or written so far.
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", self.hash.clone().finalize())
    }
}

impl<F: Read> Read for Hashing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<F: Write> Write for Hashing<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
