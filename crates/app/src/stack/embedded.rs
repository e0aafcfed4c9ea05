//! The embedded database, in the folder of the data.

use super::{Origin, Purpose};
use crate::{
    config::CharacterServiceConfig,
    folder_lock::FolderLock,
    private_files, retention,
    run::{CommandResult, say},
    state_metrics::show_database,
};
use character_storage_sql::{DatabaseLocation, SqlOptions, SqlStorage};
use prometheus_client::registry::Registry;
use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// The file of the embedded database.
const EMBEDDED: &str = "character.sqlite";

/// The storage in the folder of the data.
pub(super) async fn open(
    config: &CharacterServiceConfig,
    registry: &mut Registry,
    purpose: Purpose,
) -> Result<Origin, Box<dyn Error + Send + Sync>> {
    let folder: &Path = &config.data_dir;
    let lock = match purpose {
        Purpose::Serve => Some(FolderLock::serving(folder)?),
        Purpose::Import => Some(FolderLock::importing(folder)?),
        Purpose::Read => None,
    };
    let file = embedded_file(config);
    let location = DatabaseLocation::file(&file);
    let database = match purpose {
        Purpose::Serve | Purpose::Import => {
            let options = SqlOptions { log_poll: config.commit_log.poll, ..SqlOptions::default() };
            SqlStorage::open(location, options).await?
        }
        Purpose::Read => SqlStorage::open_existing(location, SqlOptions::default()).await?,
    };
    if lock.is_some() {
        private_files::warn_of_open(&private_files::of_database(&file));
    }
    if purpose == Purpose::Serve {
        retention::forget_old_commits(&database, config.commit_log);
        retention::thin_versions(&database, config.versions_keep);
    }
    show_database(&database, config.versions_keep, registry);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let place = format!("storage: embedded SQLite, data in {}", folder.display());
    let storage = database.clone().into_port();
    Ok(Origin {
        log: Arc::clone(&storage) as _,
        commits: Arc::clone(&storage),
        storage,
        place,
        transport: None,
        database: Some(database),
        lock,
    })
}

/// The file of the embedded database.
pub(crate) fn embedded_file(config: &CharacterServiceConfig) -> PathBuf {
    config.data_dir.join(EMBEDDED)
}

/// The embedded database, which must exist, to write.
///
/// # Errors
/// When there is none, or it cannot be opened.
pub(crate) async fn open_embedded(config: &CharacterServiceConfig) -> Result<SqlStorage, Box<dyn Error + Send + Sync>> {
    let file = embedded_file(config);
    match std::fs::metadata(&file) {
        Ok(found) if found.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(format!("the database at {} cannot be read: {error}", file.display()).into());
        }
        _ => return Err(format!("there is no database at {}", file.display()).into()),
    }
    create_embedded(config).await
}

/// The embedded database with a current schema, created when it does not exist.
///
/// # Errors
/// When it cannot be opened.
pub(crate) async fn create_embedded(
    config: &CharacterServiceConfig,
) -> Result<SqlStorage, Box<dyn Error + Send + Sync>> {
    Ok(SqlStorage::open(DatabaseLocation::file(embedded_file(config)), SqlOptions::default()).await?)
}

/// Prints that a database was brought up to date.
pub(crate) fn say_migrated() -> CommandResult {
    say("the schema of the database is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// Begins a new epoch of the database, by order of an operator.
pub(crate) async fn begin_new_epoch(database: &SqlStorage) -> CommandResult {
    let epoch = database.new_epoch().await?;
    say(format!("new epoch {epoch}: nothing that was cached of this database counts any more"))?;
    Ok(ExitCode::SUCCESS)
}
