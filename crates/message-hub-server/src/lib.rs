//! Serves any [`MessageHub`] over version 1 of the hub's HTTP contract.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod body;
mod config;
mod events;
mod metrics;
mod openapi;
mod operators;
mod query;
mod refusal;
mod routing;
mod server;

pub use config::{HubServerConfig, InstanceUrl, InvalidInstance};
pub use openapi::openapi;
pub use operators::{HubOperations, NoOperations};
pub use refusal::{PROBLEM_TYPES, overloaded};
pub use server::HubServer;

/// Every path of the contract begins with this one, and every request to it needs a bearer token.
pub const BASE: &str = character_message_hub_wire::BASE;

#[cfg(doc)]
use character_message_hub::MessageHub;
