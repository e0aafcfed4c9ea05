//! The reference Storage Service: the storage port of a database, served over HTTP. `--help` lists its configuration.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    character_app::storage_service::main()
}
