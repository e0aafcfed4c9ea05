//! What other services report of campaigns, applied to the rows of the Character Service.
//!
//! [`CampaignEvents`] handles the events that [`FILTER`] names. Each has one effect, because every transaction has an id
//! made of the identity of its event.
#![warn(missing_debug_implementations)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod data;
mod handler;
mod outcome;
#[cfg(test)]
mod tests;

pub use character_domain::event::{CAMPAIGN_EVENT, CAMPAIGN_GAME_MASTER_CHANGED, CAMPAIGN_RENAMED};
pub use handler::CampaignEvents;

/// The events of a subscription, in the words of [`Filter`](character_message_hub::Filter).
pub const FILTER: &str = "campaign.renamed,campaign.game_master_changed,campaign.event";
/// The name of the subscription.
pub const SUBSCRIPTION: &str = "character-service";
