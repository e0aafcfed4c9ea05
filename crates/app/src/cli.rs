//! The command lines of the binaries.

#[cfg(feature = "message-hub")]
use crate::config::MessageHubServiceConfig;
#[cfg(feature = "storage-service")]
use crate::config::StorageServiceConfig;
use crate::config::{CharacterServiceConfig, Variable, help};
#[cfg(feature = "storage-service")]
use character_storage_sql::Migrations;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(name = "character-service", version, about = "Stores characters and serves them at /api/v2")]
pub(crate) struct CharacterServiceCli {
    #[command(subcommand)]
    pub(crate) command: Option<CharacterServiceCommand>,
}

#[derive(Debug, Default, Subcommand)]
pub(crate) enum CharacterServiceCommand {
    /// Serve the API (the default command)
    #[default]
    Serve,
    /// Import a folder that `export` wrote; existing rows stay unchanged
    ///
    /// Does not run while a service uses the same DATA_DIR. Exits with status 1 when rows are rejected.
    Import {
        /// The folder with characters.ndjson, and optionally the other files
        folder: PathBuf,
    },
    /// Export all rows of all kinds, as of one moment, into a folder
    ///
    /// May run while a service uses the database. Does not change the database. Exits with status 3 when rows cannot be
    /// read; all others are exported.
    Export {
        /// The folder to write to; created if it does not exist
        folder: PathBuf,
    },
    /// Bring the schema of an embedded database up to date, and create the database when it does not exist
    ///
    /// For a central Storage Service, use `storage-service migrate`.
    Migrate,
    /// Write a copy of the SQLite database, as of one moment, to a file
    ///
    /// May run while a service uses the database. The file must not exist; `restore` puts it back.
    Backup {
        /// The file to write
        file: PathBuf,
    },
    /// Put a file that `backup` wrote in the place of the SQLite database
    ///
    /// Does not run while a service uses the database. Checks the file first, removes the files that SQLite keeps beside
    /// the old database, and begins a new epoch, which invalidates everything cached. The old database is kept beside the
    /// new one.
    Restore {
        /// The file to restore
        file: PathBuf,
    },
    /// Print the effective configuration, secrets masked, and probe every dependency
    Check,
    /// Begin a new epoch of an embedded database, which invalidates everything cached from it
    ///
    /// Use it after a database was restored from a backup while no process that knew the lost changes was running. In
    /// all other cases the storage detects a restored database itself. For a central Storage Service, use
    /// `storage-service new-epoch`.
    NewEpoch,
    /// Print the OpenAPI document of the API
    #[command(name = "openapi")]
    OpenApi,
    /// Print the AsyncAPI document of the events
    #[command(name = "asyncapi")]
    AsyncApi,
}

#[cfg(feature = "storage-service")]
#[derive(Debug, Parser)]
#[command(
    name = "storage-service",
    version,
    about = "Stores the data of the platform and serves it to the other services"
)]
pub(crate) struct StorageServiceCli {
    /// Apply no migration: fail when the schema lacks one, which `migrate` applies
    #[arg(long, global = true)]
    pub(crate) no_migrate: bool,
    #[command(subcommand)]
    pub(crate) command: Option<StorageServiceCommand>,
}

#[cfg(feature = "storage-service")]
#[derive(Debug, Default, Subcommand)]
pub(crate) enum StorageServiceCommand {
    /// Serve the storage contract (the default command)
    ///
    /// Waits for a PostgreSQL that is down, and is not ready meanwhile.
    #[default]
    Serve,
    /// Bring the schema of the database up to date, and end
    ///
    /// May run while services of the previous release use the database. Exits with status 1 when the database cannot be
    /// reached.
    Migrate,
    /// Write a copy of the SQLite database, as of one moment, to a file
    ///
    /// May run while a service uses the database. The file must not exist; `restore` puts it back.
    Backup {
        /// The file to write
        file: PathBuf,
    },
    /// Put a file that `backup` wrote in the place of the SQLite database
    ///
    /// Does not run while a service uses the database. Checks the file first, removes the files that SQLite keeps beside
    /// the old database, and begins a new epoch, which invalidates everything cached. The old database is kept beside the
    /// new one.
    Restore {
        /// The file to restore
        file: PathBuf,
    },
    /// Print the effective configuration, secrets masked, and probe the database
    Check,
    /// Begin a new epoch of the database, which invalidates everything that clients have cached from it
    ///
    /// Use it after the database was restored from a backup while no process that knew the lost changes was running. In
    /// all other cases the storage detects a restored database itself. May run while the service runs.
    NewEpoch,
}

#[cfg(feature = "message-hub")]
#[derive(Debug, Parser)]
#[command(
    name = "message-hub",
    version,
    about = "Keeps events for durable subscriptions, and routes requests to services"
)]
pub(crate) struct MessageHubCli {
    #[command(subcommand)]
    pub(crate) command: Option<MessageHubCommand>,
}

#[cfg(feature = "message-hub")]
#[derive(Debug, Default, Subcommand)]
pub(crate) enum MessageHubCommand {
    /// Serve the hub (the default command)
    #[default]
    Serve,
    /// Print the effective configuration, secrets masked, and probe what keeps the events
    Check,
    /// Print the OpenAPI document of the hub
    #[command(name = "openapi")]
    OpenApi,
}

/// Parses the arguments of the process. As clap does, it prints help, version or a mistake, and ends the process.
fn parsed<C: CommandFactory + FromArgMatches>(variables: &[&[Variable]]) -> C {
    let command = C::command().after_help(help(variables));
    C::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

pub(crate) fn character_service() -> CharacterServiceCommand {
    parsed::<CharacterServiceCli>(CharacterServiceConfig::VARIABLES).command.unwrap_or_default()
}

#[cfg(feature = "storage-service")]
/// The command, and what it does with a schema that lacks a migration.
pub(crate) fn storage_service() -> (StorageServiceCommand, Migrations) {
    let parsed = parsed::<StorageServiceCli>(StorageServiceConfig::VARIABLES);
    let migrations = if parsed.no_migrate { Migrations::Require } else { Migrations::Apply };
    (parsed.command.unwrap_or_default(), migrations)
}

#[cfg(feature = "message-hub")]
pub(crate) fn message_hub() -> MessageHubCommand {
    parsed::<MessageHubCli>(MessageHubServiceConfig::VARIABLES).command.unwrap_or_default()
}
