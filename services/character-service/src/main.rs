//! The Character Service: REST at `/api/v2` over the storage port. `--help` lists its configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    character_app::character_service::main()
}
