//! The Message Hub's port over HTTP: [`HttpHub`].
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod client;
mod config;
mod deliveries;
mod hub;
mod publish;
mod registration;
mod request;

pub use config::{ConnectError, HttpHubConfig};
pub use hub::HttpHub;
pub use registration::{REGISTER, UNREGISTER};
