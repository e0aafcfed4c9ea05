//! The Character Service: REST at `/api/v2` over the storage port. `--help` lists its configuration.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    character_app::character_service::main()
}
