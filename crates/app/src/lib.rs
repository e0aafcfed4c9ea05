//! The composition root: from a configuration to a wired application. The only crate that names concrete adapters
//! and the only one that reads the environment.
#![warn(missing_debug_implementations)]

pub mod character_service;
mod check;
mod cli;
pub mod config;
pub mod observed;
mod run;
mod serve;
pub mod stack;
pub mod storage_service;
pub mod telemetry;
pub mod transfer;
