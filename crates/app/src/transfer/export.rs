//! Export: every row of every kind as it is at one moment, soft-deleted rows and versions included.

use super::{
    TransferError,
    line::Line,
    manifest::{Manifest, Summary},
    partial::Partial,
    row::Row,
};
use crate::private_files;
use character_storage_port::{
    EntityKind, Snapshot, SnapshotItem, StoredRow, UnreadableInSnapshot, every_kind, for_row,
};
use futures_util::TryStreamExt;
use std::{fs::File, path::Path};

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// The files, in the order in which an import reads them.
    pub files: Vec<Exported>,
    /// The rows that are stored and cannot be read; they are in no file.
    pub unreadable: Vec<UnreadableInSnapshot>,
}

impl ExportReport {
    /// Number of rows in all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// One file of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub file: &'static str,
    /// Number of rows in it.
    pub rows: u64,
}

/// Writes every row to `folder`, each file ordered by id. A row that cannot be read is left out and reported. The files
/// appear under their names together, once all are whole. `progress` is called with the number of rows written so far.
///
/// # Errors
/// When a file cannot be written or the storage fails. Files of an earlier export are then still there.
pub async fn export<S: Snapshot + ?Sized>(
    storage: &S,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<ExportReport, TransferError> {
    let mut items = storage.snapshot().await.map_err(TransferError::Storage)?;
    let failed = |source| TransferError::File { path: folder.to_owned(), action: "written", source };
    private_files::create_folder(folder).map_err(failed)?;
    private_files::warn_of_open(&[folder.to_owned()]);
    let mut files = every_kind!(Row => Output::new::<Row>(folder)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let (mut unreadable, mut rows) = (Vec::new(), 0);
    while let Some(item) = items.try_next().await.map_err(TransferError::Storage)? {
        match item {
            SnapshotItem::Unreadable(row) => unreadable.push(row),
            SnapshotItem::Row(row) => {
                let kind = kind(&row);
                if let Some(file) = files.iter_mut().find(|file| file.kind == kind) {
                    for_row!(row, row => file.put(&row))?;
                }
                rows += 1;
                progress(rows);
            }
        }
    }
    for file in &mut files {
        file.file.finish()?;
    }
    let files_by_name = files.iter().map(|file| (file.name.to_owned(), file.summary())).collect();
    let manifest = Manifest { files: files_by_name }.write(folder)?;
    let exported = files.iter().map(Output::publish).collect::<Result<Vec<_>, _>>()?;
    manifest.publish()?;
    // The names are as durable as the contents.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(ExportReport { files: exported, unreadable })
}

fn kind(row: &StoredRow) -> EntityKind {
    fn of<E: Row>(_: &E) -> EntityKind {
        E::KIND
    }
    for_row!(row, row => of(row))
}

/// One of the files.
struct Output {
    kind: EntityKind,
    name: &'static str,
    file: Partial,
    rows: u64,
}

impl Output {
    fn new<E: Row>(folder: &Path) -> Result<Self, TransferError> {
        Ok(Self { kind: E::KIND, name: E::FILE, file: Partial::new(folder, E::FILE)?, rows: 0 })
    }

    fn put<E: Row>(&mut self, row: &E) -> Result<(), TransferError> {
        let mut line = Line::default();
        let put = row.put_into(&mut line);
        self.file.line(|writer| put.and_then(|()| serde_json::to_writer(writer, &line.0)))?;
        self.rows += 1;
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary { rows: self.rows, sha256: self.file.sha256() }
    }

    fn publish(&self) -> Result<Exported, TransferError> {
        self.file.publish()?;
        Ok(Exported { file: self.name, rows: self.rows })
    }
}
