//! The names of the files of an export with their sizes and hashes, by which an import notices one that is cut, changed or missing.

use super::{TransferError, lines::open_regular, partial::Partial};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read},
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
    /// Written and durable, for the caller to publish after the files that it names.
    pub(super) fn write(&self, folder: &Path) -> Result<Partial, TransferError> {
        let mut file = Partial::new(folder, MANIFEST)?;
        file.line(|writer| serde_json::to_writer_pretty(writer, self))?;
        file.finish()?;
        Ok(file)
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
