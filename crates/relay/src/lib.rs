//! The relay: publishes the events of the log of commits to a Message Hub.
//!
//! [`Relay::run`] follows the [`Log`](character_storage_port::Log) as the durable
//! [consumer](character_storage_port::Consumers) [`CONSUMER`] and publishes each [`DomainEvent`] as a
//! [`CloudEvent`](character_message_hub::CloudEvent).
//!
//! - **At least once.** The cursor of the consumer moves only past commits whose events the hub has acknowledged, or which
//!   are parked. An event with an unknown outcome is published again under the same message id.
//! - **In order per character.** The events of a character are published in the order of the log. An event that fails is
//!   repeated before later events of its character are published; other characters continue.
//! - **By one process at a time.** The lease of the consumer decides. Work stops some time before the lease ends, and a
//!   process without the lease moves nothing.
//! - **A hub that fails costs waiting and nothing else.** Only an event that the hub refuses by itself
//!   ([`HubError::is_permanent`](character_message_hub::HubError::is_permanent)) is counted, and parked after
//!   [`RelayOptions::max_refusals`].
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backoff;
mod convert;
mod lease;
mod metrics;
mod options;
mod queue;
mod relay;
mod status;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// An event of the log, and the time in a [`RelayStatus`].
pub use character_storage_port::{DomainEvent, Timestamp};
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;

pub use convert::{Envelope, cloud_event, replay_message};
pub use options::{CONSUMER, InvalidOptions, RelayOptions};
pub use relay::{CommitSource, Relay};
pub use status::{ParkObserver, RelayHandle, RelayState, RelayStatus, WaitReason};
