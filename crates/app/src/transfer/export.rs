//! Export: every character, soft-deleted ones too.

use super::{CHARACTERS_FILE, TransferError, character::Line};
use character_storage_port::{CharacterQuery, Limit, PageRequest, StorageExt, StoragePort};
use std::{
    fs::{self, File},
    io::{BufWriter, Error, Write},
    path::Path,
};

/// Writes every character to `folder`, newest first, and gives their number. The file appears under its name only
/// when it is whole. `progress` is called with the rows written so far.
///
/// # Errors
/// When the file cannot be written or the storage fails.
pub async fn export(
    storage: &dyn StoragePort,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<u64, TransferError> {
    let path = folder.join(CHARACTERS_FILE);
    let partial = folder.join(format!("{CHARACTERS_FILE}.partial"));
    let failed = |source| TransferError::File { path: path.clone(), action: "written", source };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = BufWriter::new(File::create(&partial).map_err(failed)?);
    let query = CharacterQuery { include_deleted: true, ..CharacterQuery::default() };
    let mut request = PageRequest::first(Limit::MAX);
    let mut rows = 0;
    loop {
        let page = storage.list_characters(&query, request).await.map_err(TransferError::Storage)?.value;
        for character in page.items {
            serde_json::to_writer(&mut file, &Line::from(character)).map_err(|error| failed(Error::other(error)))?;
            file.write_all(b"\n").map_err(failed)?;
            rows += 1;
        }
        progress(rows);
        let Some(cursor) = page.next else { break };
        request = request.after(cursor);
    }
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)?;
    Ok(rows)
}
