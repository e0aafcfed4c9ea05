//! The composition root: from a configuration to a wired application. The only crate that names concrete adapters
//! and the only one that reads the environment.
#![warn(missing_debug_implementations)]
// What only the other services use; a build with all of them reports what none uses.
#![cfg_attr(
    not(all(feature = "message-hub", feature = "storage-service")),
    expect(dead_code, reason = "shared by services that this build leaves out")
)]

mod admin;
pub mod character_service;
mod check;
mod cli;
mod client_noise;
pub mod config;
mod descriptors;
pub mod folder_lock;
mod http;
mod hub;
mod hub_presence;
pub mod hub_responder;
mod labels;
mod listeners;
mod log_lines;
mod log_queue;
#[cfg(feature = "message-hub")]
pub mod message_hub;
mod nats_metrics;
pub mod observed;
mod otlp;
mod private_files;
mod probes;
mod process_metrics;
mod repetitions;
pub mod reported;
pub mod reporting;
mod request_ids;
mod restore;
pub mod retention;
mod run;
mod sentry;
mod serve;
mod signals;
pub mod stack;
mod state_metrics;
#[cfg(feature = "storage-service")]
pub mod storage_service;
pub mod telemetry;
mod token_warnings;
mod trace_parent;
mod traced_events;
pub mod transfer;
#[cfg(feature = "storage-service")]
mod waiting;
mod watch;
