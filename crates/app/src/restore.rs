//! The commands `backup` and `restore` of an SQLite database.

use crate::{
    folder_lock::FolderLock,
    run::{CommandResult, say},
};
use character_storage_sql::{Restored, back_up, restore};
use std::{path::Path, process::ExitCode};

/// Writes a copy of the database of one moment, also beside a running service.
pub(crate) async fn copy_database(database: Option<&Path>, file: &Path) -> CommandResult {
    let bytes = back_up(of_sqlite(database)?, file).await?;
    say(format!("{}: {bytes} bytes", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy in the place of the database, which no service may have open.
pub(crate) async fn restore_database(database: Option<&Path>, file: &Path) -> CommandResult {
    let database = of_sqlite(database)?;
    let _lock = database.parent().map(FolderLock::importing).transpose()?;
    let Restored { before, epoch } = restore(file, database).await?;
    say(format!("{} is restored from {}, with the new epoch {epoch}", database.display(), file.display()))?;
    if let Some(before) = before {
        say(format!("{} is what was there before; remove it when it is no longer needed", before.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn of_sqlite(database: Option<&Path>) -> Result<&Path, &'static str> {
    database.ok_or(
        "the data is not in an SQLite file of this service: use the tools of PostgreSQL, or the command of the \
         Storage Service",
    )
}
