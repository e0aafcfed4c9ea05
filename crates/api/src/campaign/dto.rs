//! The bodies of requests and responses.

use crate::MetaBody;
use character_domain::{CampaignEvent, EventImpact, ImpactType, Members, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The campaign that the character joins.
#[derive(Debug, ToSchema)]
pub struct JoinRequest {
    /// The id of the campaign.
    pub campaign_id: Uuid,
}

/// An event of a campaign. It affects the character when it is applied.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignEventBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the character that it affects.
    pub character_id: Uuid,
    /// The id of the journal entry about the event.
    pub journal_entry_id: Option<Uuid>,
    /// The type in free text, such as `combat`, `training` or `death`.
    pub event_type: String,
    /// Details, such as `ability`, `damage_type` or `reason`.
    #[schema(value_type = Object)]
    pub event_data: Members,
    /// What it changes: `hit_points`, `experience`, `ability_score`, `other`.
    pub impact_type: ImpactType,
    /// The amount of the change; negative for a loss.
    pub impact_magnitude: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Whether its effect is on the sheet now.
    pub applied: bool,
    /// When it was applied; `null` while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub applied_at: Option<Timestamp>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<CampaignEvent> for CampaignEventBody {
    fn from(event: CampaignEvent) -> Self {
        Self {
            id: event.id.0,
            character_id: event.character_id.0,
            journal_entry_id: event.journal_entry_id.map(Into::into),
            event_type: event.event_type,
            event_data: event.event_data.0,
            impact_type: event.impact_type,
            impact_magnitude: event.impact_magnitude,
            timestamp: event.timestamp,
            applied: event.applied,
            applied_at: event.applied_at,
            data: event.data.0,
            meta: event.meta.into(),
        }
    }
}

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

/// An impact: the change that an event made to a sheet.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventImpactBody {
    /// The unique id; never changes.
    pub id: Uuid,
    /// The id of the event.
    pub event_id: Uuid,
    /// The id of the character whose sheet it changed.
    pub character_id: Uuid,
    /// What it changed: `hit_points`, `experience`, `ability_score`, `other`.
    pub impact_type: ImpactType,
    /// The size of the change: `amount`, or `ability` and `adjustment`.
    #[schema(value_type = Object)]
    pub impact_data: Members,
    /// Whether it was applied.
    pub applied: bool,
    /// When it was applied; `null` when it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub applied_at: Option<Timestamp>,
    /// The part of the sheet that it changed, as it was before.
    #[schema(value_type = Object)]
    pub reversion_data: Members,
    /// Whether it was reverted.
    pub is_reverted: bool,
    /// When it was reverted; `null` while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reverted_at: Option<Timestamp>,
    /// Notes in free text.
    pub notes: Option<String>,
    /// Any other data, as a JSON object.
    #[schema(value_type = Object)]
    pub data: Members,
    /// The revision, and when it was created, changed and deleted.
    #[serde(flatten)]
    pub meta: MetaBody,
}

impl From<EventImpact> for EventImpactBody {
    fn from(impact: EventImpact) -> Self {
        Self {
            id: impact.id.0,
            event_id: impact.event_id.0,
            character_id: impact.character_id.0,
            impact_type: impact.impact_type,
            impact_data: impact.impact_data.0,
            applied: impact.applied,
            applied_at: impact.applied_at,
            reversion_data: impact.reversion_data.0,
            is_reverted: impact.is_reverted,
            reverted_at: impact.reverted_at,
            notes: impact.notes,
            data: impact.data.0,
            meta: impact.meta.into(),
        }
    }
}
