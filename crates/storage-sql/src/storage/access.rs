//! What of the way to PostgreSQL changes while the storage is used: user, password, certificates, number of connections.

use super::SqlStorage;
use crate::DatabaseLocation;
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
        self.engine.replace(DatabaseLocation::parse(url)?.0).map_err(|reason| invalid(reason.to_owned()))
    }

    /// The files of certificates that the URL names.
    #[must_use]
    pub fn certificate_files(&self) -> Vec<PathBuf> {
        self.engine.certificate_files()
    }

    /// Reads those files again, for the next connections.
    ///
    /// # Errors
    /// `Invalid`, with the parameter and what is wrong with its file. What was in use stays in use.
    pub fn reload_certificates(&self) -> Result<()> {
        self.engine.reload_certificates().map_err(invalid)
    }

    /// When the client certificate that the URL names expires; `None`: it names none.
    #[must_use]
    pub fn certificate_expires_at(&self) -> Option<SystemTime> {
        self.engine.certificate_expires_at()
    }

    /// Permits this number of connections to PostgreSQL from now on. Surplus ones are closed when they are free.
    pub fn resize_pool(&self, connections: usize) {
        self.engine.resize(connections);
    }
}

fn invalid(reason: String) -> StorageError {
    StorageError::invalid(Violations::one("url", &reason), RELOAD)
}
