//! Which processes work on a data folder: a lock of the operating system on a file in it. The system releases it when the
//! process ends, however it ends.

use crate::private_files;
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// The name of the locked file. It is empty, and stays when the lock is free.
const FILE: &str = "service.lock";

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "it is held, not read")] File);

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderLockError {
    /// An import or a restore has it.
    #[error("an import or a restore is running on the data folder {0}: start the service once it has ended")]
    Importing(String),
    /// A service, or another import or restore, has it.
    #[error(
        "a service, an import or a restore is running on the data folder {0}: stop it first, since it would not notice \
         the new rows"
    )]
    Serving(String),
    /// The folder cannot be made, or its file not be opened or locked.
    #[error("the data folder {folder} cannot be locked")]
    Failed {
        /// The folder.
        folder: String,
        /// The cause.
        source: io::Error,
    },
}

impl FolderLock {
    /// For a service: any number of services share a folder, but none with an import. The folder is made when it is absent.
    ///
    /// # Errors
    /// [`FolderLockError::Importing`], or when the file cannot be opened or locked.
    pub fn serving(folder: &Path) -> Result<Self, FolderLockError> {
        Self::locked(folder, File::try_lock_shared, FolderLockError::Importing)
    }

    /// For an import or a restore, which requires the folder exclusively. Creates the folder when it is absent.
    ///
    /// # Errors
    /// [`FolderLockError::Serving`], or when the file cannot be opened or locked.
    pub fn importing(folder: &Path) -> Result<Self, FolderLockError> {
        Self::locked(folder, File::try_lock, FolderLockError::Serving)
    }

    fn locked(
        folder: &Path,
        lock: fn(&File) -> Result<(), TryLockError>,
        taken: fn(String) -> FolderLockError,
    ) -> Result<Self, FolderLockError> {
        let failed = |source| FolderLockError::Failed { folder: folder.display().to_string(), source };
        private_files::create_folder(folder).map_err(failed)?;
        let path = folder.join(FILE);
        let mut options = private_files::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed)?;
        private_files::warn_of_open(&[path]);
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(taken(folder.display().to_string())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_share_a_folder_and_an_import_has_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let services = [FolderLock::serving(folder.path()).unwrap(), FolderLock::serving(folder.path()).unwrap()];
        let refused = FolderLock::importing(folder.path()).unwrap_err();
        assert!(matches!(&refused, FolderLockError::Serving(path) if *path == folder.path().display().to_string()));
        drop(services);
        let import = FolderLock::importing(folder.path()).unwrap();
        assert!(matches!(FolderLock::serving(folder.path()), Err(FolderLockError::Importing(_))));
        assert!(matches!(FolderLock::importing(folder.path()), Err(FolderLockError::Serving(_))));
        drop(import);
        FolderLock::serving(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_that_does_not_exist_is_made_and_one_that_is_a_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        FolderLock::importing(&folder.path().join("a/b")).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = FolderLock::serving(&file).unwrap_err();
        assert!(refused.to_string().contains(&file.display().to_string()), "{refused}");
    }
}
