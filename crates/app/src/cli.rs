//! The command lines of both binaries.

use crate::config::{CharacterServiceConfig, StorageServiceConfig, help};
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
    /// Serve the API (this is what happens without a command)
    #[default]
    Serve,
    /// Import a folder that `export` wrote; rows that exist are left as they are
    ///
    /// Refuses to run beside a service on the same DATA_DIR. Ends with status 1 when rows are refused.
    Import {
        /// The folder that holds characters.ndjson, and the other files if there are any
        folder: PathBuf,
    },
    /// Export all rows of all kinds, as they are at one moment, into a folder
    ///
    /// May run beside a service. Changes nothing in the database. Ends with status 3 when rows cannot be read; all others
    /// are exported.
    Export {
        /// The folder to write to; made if it does not exist
        folder: PathBuf,
    },
    /// Print the effective configuration, secrets masked, and probe every dependency
    Check,
    /// Begin a new epoch of an embedded database, so that nothing cached of it counts any more
    ///
    /// For a database that was put back from a backup while no process that knew the lost changes was running. A storage
    /// finds that by itself in all other cases. Of a central Storage Service, use `storage-service new-epoch`.
    NewEpoch,
    /// Print the OpenAPI document of the API
    #[command(name = "openapi")]
    OpenApi,
}

#[derive(Debug, Parser)]
#[command(name = "storage-service", version, about = "Keeps the data of the platform and serves it to the services")]
pub(crate) struct StorageServiceCli {
    #[command(subcommand)]
    pub(crate) command: Option<StorageServiceCommand>,
}

#[derive(Debug, Default, Subcommand)]
pub(crate) enum StorageServiceCommand {
    /// Serve the storage contract (this is what happens without a command)
    #[default]
    Serve,
    /// Print the effective configuration, secrets masked, and probe the database
    Check,
    /// Begin a new epoch of the database, so that nothing that clients have cached of it counts any more
    ///
    /// For a database that was put back from a backup while no process that knew the lost changes was running. The storage
    /// finds that by itself in all other cases. May run beside the service.
    NewEpoch,
}

/// Parses the arguments of the process; prints help, version or a mistake and ends the process where clap does.
pub(crate) fn character_service() -> CharacterServiceCommand {
    let command = CharacterServiceCli::command().after_help(help(CharacterServiceConfig::VARIABLES));
    match CharacterServiceCli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli.command.unwrap_or_default(),
        Err(error) => error.exit(),
    }
}

/// As [`character_service`], for the other binary.
pub(crate) fn storage_service() -> StorageServiceCommand {
    let command = StorageServiceCli::command().after_help(help(StorageServiceConfig::VARIABLES));
    match StorageServiceCli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli.command.unwrap_or_default(),
        Err(error) => error.exit(),
    }
}
