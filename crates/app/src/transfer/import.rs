//! Import: in bulk, restartable, every refused row with its reason.

use super::{
    TransferError,
    belongings::{BrokenRule, broken_rules},
    file,
    manifest::{MANIFEST, Manifest, Summary},
    references::Known,
    row::Row,
};
use character_domain::{Campaign, CharacterId};
use character_storage_port::{Entity, EntityKind, StoragePort, every_kind};
use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::Path,
};

/// One rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// The file.
    pub file: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// Why, as a sentence fragment.
    pub reason: String,
}

/// What an import did with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub file: &'static str,
    /// Rows created.
    pub created: usize,
    /// Rows that were there already, exactly so.
    pub unchanged: usize,
    /// The number of rejected rows.
    pub refused: usize,
}

/// A file that is not as the export wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedFile {
    /// The file.
    pub file: &'static str,
    /// What is wrong with it, as a sentence fragment.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Each file that was there, in the order read.
    pub files: Vec<Imported>,
    /// The rejected rows, in the order of files and lines.
    pub refused: Vec<RejectedLine>,
    /// The files that are not as the manifest of the export has them; their rows are imported all the same. Empty for a folder
    /// without a manifest.
    pub damaged: Vec<DamagedFile>,
    /// What else is in the folder and was not read, by name, in the order of the names.
    pub passed_over: Vec<String>,
    /// Rules that items from elsewhere break together with what their characters carry; they are stored all the same.
    pub broken_rules: Vec<BrokenRule>,
}

impl ImportReport {
    /// Rows created, in all files.
    #[must_use]
    pub fn created(&self) -> usize {
        self.files.iter().map(|file| file.created).sum()
    }

    /// Rows that were there already, exactly so, in all files.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.files.iter().map(|file| file.unchanged).sum()
    }
}

const FILES: &[&str] = &every_kind!(Row => Row::FILE);

/// The bytes that an import of `folder` reads.
#[must_use]
pub fn size(folder: &Path) -> u64 {
    FILES.iter().filter_map(|file| Some(fs::metadata(folder.join(file)).ok()?.len())).sum()
}

/// Imports `folder`, of whose files only that of the characters must be there. Rows that exist are never overwritten,
/// so a second run changes nothing and an interrupted one may be started again. `progress` is called with the bytes
/// read so far.
///
/// # Errors
/// When a file cannot be read or the storage fails; rows taken until then stay.
pub async fn import(
    storage: &dyn StoragePort,
    folder: &Path,
    progress: impl FnMut(u64),
) -> Result<ImportReport, TransferError> {
    let (manifest, unreadable) = match Manifest::read(folder) {
        Ok(manifest) => (manifest.unwrap_or_default(), None),
        Err(reason) => (Manifest::default(), Some(DamagedFile { file: MANIFEST, reason })),
    };
    let damaged = unreadable.into_iter().collect();
    let mut import = Import {
        storage,
        folder,
        manifest,
        known: Known::default(),
        receivers: BTreeSet::new(),
        fitting: HashSet::new(),
        report: ImportReport { passed_over: others(folder)?, damaged, ..ImportReport::default() },
        read: 0,
        progress,
    };
    // A row comes after those that it names: characters name campaigns, and every other kind names earlier kinds alone.
    file::take::<Campaign, _>(&mut import).await?;
    every_kind!(Row => if Row::KIND != Campaign::KIND {
        file::take::<Row, _>(&mut import).await?;
    });
    import.report.broken_rules = broken_rules(storage, &import.receivers).await?;
    Ok(import.report)
}

/// The names in the folder that an import does not know.
fn others(folder: &Path) -> Result<Vec<String>, TransferError> {
    let unreadable = |source| TransferError::File { path: folder.to_owned(), action: "read", source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if !FILES.contains(&name.as_str()) && name != MANIFEST {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// What the files of one import have in common.
pub(super) struct Import<'a, P> {
    pub(super) storage: &'a dyn StoragePort,
    pub(super) folder: &'a Path,
    pub(super) manifest: Manifest,
    pub(super) known: Known,
    /// The characters that received items from elsewhere.
    pub(super) receivers: BTreeSet<CharacterId>,
    /// The characters of the export that were created, exist unchanged or exist in a later state. Rows of a backup are added to these
    /// alone.
    pub(super) fitting: HashSet<CharacterId>,
    pub(super) report: ImportReport,
    /// Bytes read so far, of all files.
    pub(super) read: u64,
    pub(super) progress: P,
}

impl<P> Import<'_, P> {
    /// Remembers a row, if it is a character, as one to which rows of the backup may be added.
    pub(super) fn remember_fitting<E: Row>(&mut self, row: &E) {
        if E::KIND == EntityKind::Character {
            self.fitting.extend(row.owner());
        }
    }

    /// Compares a file that was read, or that is not there, with the manifest.
    pub(super) fn compare(&mut self, file: &'static str, found: Option<&Summary>) {
        let fault = self.manifest.fault(file, found);
        self.report.damaged.extend(fault.map(|reason| DamagedFile { file, reason }));
    }
}
