use std::path::Path;
use std::process::Command;

use crate::program;

/// Runs SQL on an SQLite file, which may be in use, and answers the rows, a line each; blocks for 5 s at most while
/// another process writes. Panics when a statement fails.
///
/// The program of SQLite does it, since one crate alone may use the library.
pub fn query_sqlite(file: &Path, statements: &str) -> String {
    let mut command = Command::new(program::required("sqlite3", "sqlite3"));
    command.args(["-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 5000"]).arg(file).arg(statements);
    program::output_of(&mut command).trim_end().to_owned()
}
