//! Data of events about a character and its campaign.

use crate::{CampaignEventId, CampaignId, CharacterId, EventImpactId, ImpactType};
use serde::Serialize;

/// A character joined or left a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CampaignMembership {
    /// The character.
    pub character_id: CharacterId,
    /// The campaign that it joined or left.
    pub campaign_id: CampaignId,
}

/// The effect of an event of a campaign came into force, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EffectChanged {
    /// The character.
    pub character_id: CharacterId,
    /// The event of the campaign.
    pub event_id: CampaignEventId,
    /// What the event changes.
    pub impact_type: ImpactType,
    /// The record of the effect. Absent when a version was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub impact_id: Option<EventImpactId>,
    /// The amount that the event changes; negative for a loss. Absent when a version was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false, minimum = -1_000_000_000, maximum = 1_000_000_000))]
    pub impact_magnitude: Option<i64>,
    /// `true` when a version was restored, and the effect followed the sheet. Absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub restored: bool,
}
