//! A [`MessageHub`](character_message_hub::MessageHub) that keeps its events in one file of SQLite.
//!
//! One thread writes. It takes every call that waits, does all of them in one transaction, and acknowledges them after the
//! one `fsync`. What a subscription has not settled is a row for each event, and a
//! [`DeliveryQueue`](character_message_hub::DeliveryQueue) in memory, which is built from the rows when the file is opened.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod cache;
mod config;
mod deliveries;
mod group;
mod hub;
mod operators;
mod retention;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use config::{FileHubConfig, OpenError};
pub use hub::FileHub;
pub use operators::FileHubStatus;
