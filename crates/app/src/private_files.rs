//! Files and folders that only the user of the service may read, whatever the umask.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// What a mode grants to anybody but the owner.
const OTHERS: u32 = 0o077;

/// Creates the folder and those above it that do not exist.
///
/// # Errors
/// When one cannot be created.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Options that create a file which only its owner may read and write. One that exists keeps its mode.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Creates the file in place of one that has its name, which may have another mode, or be a link to somewhere else.
pub(crate) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    options().write(true).create_new(true).open(path)
}

/// Those of the paths that users other than the owner can reach, with their modes. What does not exist is left out.
fn open_to_others(paths: &[PathBuf]) -> Vec<(&Path, u32)> {
    let mode = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o7777);
    paths.iter().filter_map(|path| Some((path.as_path(), mode(path)?))).filter(|(_, mode)| mode & OTHERS != 0).collect()
}

/// Logs a warning for each path that users other than its owner can reach. An operator may want that, so nothing is changed.
pub(crate) fn warn_of_open(paths: &[PathBuf]) {
    for (path, mode) in open_to_others(paths) {
        tracing::warn!(
            path = %path.display(),
            mode = format!("{mode:04o}"),
            "other users of this machine can read the data; prevent it with: chmod go= PATH"
        );
    }
}

/// An SQLite file with its folder and the files that SQLite keeps beside it.
pub(crate) fn of_database(file: &Path) -> Vec<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
    folder.into_iter().chain([file.to_owned(), beside("-wal"), beside("-shm")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_and_a_new_file_belong_to_their_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let (folder, file) = (root.path().join("a/b"), root.path().join("a/b/file"));
        create_folder(&folder).unwrap();
        options().write(true).create(true).open(&file).unwrap();
        let paths = [root.path().join("a"), folder, file.clone(), root.path().join("absent")];
        assert_eq!(open_to_others(&paths), []);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(open_to_others(&paths), [(file.as_path(), 0o640)]);
    }
}
