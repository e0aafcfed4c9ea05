//! The Message Hub over NATS: events in a stream of JetStream, requests over core NATS.
//!
//! ```no_run
//! use character_message_hub::{CloudEvent, Message, MessageHub};
//! use character_message_hub_nats::{NatsHub, NatsHubConfig};
//! use std::{sync::Arc, time::Duration};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = NatsHub::connect(NatsHubConfig::new("nats://127.0.0.1:4222")).await?;
//! let event = CloudEvent::new("1", "/characters", "character.created")?.with_subject("8c823d20")?;
//! // Kept under the subject character.event.8c823d20.character.created
//! let results = hub.publish(&[Message::of(Arc::new(event))], Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! A service answers requests with a [`NatsResponder`]; [`HttpForwarder`] passes them to its HTTP listener.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api;
mod budget;
mod channel;
mod codec;
mod config;
mod consumer;
mod events;
mod feed;
mod feeds;
mod forward;
mod gate;
mod held;
mod holders;
mod hub;
mod lane;
mod link;
mod operators;
mod percent;
mod publish;
mod pump;
mod rejecting;
mod rejections;
mod replies;
mod request;
mod requested;
mod responder;
mod stream;
mod subject;
mod subscribe;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// What a client trusts, and its own certificate; a token that can be replaced, and its text.
pub use character_credentials::{ClientTls, Secret, SecretString};
/// Writes the methods of a [`ServiceHandler`].
pub use character_message_hub::async_trait;

pub use budget::{BudgetUse, NatsBudget};
pub use channel::NatsChannel;
pub use config::{Credentials, InvalidConfig, NatsHubConfig, Subscribers};
pub use forward::HttpForwarder;
pub use hub::{NatsHub, NatsStatistics};
pub use responder::{NatsResponder, ServiceHandler, problem};
