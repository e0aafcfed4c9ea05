//! The composition root: from a configuration to a wired application. The only crate that names concrete adapters
//! and the only one that reads the environment.
#![warn(missing_debug_implementations)]

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
mod labels;
mod log_queue;
pub mod message_hub;
pub mod observed;
mod private_files;
mod probes;
pub mod reported;
pub mod reporting;
mod run;
mod serve;
pub mod stack;
mod state_metrics;
pub mod storage_service;
pub mod telemetry;
mod token_warnings;
mod trace_parent;
pub mod transfer;
mod watch;
