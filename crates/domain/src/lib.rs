//! The game's own words: identifiers, entities and the rules that need no input or output.
//!
//! Nothing here is asynchronous, knows HTTP, or knows how anything is stored. Every entity is plain
//! data with a [`Meta`] block, and says through `check` which of its fields break a rule.
#![warn(missing_debug_implementations)]

pub mod character;
pub mod document;
pub mod ids;
pub mod json;
pub mod meta;
pub mod violation;

pub use character::Character;
pub use document::Document;
pub use ids::{CampaignId, CharacterId, UserId};
pub use meta::{Meta, Revision, Timestamp, now};
pub use violation::{Violation, Violations};
