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

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// What a client trusts, and its own certificate.
#[cfg(feature = "rustls")]
pub use character_credentials::ClientTls;
/// A token, a password or an address that can be replaced, and its text.
pub use character_credentials::{Secret, SecretString};
/// An address.
pub use url::Url;

pub use config::{ConnectError, HttpHubConfig};
pub use hub::HttpHub;
pub use registration::{REGISTER, UNREGISTER};
