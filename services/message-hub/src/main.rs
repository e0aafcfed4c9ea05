//! The Message Hub: it keeps events for durable subscriptions, and routes requests to services. `--help` lists its
//! configuration.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    character_app::message_hub::main()
}
