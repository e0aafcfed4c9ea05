//! The inbox: handles each event of a Message Hub once.
//!
//! A hub delivers an event at least once. [`Inbox`] receives the events of a durable subscription and calls an
//! [`EventHandler`] with the [`EventIdentity`] of each. A handler that commits under
//! [`EventIdentity::transaction_id`] has one effect, however often the event is delivered and however many processes
//! handle it at once, because a [repeated transaction](character_storage_port::Commit::commit) is answered as the first
//! was and changes nothing.
//!
//! That holds as long as the storage remembers the id of the transaction. So the storage must remember ids for at least as
//! long as the hub keeps events: [`Inbox::new`] refuses options that say otherwise.
//!
//! [`Inbox::run_in_turn`] receives in one process at a time, for hubs that keep the order of a subject only while one
//! subscriber is connected.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod handler;
mod identity;
mod inbox;
mod metrics;
mod options;
mod status;
mod turn;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Writes the method of an [`EventHandler`].
pub use async_trait::async_trait;
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;

pub use handler::{EventHandler, Handled, Received};
pub use identity::EventIdentity;
pub use inbox::Inbox;
pub use options::{InboxError, InboxOptions};
pub use status::{InboxHandle, InboxState};
pub use turn::{LeaseSource, Turn};
