//! What of the way to PostgreSQL changes while the storage is used: user, password, certificates, number of connections.

use super::{Engine, SqlStorage};
use crate::{DatabaseLocation, location::Place, postgres::tls::described};
use character_domain::Violations;
use character_storage_port::{Result, StorageError};
use std::{path::PathBuf, time::SystemTime};

const RELOAD: &str = "reload";

impl SqlStorage {
    /// Uses the user, password and certificates of this URL for the next connections; open ones go on. SQLite has none.
    ///
    /// # Errors
    /// `Invalid`: the URL cannot be used, or leads to another database than before. What was in use stays in use.
    pub fn replace_access(&self, url: &str) -> Result<()> {
        let location = DatabaseLocation::parse(url)?;
        let invalid = |reason: &str| StorageError::invalid(Violations::one("url", reason), RELOAD);
        match (&*self.engine, location.0) {
            (Engine::Postgres(postgres), Place::Postgres { address, pooling }) if postgres.pooling() == pooling => {
                postgres.replace(address).map_err(invalid)
            }
            _ => Err(invalid(
                "must name the same kind of database, with the same pool_mode, as before; others need a restart",
            )),
        }
    }

    /// The files of certificates that the URL names.
    #[must_use]
    pub fn certificate_files(&self) -> Vec<PathBuf> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.address().tls.paths(),
            Engine::Sqlite(_) => Vec::new(),
        }
    }

    /// Reads those files again, for the next connections.
    ///
    /// # Errors
    /// `Invalid`, with the parameter and what is wrong with its file. What was in use stays in use.
    pub fn reload_certificates(&self) -> Result<()> {
        match &*self.engine {
            Engine::Postgres(postgres) => {
                let reloaded = postgres.address().tls.reload();
                reloaded.map_err(|error| StorageError::invalid(Violations::one("url", described(&error)), RELOAD))
            }
            Engine::Sqlite(_) => Ok(()),
        }
    }

    /// When the client certificate that the URL names expires; `None`: it names none.
    #[must_use]
    pub fn certificate_expires_at(&self) -> Option<SystemTime> {
        match &*self.engine {
            Engine::Postgres(postgres) => postgres.address().tls.expires_at(),
            Engine::Sqlite(_) => None,
        }
    }

    /// Permits this number of connections to PostgreSQL from now on. Surplus ones are closed when they are free.
    pub fn resize_pool(&self, connections: usize) {
        if let Engine::Postgres(postgres) = &*self.engine {
            postgres.resize(connections);
        }
    }
}
