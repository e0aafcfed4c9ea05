//! Export: every row of every kind, soft-deleted ones too.

use super::{TransferError, line::Line, row::Row};
use character_domain::{
    Campaign, CampaignEvent, Character, CharacterProgress, EventImpact, ExperienceEntry, InventoryItem, JournalEntry,
    NpcRelationship, Quest,
};
use character_storage_port::{Limit, PageRequest, StoragePort, Store};
use std::{
    fs::{self, File},
    io::{BufWriter, Error, Write},
    path::Path,
};

/// How many rows a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub file: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// Writes every row to `folder`, newest first, and gives their numbers. Each file appears under its name only when it
/// is whole. `progress` is called with the rows written so far.
///
/// # Errors
/// When a file cannot be written or the storage fails.
pub async fn export(
    storage: &dyn StoragePort,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Vec<Exported>, TransferError> {
    let failed = |source| TransferError::File { path: folder.to_owned(), action: "written", source };
    fs::create_dir_all(folder).map_err(failed)?;
    let (mut files, mut rows) = (Vec::new(), 0);
    let mut written = |count: u64| {
        rows += count;
        progress(rows);
    };
    files.push(file::<Campaign>(storage, folder, &mut written).await?);
    files.push(file::<Character>(storage, folder, &mut written).await?);
    files.push(file::<InventoryItem>(storage, folder, &mut written).await?);
    files.push(file::<JournalEntry>(storage, folder, &mut written).await?);
    files.push(file::<ExperienceEntry>(storage, folder, &mut written).await?);
    files.push(file::<Quest>(storage, folder, &mut written).await?);
    files.push(file::<NpcRelationship>(storage, folder, &mut written).await?);
    files.push(file::<CampaignEvent>(storage, folder, &mut written).await?);
    files.push(file::<EventImpact>(storage, folder, &mut written).await?);
    files.push(file::<CharacterProgress>(storage, folder, &mut written).await?);
    Ok(files)
}

async fn file<E: Row>(
    storage: &dyn StoragePort,
    folder: &Path,
    written: &mut impl FnMut(u64),
) -> Result<Exported, TransferError>
where
    dyn StoragePort: Store<E>,
{
    let path = folder.join(E::FILE);
    let partial = folder.join(format!("{}.partial", E::FILE));
    let failed = |source| TransferError::File { path: path.clone(), action: "written", source };
    let mut file = BufWriter::new(File::create(&partial).map_err(failed)?);
    let mut request = PageRequest::first(Limit::MAX);
    let mut rows = 0;
    loop {
        let page = Store::<E>::list(storage, &E::everything(), request.clone()).await;
        let page = page.and_then(|read| read.value.complete()).map_err(TransferError::Storage)?;
        let count = page.items.len() as u64;
        for row in page.items {
            let mut line = Line::default();
            let put = row.put_into(&mut line).and_then(|()| serde_json::to_writer(&mut file, &line.0));
            put.map_err(|error| failed(Error::other(error)))?;
            file.write_all(b"\n").map_err(failed)?;
        }
        rows += count;
        written(count);
        let Some(cursor) = page.next else { break };
        request = request.after(cursor);
    }
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)?;
    Ok(Exported { file: E::FILE, rows })
}
