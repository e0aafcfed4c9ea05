//! The reference Storage Service: the storage port of a database, served over HTTP. `--help` lists its configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    character_app::storage_service::main()
}
