use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian and its descendants keep the server programs of PostgreSQL, which they leave out of the `PATH`.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// The program of that name in the `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| is_executable(program))
}

/// The program of that name in the `PATH`, or a panic that says which package to install.
pub fn required(name: &str, package: &str) -> PathBuf {
    in_path(name).unwrap_or_else(|| missing(name, package))
}

/// The folder with the PostgreSQL server programs: the one of `initdb` in the `PATH`, or the newest installed version.
pub(crate) fn postgres_folder() -> PathBuf {
    if let Some(folder) = in_path("initdb").and_then(|initdb| initdb.canonicalize().ok()?.parent().map(Path::to_owned))
    {
        return folder;
    }
    let versions = fs::read_dir(POSTGRES_VERSIONS).into_iter().flatten().flatten();
    versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            is_executable(&folder.join("initdb")).then_some((version, folder))
        })
        .max()
        .map_or_else(|| missing("initdb", "postgresql"), |(_, folder)| folder)
}

/// Runs a command to its end and answers what it printed; panics with its error output when it fails.
pub(crate) fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_executable(program: &Path) -> bool {
    program.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn missing(name: &str, package: &str) -> ! {
    panic!(
        "the tests need `{name}`, which is not on this machine. Install it (Debian, Ubuntu: `apt-get install \
         {package}`), or run `make test`, which does that where it may."
    )
}
