//! The AsyncAPI 3 document of the events that the Character Service publishes and receives.
//!
//! ```
//! let document = character_asyncapi::document();
//! assert_eq!(document["asyncapi"], "3.0.0");
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod catalog;
mod channels;
mod cloud_event;
mod data_schema;
mod document;
mod message;
#[cfg(feature = "validate")]
mod storage;
#[cfg(feature = "validate")]
mod validate;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The document, and an event.
pub use serde_json::Value;

pub use data_schema::data_schema;
pub use document::document;
#[cfg(feature = "validate")]
pub use storage::{SeenEvents, ValidatedStorage};
#[cfg(feature = "validate")]
pub use validate::{EventValidator, InvalidEvent};
