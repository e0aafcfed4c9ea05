//! The bodies of requests and responses.

use crate::RowBody;
use character_domain::{CampaignEvent, EventImpact, ImpactType, Timestamp};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The campaign that the character joins.
#[derive(Debug, ToSchema)]
pub struct JoinRequest {
    /// The id of the campaign.
    pub campaign_id: Uuid,
}

/// An event of a campaign.
pub type CampaignEventBody = RowBody<CampaignEvent>;

/// An impact of an event.
pub type EventImpactBody = RowBody<EventImpact>;

/// A new event. Unknown fields are rejected; `null` means the same as an absent field.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "event_type": "training", "impact_type": "ability_score", "impact_magnitude": 1,
    "event_data": { "ability": "strength", "reason": "A winter with the smiths" },
}))]
pub struct NewCampaignEventBody {
    /// Default: a new UUID of version 7.
    pub id: Option<Uuid>,
    /// The id of the entry about the event in the journal of the character.
    pub journal_entry_id: Option<Uuid>,
    /// The type in free text, such as `combat`, `training` or `death`.
    #[schema(default = "campaign_event", min_length = 1, max_length = 64)]
    pub event_type: Option<String>,
    /// Details. An impact on an ability score must name the `ability`.
    #[schema(value_type = Option<Object>)]
    pub event_data: Option<Map<String, Value>>,
    /// What it changes: `hit_points` (a loss ends at 0, a gain at the maximum), `experience` (and with it the level),
    /// `ability_score` (a loss ends at 1, a gain at 30), `other` (nothing: it is recorded). A number that is already
    /// outside these bounds is not moved into them.
    pub impact_type: ImpactType,
    /// The amount of the change; negative for a loss. Required unless the impact is `other`.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub impact_magnitude: Option<i64>,
    /// When it happened. Default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub timestamp: Option<Timestamp>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Value>>,
}
