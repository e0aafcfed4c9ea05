//! The port of the Message Hub: [publish](MessageHub::publish) events, [subscribe](MessageHub::subscribe) to them durably, and
//! send [requests](MessageHub::request) to named services.
//!
//! Events are [`CloudEvent`]s (version 1.0). Adapters are separate crates; [`MemoryHub`] keeps everything in the memory of
//! one process, for tests and examples:
//!
//! ```
//! use character_message_hub::{CloudEvent, Filter, MemoryHub, Message, MessageHub, Subscription};
//! use serde_json::json;
//! use std::{sync::Arc, time::Duration};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = MemoryHub::new();
//! let mut deliveries = hub.subscribe(&Subscription::new("sheets".parse()?, Filter::all())).await?;
//!
//! let event = CloudEvent::new("1", "/characters", "character.created")?
//!     .with_subject("8c823d20")?
//!     .with_json(json!({ "name": "Ada" }));
//! let results = hub.publish(&[Message::of(Arc::new(event))], Duration::from_secs(5)).await;
//! assert!(!results[0].as_ref().unwrap().duplicate);
//!
//! let delivery = deliveries.next().await?;
//! assert_eq!(delivery.event().event_type(), "character.created");
//! delivery.ack().await?;
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attribute;
mod channel;
mod delivery;
mod error;
mod event;
mod filter;
mod format;
mod headers;
mod holder;
mod json;
mod limits;
mod memory;
mod message;
mod name;
mod operators;
mod port;
mod queue;
mod request;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// Writes the methods of the port in an adapter.
pub use async_trait::async_trait;
/// Data of an event, or a body.
pub use bytes::Bytes;
/// When an event was rejected.
pub use jiff::Timestamp;
/// JSON data of an event.
pub use serde_json::Value;
/// The clock of a [`DeliveryQueue`].
pub use tokio::time::Instant;

pub use attribute::{AttributeName, InvalidAttribute};
pub use channel::{Heard, PeerChannel};
pub use delivery::{Deliveries, Delivery, MAX_REASON, Settle, Settlement};
pub use error::{Applied, ErrorKind, HubError, Result};
pub use event::{CloudEvent, EventData};
pub use filter::{Filter, InvalidFilter};
pub use headers::{Headers, HopByHop};
pub use holder::{HolderRecord, HolderRecords, MAX_HOLDER_AGE};
pub use limits::{DeliveryLimits, InFlight};
pub use memory::MemoryHub;
pub use message::{MAX_BATCH, MAX_EVENT_BYTES, MAX_MESSAGE_ID, Message, Published};
pub use name::{InvalidName, ServiceName, SubscriptionName};
pub use operators::{HubOperations, RejectedEvent, SubscriptionState};
pub use port::{MessageHub, NEXT, PROBE, PUBLISH, REQUEST, SETTLE, SUBSCRIBE, Subscription};
pub use queue::{DeliveryQueue, NotHeld, Receipt};
pub use request::{Reply, ServiceRequest};
