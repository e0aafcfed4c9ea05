//! The conformance suite of the Message Hub port.
//!
//! The clauses are those of the port's `CONTRACT.md`, one test each. To run them over an adapter:
//!
//! ```
//! // tests/conformance.rs
//! use character_message_hub::{MemoryHub, MessageHub, ServiceName};
//! use character_message_hub_testkit::{Handler, HubHarness, message_hub_conformance};
//! use std::sync::Arc;
//!
//! struct InMemory;
//!
//! impl HubHarness for InMemory {
//!     type Guard = MemoryHub;
//!     async fn fresh() -> (MemoryHub, Arc<dyn MessageHub>) {
//!         let hub = MemoryHub::new();
//!         (hub.clone(), Arc::new(hub))
//!     }
//!     async fn respond(hub: &MemoryHub, service: ServiceName, handler: Handler) {
//!         hub.respond(service, move |request| handler(request));
//!     }
//! }
//!
//! message_hub_conformance!(in_memory, InMemory);
//! ```
//!
//! That makes tests such as `in_memory::a_repeat_is_a_duplicate_and_a_success`. Each begins with [`HubHarness::fresh`], has a
//! runtime of its own, and ends within [`PATIENCE`] or fails.
//!
//! A hub that keeps what it has acknowledged has a [`DurableHubHarness`] too, which crashes it and opens it again, and
//! [`message_hub_durability!`] beside. `tests/wrong/` holds hubs with one mistake each, which prove that the suite notices.
//!
//! A [`ScriptedHub`] is for the tests of what uses a hub: it fails, hangs or answers as the test wants.
//!
//! For tests only: most of this crate panics.
#![warn(missing_debug_implementations)]
#![expect(clippy::expect_used, clippy::panic, reason = "a clause judges by panicking")]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod clauses;
mod harness;
pub mod sample;
mod scripted;
mod stage;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// What a [`Handler`] returns.
pub use futures_util::future::BoxFuture;

pub use clauses::{Clause, clauses, durable_clauses, sentence};
pub use harness::{Clock, DurableHubHarness, Handler, HubHarness, PATIENCE, run, run_durable};
pub use scripted::{Call, ScriptedHub, Step};
pub use stage::Stage;
