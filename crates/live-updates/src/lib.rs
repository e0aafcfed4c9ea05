//! Live updates of characters and campaigns, from the log of commits.
//!
//! [`LiveUpdates`] reads the log once for all streams of a process, and only while there is a stream. A [`LiveStream`]
//! filters it for one client. Each item that carries an id can be resumed from, in any process: the id is a cursor of
//! the log. An update is delivered at least once; a client that resumes in the middle of a batch receives the
//! beginning of the batch again and recognises it by [`LiveUpdate::id`].
//!
//! ```
//! use character_domain::CharacterId;
//! use character_live_updates::{Interest, LiveItem, LiveUpdates};
//! use character_storage_port::MemoryStorage;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let updates = LiveUpdates::new(Arc::new(MemoryStorage::new()));
//! let interest = Interest { characters: [CharacterId::from(uuid::Uuid::nil())].into(), ..Interest::default() };
//! let mut stream = updates.open(interest, None).await?;
//! assert!(matches!(stream.next().await, Some(LiveItem::Hello { .. })));
//! # Ok(())
//! # }
//! ```
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod feed;
mod metrics;
mod stream;
mod update;

// The types of other crates that the interface has, so that an embedder takes each in the same version.
/// The ids of characters and campaigns, a revision, and the time of an update.
pub use character_domain::{CampaignId, CharacterId, Revision, Timestamp};
/// The registry in which metrics are shown.
pub use prometheus_client::registry::Registry;
/// The bits of every id.
pub use uuid::Uuid;

pub use feed::LiveUpdates;
pub use metrics::LiveMetrics;
pub use stream::{HEARTBEAT, Interest, LiveItem, LiveStream};
pub use update::{CAMPAIGN_CHANGED, CHARACTER_CHANGED, LiveUpdate};
