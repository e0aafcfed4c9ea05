//! Serves any [`MessageHub`] over version 1 of the hub's HTTP contract.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod body;
mod caller;
mod config;
mod events;
mod metrics;
mod openapi;
mod operators;
mod refusal;
mod routing;
mod server;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The HTTP server whose application serves the contract.
pub use actix_web;
/// What a client trusts, and its own certificate.
#[cfg(feature = "rustls")]
pub use character_credentials::ClientTls;
/// The tokens that clients send, and endpoints beside the contract.
pub use character_http_kit::{AcceptedTokens, Endpoints};
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;

pub use config::{HubServerConfig, InstanceUrl, InvalidHubServer, InvalidInstance, PEER_PREFIX};
pub use openapi::openapi;
pub use refusal::{PROBLEM_TYPES, overloaded};
pub use server::HubServer;

/// Every path of the contract begins with this one, and every request to it needs a bearer token.
pub const BASE: &str = character_message_hub_wire::BASE;

#[cfg(doc)]
use character_message_hub::MessageHub;
